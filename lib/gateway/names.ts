/**
 * The names under which Wharf shows the tools of activated servers: `<prefix>_<tool>`, within what
 * clients accept, the same at every start. What a name stands for is always looked up; a name is
 * never taken apart, since prefixes and tools may hold underscores themselves. Needs no permission.
 *
 * @example
 * ```ts
 * import { defaultPrefix, exposedName } from "./names.ts";
 *
 * exposedName(defaultPrefix("builtin/github-mcp-server"), "create_issue"); // "github_create_issue"
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { digestOf } from "../oci/mod.ts";

/** Most characters of a name; what the strictest clients accept. */
export const MAX_TOOL_NAME_CHARS = 64;

/** Most characters of a prefix, so that half of a name is left for the tool. */
export const MAX_PREFIX_CHARS = 32;

/** Digits of the hash that keeps shortened names apart: 32 bits. */
const HASH_CHARS = 8;

/** What clients accept; `/` and `.` are refused by several of them. */
const ACCEPTED = /^[A-Za-z0-9_-]+$/;

/** Words that half of all servers bear in their names. */
const COMMON = /^(?:(?:mcp-)?server-|mcp-)|(?:-mcp(?:-server)?|-server)$/;

/**
 * The prefix of a server that is given none.
 *
 * @param id `source/slug`.
 * @returns The last part of the id without words such as `-mcp-server`, in lower case, at most
 * {@linkcode MAX_PREFIX_CHARS} characters of `[a-z0-9_-]`.
 */
export function defaultPrefix(id: string): string {
  const parts = id.toLowerCase().split("/").map((part) => replaceOthers(part)).filter((part) =>
    part !== ""
  );
  const last = parts.at(-1) ?? "server";
  let short = last;
  while (COMMON.test(short)) short = short.replace(COMMON, "");
  // `owner/mcp-server` says nothing in its last part, nor does `owner/mcp`.
  const telling = short === "" || short === "mcp" || short === "server"
    ? parts.at(-2) ?? last
    : short;
  return telling.length <= MAX_PREFIX_CHARS ? telling : shorten(telling, {
    of: id.toLowerCase(),
    maxChars: MAX_PREFIX_CHARS,
  });
}

/**
 * Checks a prefix that somebody chose.
 *
 * @param prefix The prefix; empty for none.
 * @returns The same.
 * @throws {AppError} `INVALID_ARGUMENT` for one that is too long or has other characters.
 */
export function checkPrefix(prefix: string): string {
  if (prefix === "" || (ACCEPTED.test(prefix) && prefix.length <= MAX_PREFIX_CHARS)) return prefix;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use prefix "${cleanText(prefix, { maxChars: 80 })}": ${
      prefix.length > MAX_PREFIX_CHARS
        ? `it is longer than ${MAX_PREFIX_CHARS} characters`
        : "it has other characters than letters, digits, _ and -"
    }`,
    { hint: 'Give a short word such as "github", or "" for no prefix' },
  );
}

/**
 * The name under which a tool is shown.
 *
 * @param prefix See {@linkcode checkPrefix}; empty for none.
 * @param tool The upstream's own name.
 * @returns `<prefix>_<tool>`. Where that is too long or has characters that clients refuse, a part
 * of it and a hash of the whole: the same tool always has the same name, and two tools have two.
 */
export function exposedName(prefix: string, tool: string): string {
  const whole = prefix === "" ? tool : `${prefix}_${tool}`;
  if (ACCEPTED.test(whole) && whole.length <= MAX_TOOL_NAME_CHARS) return whole;
  return shorten(whole, { of: `${prefix}\0${tool}`, maxChars: MAX_TOOL_NAME_CHARS });
}

function shorten(
  text: string,
  { of, maxChars }: { readonly of: string; readonly maxChars: number },
): string {
  const hash = digestOf(new TextEncoder().encode(of)).slice("sha256:".length).slice(0, HASH_CHARS);
  const start = replaceOthers(text).slice(0, maxChars - HASH_CHARS - 1).replace(/[_-]+$/, "");
  return start === "" ? `tool_${hash}` : `${start}_${hash}`;
}

/** Runs of other characters become one `_`. */
function replaceOthers(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]+/g, "_");
}

/** What a name stands for. */
export interface NamedTool {
  /** The name that clients use. */
  readonly name: string;
  /** Id of the server. */
  readonly id: string;
  /** The upstream's own name. */
  readonly tool: string;
}

/** The tools of one server, to be given names. */
export interface ServerTools {
  /** Id of the server. */
  readonly id: string;
  /** Its prefix, see {@linkcode checkPrefix}. */
  readonly prefix: string;
  /** The upstream's own names. */
  readonly tools: readonly string[];
}

/** Two tools that want one name. */
export interface NameCollision extends NamedTool {
  /** Who has the name: the id of a server, or `wharf` for a tool of Wharf's own. */
  readonly takenBy: string;
}

/** The owner of names that no server may take. */
const WHARF = "wharf";

/** Which name stands for which tool, over all active servers. */
export class NameTable {
  readonly #reserved: ReadonlySet<string>;
  readonly #byName = new Map<string, NamedTool>();

  /** @param reserved Names of Wharf's own tools, which no server may take. */
  constructor(reserved: Iterable<string> = []) {
    this.#reserved = new Set(reserved);
  }

  /**
   * The names that a server's tools cannot have, without a change to the table.
   *
   * @param server The server, active already or not.
   * @returns Each tool whose name belongs to Wharf, to another server, or to another tool of its own.
   */
  collisions(server: ServerTools): readonly NameCollision[] {
    return this.#sort(server).collisions;
  }

  /**
   * Gives a server's tools their names, in place of those that it had. A tool whose name is taken
   * gets none: who had it keeps it.
   *
   * @param server The server.
   * @returns Its names, and the tools that have none.
   */
  set(
    server: ServerTools,
  ): { readonly named: readonly NamedTool[]; readonly collisions: readonly NameCollision[] } {
    const sorted = this.#sort(server);
    this.delete(server.id);
    for (const item of sorted.named) this.#byName.set(item.name, item);
    return sorted;
  }

  /**
   * Refuses a server whose names are not free.
   *
   * @param server The server that is about to become active.
   * @throws {AppError} `INVALID_ARGUMENT` that lists the names and who has them.
   */
  check(server: ServerTools): void {
    const collisions = this.collisions(server);
    const [first] = collisions;
    if (first === undefined) return;
    const shown = collisions.slice(0, 5)
      .map(({ name, takenBy }) => `${name} (taken by ${cleanText(takenBy, { maxChars: 100 })})`);
    const more = collisions.length > shown.length
      ? `, and ${collisions.length - shown.length} more`
      : "";
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot add "${cleanText(server.id, { maxChars: 100 })}" with ${
        server.prefix === "" ? "no prefix" : `prefix "${server.prefix}"`
      }: names collide: ${shown.join(", ")}${more}`,
      {
        hint: "Choose another prefix",
        details: { collisions: collisions.map(({ name, takenBy }) => ({ name, takenBy })) },
      },
    );
  }

  /**
   * Frees the names of a server.
   *
   * @param id Id of the server.
   */
  delete(id: string): void {
    for (const [name, item] of this.#byName) {
      if (item.id === id) this.#byName.delete(name);
    }
  }

  /**
   * What a name stands for.
   *
   * @param name A name of {@linkcode exposedName}, or one with `mcp_` before it, as older gateways
   * spelt them.
   * @returns The tool, or `undefined`.
   */
  find(name: string): NamedTool | undefined {
    return this.#byName.get(name) ??
      (name.startsWith("mcp_") ? this.#byName.get(name.slice("mcp_".length)) : undefined);
  }

  /** All names, sorted. */
  names(): readonly string[] {
    return [...this.#byName.keys()].sort();
  }

  #sort(
    { id, prefix, tools }: ServerTools,
  ): { readonly named: readonly NamedTool[]; readonly collisions: readonly NameCollision[] } {
    const named = new Map<string, NamedTool>();
    const collisions: NameCollision[] = [];
    for (const tool of tools) {
      const name = exposedName(prefix, tool);
      const other = this.#byName.get(name);
      const takenBy = this.#reserved.has(name)
        ? WHARF
        : named.has(name)
        ? id
        : other !== undefined && other.id !== id
        ? other.id
        : undefined;
      if (takenBy === undefined) named.set(name, { name, id, tool });
      else collisions.push({ name, id, tool, takenBy });
    }
    return { named: [...named.values()], collisions };
  }
}
