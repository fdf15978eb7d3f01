/**
 * A second process that fetches a repository again and again until it is killed. Needs run
 * permission for git, net, read, write and env permission.
 *
 * @module
 */

import { systemClock } from "../../lib/host/clock.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { openNet } from "../../lib/host/net.ts";
import { openProcesses } from "../../lib/host/process.ts";
import { openGit } from "../../lib/catalog/git.ts";
import { FakeLog } from "../fake_log.ts";
import type { ClientName } from "./git_world.ts";

/** What the process fetches. */
export interface GitChildOptions {
  /** By which client. */
  readonly client: ClientName;
  /** From where. */
  readonly url: URL;
  /** Where it keeps what it fetched. */
  readonly directory: string;
}

/**
 * Starts the process.
 *
 * @param options What it fetches.
 * @returns The process, once it has fetched for the first time.
 */
export async function startGitChild(options: GitChildOptions): Promise<Deno.ChildProcess> {
  const { client, url, directory } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "-q",
      "--no-check",
      import.meta.filename ?? "",
      client,
      url.href,
      directory,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return child;
}

async function fetchForEver([client = "", url = "", directory = ""]: readonly string[]) {
  await using net = openNet({ userAgent: "wharf-test", clock: systemClock });
  const git = openGit({
    net,
    disk: openDisk(directory),
    processes: openProcesses(),
    clock: systemClock,
    log: new FakeLog(),
    env: { PATH: Deno.env.get("PATH") ?? "" },
    ...(client === "git binary" ? { directory } : {}),
  });
  for (let round = 0;; round++) {
    await git.fetch({ url: new URL(url), folders: [] });
    if (round === 0) await Deno.stdout.write(new Uint8Array([10]));
  }
}

if (import.meta.main) await fetchForEver(Deno.args);
