/**
 * A second process for the tests of `lib/host`: does one thing and prints one line of JSON. Run by
 * {@linkcode child}; the permissions are those that the test gives.
 *
 * @module
 */

import { toAppError } from "../../lib/core/errors.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openConfigFiles } from "../../lib/host/config_files.ts";
import { openDisk, openFiles } from "../../lib/host/disk.ts";
import { readEnv } from "../../lib/host/env.ts";
import { listen, openNet } from "../../lib/host/net.ts";
import { grantedPermissions } from "../../lib/host/permissions.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { openStdio } from "../../lib/host/stdio.ts";

const LIMITS = { maxBytes: 64 * 1024 * 1024 };
const stdio = openStdio();
const report = (value: unknown) => stdio.out(JSON.stringify(value));

const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<unknown>>> = {
  /** Replaces a file again and again, each time with one letter, until it is killed. */
  async rewrite([root = "", size = ""]) {
    const disk = openDisk(root);
    for (let round = 0;; round++) {
      await disk.write("file", new Uint8Array(Number(size)).fill(65 + round % 26));
      if (round === 0) report("ready");
    }
  },
  /** Holds a lock until its standard input ends. */
  async lock([root = "", name = ""]) {
    await using _lock = await openDisk(root).lock(name);
    report("locked");
    for await (const _chunk of stdio.readable);
    return "unlocked";
  },
  async readFile([path = ""]) {
    return (await openFiles().read(path, LIMITS))?.byteLength ?? "absent";
  },
  async readDisk([root = "", path = ""]) {
    return (await openDisk(root).read(path, LIMITS))?.byteLength ?? "absent";
  },
  async writeDisk([root = "", path = ""]) {
    await openDisk(root).write(path, new Uint8Array(3));
    return "written";
  },
  async kind([path = ""]) {
    return await openConfigFiles().kind(path) ?? "absent";
  },
  async replaceConfig([path = "", expected = ""]) {
    const [before, after] = [expected, "two"].map((text) => new TextEncoder().encode(text));
    const backup = `${path}.backup`;
    return await openConfigFiles().replace(path, { expected: before, bytes: after, backup });
  },
  async fetch([url = "", origin = "named"]) {
    await using net = openNet({ userAgent: "child/1", clock: systemClock });
    const response = await net.fetch({
      url: new URL(url),
      origin: origin === "derived" ? "derived" : "named",
    });
    await response.cancel();
    return response.status;
  },
  async listen([hostname = "", port = ""]) {
    const controller = new AbortController();
    const { url, finished } = await listen({
      hostname,
      port: Number(port),
      signal: controller.signal,
      handler: () => Promise.resolve(new Response("ok")),
    });
    controller.abort();
    await finished;
    return url.href;
  },
  async run([command = "", ...args]) {
    const { code } = await openProcesses().run({ command, args, env: {} }, {
      maxBytes: 1024,
      timeoutMs: 10_000,
    });
    return code;
  },
  /** Stops a child that, like its own child, does not listen to SIGTERM. */
  async stopGroup([ownGroup = ""]) {
    await using running = openProcesses().start({
      command: "sh",
      args: ["-c", "trap '' TERM; sleep 1000 & echo $!; wait"],
      env: { PATH: "/usr/bin:/bin" },
      ownGroup: ownGroup === "true",
    });
    const reader = running.stdout.getReader();
    const { value } = await reader.read();
    await running.stop(50);
    await reader.cancel();
    reader.releaseLock();
    return Number(new TextDecoder().decode(value));
  },
  async runWithLibraryPath([command = ""]) {
    const env = { LD_LIBRARY_PATH: "/nowhere" };
    const { code } = await openProcesses().run({ command, args: [], env }, {
      maxBytes: 1024,
      timeoutMs: 10_000,
    });
    return code;
  },
  env: () => Promise.resolve(readEnv()),
  permissions: async (paths) => await grantedPermissions({ paths }),
  /** Writes more lines than a pipe holds; its reader may have left. */
  async lines() {
    for (let line = 0; line < 20_000; line++) stdio.out(`line ${line}`);
    stdio.err("finished");
    return await Promise.resolve("end");
  },
  /** Gives standard input back on standard output. */
  async echo() {
    await stdio.readable.pipeTo(stdio.writable, { preventClose: true });
    return "end";
  },
  terminal: () =>
    Promise.resolve({ columns: stdio.columns() ?? null, stdin: stdio.stdinIsTerminal() }),
};

/** What {@linkcode child} needs to know. */
export interface ChildOptions {
  /** Permission flags, such as `--allow-net=127.0.0.1:80`. */
  readonly flags: readonly string[];
  /** The environment. @default that of the test */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Whether root's right to pass over the modes of files is taken away; Linux, and for root only.
   * Another user might not get at deno or at this file, which may be in root's home.
   */
  readonly withoutOverride?: boolean;
}

/**
 * The command that does one action in a second process.
 *
 * @param action Name and arguments.
 * @param options Permissions and environment.
 * @returns The command, with piped streams.
 */
export function child(action: readonly string[], options: ChildOptions): Deno.Command {
  const without = "-dac_override,-dac_read_search";
  const [program, ...before] = options.withoutOverride === true
    ? ["setpriv", `--bounding-set=${without}`, `--inh-caps=${without}`, "--", Deno.execPath()]
    : [Deno.execPath()];
  return new Deno.Command(program, {
    args: [
      ...before,
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      ...options.flags,
      import.meta.filename ?? "",
      ...action,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    ...(options.env === undefined ? {} : { env: options.env, clearEnv: true }),
  });
}

/**
 * Does one action in a second process and waits for its end.
 *
 * @param action Name and arguments.
 * @param options Permissions and environment.
 * @returns What the action gave, or the code, message and hint of its error.
 */
export async function ask(action: readonly string[], options: ChildOptions): Promise<unknown> {
  const running = child(action, options).spawn();
  await running.stdin.close();
  const { stdout, stderr } = await running.output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(`No answer: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(text);
}

if (import.meta.main) {
  const [name = "", ...args] = Deno.args;
  try {
    report(await ACTIONS[name]?.(args));
  } catch (thrown) {
    const { code, message, hint } = toAppError(thrown);
    report({ code, message, hint });
  }
}
