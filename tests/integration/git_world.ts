/**
 * A git server and both clients of Wharf's catalogue, over the real host. Needs run permission for
 * git, net, read, write and env permission.
 *
 * @module
 */

import { type GitClient, type GitCommit, type GitRequest, openGit } from "../../lib/catalog/git.ts";
import type { Disk, Processes } from "../../lib/core/host.ts";
import type { Net } from "../../lib/core/http.ts";
import type { SourceTree } from "../../lib/catalog/source.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { openNet } from "../../lib/host/net.ts";
import { openProcesses } from "../../lib/host/process.ts";
import assert from "node:assert/strict";
import { FakeLog } from "../fake_log.ts";
import { type GitServer, startGitServer } from "./git_server.ts";
import { integrationTest } from "./needs.ts";

/** The clients that must give the same. */
export const CLIENTS = ["git binary", "isomorphic-git"] as const;

/** One of {@linkcode CLIENTS}. */
export type ClientName = typeof CLIENTS[number];

/** Parts to put in place of the real ones. */
export interface WorldParts {
  /** Files. */
  readonly disk?: (real: Disk) => Disk;
  /** Programs. */
  readonly processes?: (real: Processes) => Processes;
  /** The network. */
  readonly net?: (real: Net) => Net;
}

/**
 * Declares a test for each client.
 *
 * @param name What does what.
 * @param body The test; it fails as well when the client logs an error.
 */
export function scene(name: string, body: (world: GitWorld) => Promise<void>): void {
  for (const client of CLIENTS) {
    integrationTest(`${client}: ${name}`, { needs: ["git"] }, async () => {
      await using world = await startWorld(client);
      await body(world);
      assert.deepEqual(world.log.records.filter(({ level }) => level === "error"), []);
    });
  }
}

/** Starts a server, with a client that keeps what it fetches in a temporary folder. */
export async function startWorld(client: ClientName): Promise<GitWorld> {
  const [server, directory] = await Promise.all([
    startGitServer(),
    Deno.makeTempDir({ prefix: "wharf-git-cache-" }),
  ]);
  return new GitWorld(client, { server, directory });
}

/** A server, a cache folder and a client. */
export class GitWorld implements AsyncDisposable {
  /** The server. */
  readonly server: GitServer;
  /** The folder in which the client keeps what it fetched. */
  readonly directory: string;
  /** What the client said. */
  readonly log = new FakeLog();
  /** Which client it is. */
  readonly client: ClientName;
  readonly #net: Net & AsyncDisposable;
  #git: GitClient;

  /** Use {@linkcode startWorld}. */
  constructor(
    client: ClientName,
    { server, directory }: { readonly server: GitServer; readonly directory: string },
  ) {
    this.server = server;
    this.directory = directory;
    this.client = client;
    this.#net = openNet({ userAgent: "wharf-test", clock: systemClock });
    this.#git = this.open();
  }

  /** Another client over the same folder, as a second process has it. */
  open(parts: WorldParts = {}): GitClient {
    const { disk = same, processes = same, net = same } = parts;
    return openGit({
      net: net(this.#net),
      disk: disk(openDisk(this.directory)),
      processes: processes(openProcesses()),
      clock: systemClock,
      log: this.log,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: "/nonexistent",
        SECRET: "not to be passed on",
      },
      ...(this.client === "git binary" ? { directory: this.directory } : {}),
    });
  }

  /** Begins anew with what is on the disk, as after a restart. */
  restart(parts: WorldParts = {}): void {
    this.#git = this.open(parts);
  }

  /** Fetches a repository of the server. */
  fetch(
    name: string,
    options: Partial<Omit<GitRequest, "url">> = {},
  ): Promise<GitCommit | undefined> {
    return this.#git.fetch({ url: this.server.repositoryUrl(name), folders: [], ...options });
  }

  /** All files that a commit of a repository has. */
  async files(
    name: string,
    options: Partial<Omit<GitRequest, "url">> = {},
  ): Promise<Readonly<Record<string, string>>> {
    const found = await this.fetch(name, options);
    return found === undefined ? {} : await textsOf(found.tree);
  }

  /** Paths of all files in the cache folder. */
  async kept(folder = this.directory): Promise<readonly string[]> {
    const paths: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) paths.push(...await this.kept(path));
      else paths.push(path);
    }
    return paths;
  }

  /** Ends the server and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#net[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** The contents of a tree, by path. */
export async function textsOf(
  tree: SourceTree,
  folder = "",
): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {};
  for (const { name, kind } of await tree.list(folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (kind === "directory") {
      Object.assign(texts, await textsOf(tree, path));
      continue;
    }
    const bytes = await tree.read(path, { maxBytes: 4 * 1024 * 1024 });
    texts[path] = new TextDecoder().decode(bytes);
  }
  return texts;
}

/** Bytes that do not compress, the same each time. */
export function noise(bytes: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
}

function same<T>(real: T): T {
  return real;
}
