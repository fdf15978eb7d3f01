/**
 * Real containers for tests: podman with limits that a host of tests allows, and a tiny MCP server
 * as an image. Needs run permission for podman, and `busybox-static`, `runc`.
 *
 * @module
 */

import { openProcesses } from "../../lib/host/process.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { ContainerEngine } from "../../lib/gateway/engine.ts";
import type { Env } from "../../lib/core/host.ts";
import { FakeLog } from "../fake_log.ts";

/** Hosts of tests are containers themselves, with lower limits than podman's own. */
const CONF = `[containers]
default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
[engine]
runtime="runc"
`;

/** Answers what a session asks; `say` gives the variable GREETING; other tools misbehave. */
const SERVER = `#!/bin/busybox sh
[ -n "$STUBBORN" ] && trap '' TERM
echo "ready to serve" >&2
while read -r line || [ -n "$STUBBORN" ]; do
  [ -z "$line" ] && { /bin/busybox sleep 1; continue; }
  id=$(echo "$line" | /bin/busybox sed -n 's/.*"id":\\([0-9]*\\).*/\\1/p')
  reply() { echo "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":$id,\\"result\\":$1}"; }
  case "$line" in
    *'"initialize"'*) reply '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"tiny","version":"1"}}';;
    *'"tools/list"'*) reply '{"tools":[{"name":"say","description":"'"$DESCRIPTION"'","inputSchema":{"type":"object"}},{"name":"exit","inputSchema":{"type":"object"}},{"name":"eat","inputSchema":{"type":"object"}},{"name":"write","inputSchema":{"type":"object"}},{"name":"interfaces","inputSchema":{"type":"object"}},{"name":"flood","inputSchema":{"type":"object"}}]}';;
    *'"name":"say"'*) reply '{"content":[{"type":"text","text":"'"$GREETING"'"}]}';;
    *'"name":"exit"'*) exit 7;;
    *'"name":"eat"'*) x=$(/bin/busybox dd if=/dev/zero bs=1M count=200 2>/dev/null | /bin/busybox tr '\\0' a); reply '{"content":[]}';;
    *'"name":"write"'*) if echo x > /file 2>/dev/null; then w=written; else w=refused; fi; reply '{"content":[{"type":"text","text":"'"$w"'"}]}';;
    *'"name":"interfaces"'*) reply '{"content":[{"type":"text","text":"'"$(/bin/busybox ls /sys/class/net | /bin/busybox tr '\\n' ' ')"'"}]}';;
    *'"name":"flood"'*) /bin/busybox yes flood | /bin/busybox head -c 5000000 >&2; reply '{"content":[]}';;
  esac
done
`;

/** Podman as the tests start it. */
export interface TestEngine extends AsyncDisposable {
  /** The environment that podman needs here. */
  readonly env: Env;
  /** Temporary folder of the test. */
  readonly folder: string;
  /** Opens an engine for a run of an owner. */
  open(owner: string, run: string): ContainerEngine;
  /** Runs podman; throws with what it says when it fails. */
  podman(args: readonly string[]): Promise<string>;
}

/** Prepares podman; disposing removes the containers of `owner` names that begin with `test-`. */
export async function startContainers(): Promise<TestEngine> {
  const folder = await Deno.makeTempDir({ prefix: "wharf-containers-" });
  await Deno.writeTextFile(`${folder}/containers.conf`, CONF);
  const env: Record<string, string> = { CONTAINERS_CONF: `${folder}/containers.conf` };
  for (const name of ["PATH", "HOME", "XDG_RUNTIME_DIR", "TMPDIR"]) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  const podman = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await new Deno.Command("podman", {
      args: [...args],
      env,
      clearEnv: true,
    }).output();
    const decoder = new TextDecoder();
    if (code !== 0) throw new Error(`podman ${args[0]}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout).trim();
  };
  const owners = new Set<string>();
  return {
    env,
    folder,
    podman,
    open(owner, run) {
      owners.add(owner);
      return new ContainerEngine(
        { processes: openProcesses(systemClock), clock: systemClock, log: new FakeLog(), env },
        {
          engine: "podman",
          owner: { id: owner, run },
          folder: {
            path: folder,
            clean: () => Deno.remove(`${folder}/oom`).catch(() => {}),
          },
        },
      );
    },
    async [Symbol.asyncDispose]() {
      for (const owner of owners) {
        const names = await podman([
          "ps",
          "--all",
          `--filter=label=wharf.owner=${owner}`,
          "--format={{.Names}}",
        ]);
        for (const name of names.split("\n").filter(Boolean)) {
          await podman(["rm", "-f", "--time=0", name]);
        }
      }
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/**
 * Builds the tiny server and pushes it.
 *
 * @param containers Podman.
 * @param reference Where it goes, such as `127.0.0.1:5000/team/tiny:1`.
 * @param marker Makes another image of the same server.
 */
export async function pushTinyServer(
  containers: TestEngine,
  reference: string,
  marker = "1",
): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: containers.folder });
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find(isFile);
  if (busybox === undefined) throw new Error("busybox is not there");
  await Deno.copyFile(busybox, `${folder}/busybox`);
  await Deno.writeTextFile(`${folder}/server.sh`, SERVER);
  await Deno.writeTextFile(
    `${folder}/Containerfile`,
    [
      "FROM scratch",
      "COPY busybox /bin/busybox",
      "COPY server.sh /server.sh",
      `LABEL marker=${marker}`,
      'ENTRYPOINT ["/bin/busybox","sh","/server.sh"]',
      "",
    ].join("\n"),
  );
  await containers.podman(["build", "-q", "-t", reference, folder]);
  await containers.podman(["push", "-q", "--tls-verify=false", reference]);
  await containers.podman(["rmi", "-f", reference]);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
