/**
 * Bare git repositories made by git's plumbing, so that they can hold what no working copy could:
 * hostile names, links to anywhere, submodules, folders that hold themselves many times. Needs run
 * permission for git, and read and write permission for the folder.
 *
 * @example
 * ```ts ignore
 * const repository = await TestRepository.create(`${root}/catalogue.git`);
 * await repository.commit([file("servers/time/server.yaml", "name: time"), link("x", "/etc/passwd")]);
 * ```
 *
 * @module
 */

/** One entry of a commit. */
export interface Entry {
  /** Path with `/`; each part may be hostile. */
  readonly path: string;
  /** Mode as in a tree object, without leading zero. */
  readonly mode: string;
  /** Content of a file or target of a link. */
  readonly content?: string | Uint8Array;
  /** Id of an object that is there, or, for a submodule, that is nowhere. */
  readonly id?: string;
}

/** How a commit is made. */
export interface CommitOptions {
  /** Branch that moves there. @default {"main"} */
  readonly branch?: string;
  /** Commit without the history of the branch, as a forced push leaves it. @default {false} */
  readonly orphan?: boolean;
  /** When it is committed, in seconds since the Unix epoch. @default {1_700_000_000} */
  readonly seconds?: number;
}

/** A file. */
export function file(path: string, content: string | Uint8Array): Entry {
  return { path, mode: "100644", content };
}

/** A symbolic link. */
export function link(path: string, target: string): Entry {
  return { path, mode: "120000", content: target };
}

/** A submodule. */
export function submodule(path: string): Entry {
  return { path, mode: "160000", id: "1".repeat(40) };
}

/** One entry whose name is taken as it is, with `/` in it or not. */
export interface RawEntry {
  /** The name. */
  readonly name: string | Uint8Array;
  /** Mode as in a tree object. */
  readonly mode: string;
  /** Id of its object. */
  readonly id: string;
}

/** A bare repository. */
export class TestRepository {
  /** Where it lies. */
  readonly path: string;

  /** @param path Where it lies already; see {@linkcode TestRepository.create}. */
  constructor(path: string) {
    this.path = path;
  }

  /**
   * Makes an empty repository whose default branch is `main`.
   *
   * @param path Its folder, by custom with `.git` at the end.
   */
  static async create(path: string): Promise<TestRepository> {
    await Deno.mkdir(path, { recursive: true });
    const repository = new TestRepository(path);
    await repository.git(["init", "--quiet", "--bare", "--initial-branch=main", path]);
    return repository;
  }

  /**
   * Runs git in the repository.
   *
   * @param args Subcommand and arguments.
   * @param stdin What it reads.
   * @param env Further variables.
   * @returns Its output without the line break at the end.
   */
  async git(
    args: readonly string[],
    stdin: string | Uint8Array = "",
    env: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    await using child = new Deno.Command("git", {
      args: [`--git-dir=${this.path}`, ...args],
      env: {
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_AUTHOR_NAME: "Test",
        GIT_AUTHOR_EMAIL: "test@example.com",
        GIT_COMMITTER_NAME: "Test",
        GIT_COMMITTER_EMAIL: "test@example.com",
        ...env,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
    const [, output] = await Promise.all([
      writer.write(new Uint8Array(bytes)).then(() => writer.close()),
      child.output(),
    ]);
    if (output.code === 0) return new TextDecoder().decode(output.stdout).replace(/\n$/, "");
    throw new Error(`git ${args[0]}: ${new TextDecoder().decode(output.stderr)}`);
  }

  /** Stores a file's content. */
  blob(content: string | Uint8Array): Promise<string> {
    return this.git(["hash-object", "-w", "--stdin"], content);
  }

  /** Stores a folder as it is, in git's order or not, without any check. */
  async rawTree(entries: readonly RawEntry[]): Promise<string> {
    const encoder = new TextEncoder();
    const parts = entries.flatMap(({ name, mode, id }) => [
      encoder.encode(`${mode} `),
      typeof name === "string" ? encoder.encode(name) : name,
      new Uint8Array([0]),
      Uint8Array.fromHex(id),
    ]);
    const bytes = new Uint8Array(
      await new Blob(parts.map((part) => new Uint8Array(part))).arrayBuffer(),
    );
    return await this.git(["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], bytes);
  }

  /** Stores folders of entries; a part of a path becomes a folder whatever its name is. */
  async tree(entries: readonly Entry[]): Promise<string> {
    const here: RawEntry[] = [];
    const below = new Map<string, Entry[]>();
    for (const entry of entries) {
      const slash = entry.path.indexOf("/");
      if (slash < 0) {
        const id = entry.id ?? await this.blob(entry.content ?? "");
        here.push({ name: entry.path, mode: entry.mode, id });
        continue;
      }
      const name = entry.path.slice(0, slash);
      const rest = { ...entry, path: entry.path.slice(slash + 1) };
      below.set(name, [...below.get(name) ?? [], rest]);
    }
    for (const [name, inside] of below) {
      here.push({ name, mode: "40000", id: await this.tree(inside) });
    }
    // Git sorts folders as if their names ended with a slash.
    const key = ({ name, mode }: RawEntry) => `${name}${mode === "40000" ? "/" : ""}`;
    return await this.rawTree(here.toSorted((a, b) => key(a) < key(b) ? -1 : 1));
  }

  /**
   * Commits a whole tree.
   *
   * @param entries All entries, or the id of a tree.
   * @param options Branch and history.
   * @returns The commit's id.
   */
  async commit(entries: readonly Entry[] | string, options: CommitOptions = {}): Promise<string> {
    const { branch = "main", orphan = false, seconds = 1_700_000_000 } = options;
    const tree = typeof entries === "string" ? entries : await this.tree(entries);
    const parent = orphan ? undefined : await this.head(branch);
    const date = `${seconds} +0200`;
    const commit = await this.git(
      ["commit-tree", tree, ...(parent === undefined ? [] : ["-p", parent])],
      "A commit\n\nwith more words\n",
      { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    );
    await this.git(["update-ref", `refs/heads/${branch}`, commit]);
    return commit;
  }

  /** The commit of a branch. */
  async head(branch = "main"): Promise<string | undefined> {
    const found = await this.git([
      "for-each-ref",
      "--format=%(objectname)",
      `refs/heads/${branch}`,
    ]);
    return found === "" ? undefined : found;
  }
}
