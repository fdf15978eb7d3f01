/**
 * A git server with one commit, and a git binary, as functions: enough for what goes wrong between
 * Wharf and git. Needs no permission; the real ones are in `tests/integration`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { type GitClient, openGit } from "../../lib/catalog/git.ts";
import { encodePkt, joinBytes } from "../../lib/catalog/git_pkt.ts";
import type { Processes, ProcessSpec, RunResult } from "../../lib/core/host.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { type HandlerNet, handlerNet } from "../oci/handler_net.ts";

/** Ids of the one commit, its folder and its file. */
export const IDS = { commit: "a".repeat(40), tree: "b".repeat(40), blob: "c".repeat(40) } as const;

/** What a run of git gives: its output, or code and standard error. */
export type GitAnswer = string | { readonly code: number; readonly stderr: string };

/** One run of git. */
export interface GitRun {
  /** What was started. */
  readonly spec: ProcessSpec;
  /** Its standard input. */
  readonly stdin: string;
}

/** Answers one run by its subcommand. */
export type GitHandler = (subcommand: string, run: GitRun) => GitAnswer | Promise<GitAnswer>;

/** A server, a git and a client. */
export interface FakeGitWorld {
  /** The client. */
  readonly git: GitClient;
  /** The server, with what it was asked. */
  readonly net: HandlerNet;
  /** What the client said. */
  readonly log: FakeLog;
  /** The cache. */
  readonly disk: MemoryDisk;
  /** All runs of git. */
  readonly runs: readonly ProcessSpec[];
}

/** A git that reads the one commit with its one file `servers/a`. */
export function workingGit(subcommand: string, { spec, stdin }: GitRun): GitAnswer {
  switch (subcommand) {
    case "--version":
      return "git version 2.39.5 (Example Git-1)\n";
    case "init":
    case "index-pack":
      return "";
    case "ls-tree":
      return `100644 blob ${IDS.blob}\tservers/a\0`;
    case "cat-file":
      if (spec.args.includes("--batch-check")) return `${IDS.blob} blob 2\n`;
      return stdin === `${IDS.commit}\n` ? object(IDS.commit, "commit", commitText()) : object(
        IDS.blob,
        "blob",
        "hi",
      );
    default:
      throw new Error(`no test expects git ${subcommand}`);
  }
}

/** An object as `cat-file --batch` gives it. */
export function object(id: string, type: string, content: string): string {
  return `${id} ${type} ${content.length}\n${content}\n`;
}

/** The one commit. */
export function commitText(): string {
  return `tree ${IDS.tree}\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nm\n`;
}

/**
 * Makes a world.
 *
 * @param handler The git binary.
 */
export function fakeGitWorld(handler: GitHandler): FakeGitWorld {
  const [net, log, disk] = [handlerNet(answer), new FakeLog(), new MemoryDisk()];
  const runs: ProcessSpec[] = [];
  const processes: Processes = {
    start: () => {
      throw new Error("no test expects a start");
    },
    async run(spec, options): Promise<RunResult> {
      options.signal?.throwIfAborted();
      runs.push(spec);
      const known = ["--version", "init", "index-pack", "ls-tree", "cat-file"];
      const subcommand = spec.args.find((arg) => known.includes(arg)) ?? spec.args.join(" ");
      const found = await handler(subcommand, {
        spec,
        stdin: new TextDecoder().decode(options.stdin),
      });
      const stdout = new TextEncoder().encode(typeof found === "string" ? found : "");
      return typeof found === "string" ? { code: 0, stdout, stderr: "" } : { ...found, stdout };
    },
  };
  const git = openGit({
    net,
    disk,
    processes,
    clock: new FakeClock(),
    log,
    env: { PATH: "/bin", HUB_PAT_TOKEN: "secret" },
    directory: "/cache",
  });
  return { git, net, log, disk, runs };
}

function answer(request: Request): Response {
  if (request.method === "POST") {
    const encoder = new TextEncoder();
    const pack = onePack();
    const length = (pack.byteLength + 5).toString(16).padStart(4, "0");
    const parts = [encodePkt("NAK\n"), `${length}\u0001`].map((text) => encoder.encode(text));
    return new Response(joinBytes([...parts, pack, encoder.encode("0000")]));
  }
  const head = encodePkt(`${IDS.commit} HEAD\0shallow side-band-64k ofs-delta\n`);
  return new Response(`${encodePkt("# service=git-upload-pack\n")}0000${head}0000`, {
    headers: { "content-type": "application/x-git-upload-pack-advertisement" },
  });
}

/** A pack with one object; what it is does not matter to a git that is a function. */
function onePack(): Uint8Array {
  const body = joinBytes([
    new TextEncoder().encode("PACK\0\0\0\x02\0\0\0\x01\x31"),
    deflateSync(new Uint8Array([7])),
  ]);
  return joinBytes([body, createHash("sha1").update(body).digest()]);
}
