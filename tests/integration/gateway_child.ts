/**
 * A process for tests that kill it: starts one package as Wharf does, says `started`, asks it
 * something, says `answered`, and waits.
 * Arguments: state directory, package as JSON, base URL
 * of the registry. Needs all permissions.
 *
 * @module
 */

import { systemClock } from "../../lib/host/clock.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { openStdio } from "../../lib/host/stdio.ts";
import { launchProcess } from "../../lib/gateway/process_launch.ts";
import { planProcess } from "../../lib/gateway/process_plan.ts";
import { RuntimeFinder, type Runtimes } from "../../lib/gateway/runtimes.ts";
import type { Launched } from "../../lib/gateway/launched.ts";
import type { PackageRef } from "../../lib/gateway/package_name.ts";
import type { ServerPart } from "../../lib/gateway/process_argv.ts";
import type { ProcessOptions, ProcessPlan } from "../../lib/gateway/process_plan.ts";

/** How {@linkcode launchPackage} starts. */
export interface LaunchPackageOptions extends Partial<ProcessOptions> {
  /** Absolute path of the state directory. */
  readonly stateDirectory: string;
  /** The server's own arguments and environment. @default nothing */
  readonly rendered?: ServerPart;
}

/** What of this machine's environment a runtime needs to reach the network. */
function hostEnv(): Record<string, string> {
  const names = ["PATH", "HOME", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY"];
  return Object.fromEntries(
    [...names, "NPM_CONFIG_REGISTRY"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What can run packages here. */
export function runtimes(): Promise<Runtimes> {
  return new RuntimeFinder({ processes: openProcesses(), env: hostEnv() }).find();
}

/**
 * Plans and starts a package with the real host.
 *
 * @param pkg The package.
 * @param options State directory and what differs from the default.
 */
export async function launchPackage(
  pkg: PackageRef,
  options: LaunchPackageOptions,
): Promise<{ readonly plan: ProcessPlan; readonly server: Launched }> {
  const processes = openProcesses();
  const env = { ...hostEnv(), ...options.env };
  const plan = planProcess(pkg, options.rendered ?? { args: [], env: {} }, {
    runtimes: await runtimes(),
    policy: { unsandboxed: false },
    engineAvailable: false,
    network: "default",
    pid: Deno.pid,
    ...options,
    env,
  });
  if (plan.sandbox === "container") throw new Error("Cannot start a container here");
  const disk = openDisk(options.stateDirectory);
  return { plan, server: await launchProcess(plan, { processes, clock: systemClock, disk }) };
}

if (import.meta.main) {
  const [stateDirectory = "", pkg = "", registry = ""] = Deno.args;
  const env = { NPM_CONFIG_REGISTRY: registry };
  const { server } = await launchPackage(JSON.parse(pkg), { stateDirectory, env });
  const { out } = openStdio();
  server.transport.onmessage = () => out("answered");
  await server.transport.start();
  out("started");
  await server.transport.send({ jsonrpc: "2.0", id: 1, method: "probe" });
  await server.exited;
}
