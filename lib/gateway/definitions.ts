/**
 * What a server offers, collected over its pages within limits: an endless list ends in an error
 * that names it, and no answer is believed to have the right shape. Needs no permission.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import { isObject, type JsonObject, type RpcCall } from "../rpc/mod.ts";

/** A definition as the server gave it; nothing but the name has been checked. */
export type Definition = JsonObject & { readonly name: string };

/** A resource as the server gave it. */
export type ResourceDefinition = JsonObject & { readonly uri: string };

/** A resource template as the server gave it. */
export type TemplateDefinition = JsonObject & { readonly uriTemplate: string };

/** All that a server offers. */
export interface Definitions {
  /** Its tools; no two have the same name. */
  readonly tools: readonly Definition[];
  /** Its prompts. */
  readonly prompts: readonly Definition[];
  /** Its resources; the first of them, where there are too many. */
  readonly resources: readonly ResourceDefinition[];
  /** Its resource templates. */
  readonly templates: readonly TemplateDefinition[];
  /** What is wrong with it, one clause each, for the operator. */
  readonly notes: readonly string[];
}

/** A list of a server's. */
export type ListKind = "tools" | "prompts" | "resources" | "templates";

/** How to ask for a list, and what names its items (MCP specification, "Server features"). */
const LISTS = {
  tools: { method: "tools/list", member: "tools", key: "name" },
  prompts: { method: "prompts/list", member: "prompts", key: "name" },
  resources: { method: "resources/list", member: "resources", key: "uri" },
  templates: {
    method: "resources/templates/list",
    member: "resourceTemplates",
    key: "uriTemplate",
  },
} as const;

/** How much is collected. */
export interface DefinitionLimits {
  /** Most items of one list. @default {1000} */
  readonly maxItems?: number;
  /** Most pages of one list. @default {200} */
  readonly maxPages?: number;
  /** Most bytes of all lists, as JSON. @default {8388608} */
  readonly maxBytes?: number;
  /** Time for all lists, in milliseconds. @default {30000} */
  readonly timeoutMs?: number;
}

/** What {@linkcode collectDefinitions} works with. */
export interface CollectDeps {
  /** Measures the time. */
  readonly clock: Clock;
  /** The server's name, for errors. */
  readonly name: string;
  /** Asks the server; rejects when it answers with an error, or not in time. */
  ask(call: RpcCall, options: { timeoutMs: number; action: string }): Promise<JsonObject>;
}

/** What to collect. */
export interface CollectOptions {
  /** The lists to ask for. */
  readonly kinds: readonly ListKind[];
  /** What is kept of the other lists. @default nothing */
  readonly previous?: Definitions;
  /** Limits. */
  readonly limits?: DefinitionLimits;
}

/** Nothing on offer. */
export const NO_DEFINITIONS: Definitions = {
  tools: [],
  prompts: [],
  resources: [],
  templates: [],
  notes: [],
};

/** A cursor is repeated with each request. */
const MAX_CURSOR_CHARS = 64 * 1024;

/** A name that is longer names nothing. */
const MAX_KEY_CHARS = 8 * 1024;

/** Notes of a list that are told; after that their number is enough. */
const MAX_NOTES = 20;

/**
 * Collects lists.
 *
 * @param deps How to ask.
 * @param options What to ask for.
 * @returns What the server offers. Lists but that of the tools may be cut or absent with a note:
 * many servers declare what they do not have.
 * @throws {AppError} `TOO_LARGE` or `BAD_RESPONSE` for a list of tools that passes the limits or
 * does not end, and what `ask` rejects with.
 */
export async function collectDefinitions(
  deps: CollectDeps,
  options: CollectOptions,
): Promise<Definitions> {
  const { kinds, limits = {}, previous = NO_DEFINITIONS } = options;
  const collector = new Collector(deps, limits);
  const kept = { ...previous };
  for (const kind of kinds) {
    const items = await collector.list(kind);
    // The collector has looked at the key that the type of each list names.
    kept[kind] = items as never[];
  }
  const ofOthers = previous.notes.filter((note) =>
    !kinds.some((kind) => note.startsWith(`${kind}: `))
  );
  return { ...kept, notes: [...ofOthers, ...collector.notes] };
}

/** Counts what all lists take. */
class Collector {
  readonly #deps: CollectDeps;
  readonly #limits: Required<DefinitionLimits>;
  readonly #endMs: number;
  /** What is wrong, list by list. */
  readonly notes: string[] = [];
  /** Notes of the list in hand. */
  #noted = 0;
  #bytes = 0;

  constructor(deps: CollectDeps, limits: DefinitionLimits) {
    this.#deps = deps;
    this.#limits = {
      maxItems: 1_000,
      maxPages: 200,
      maxBytes: 8 * 1024 * 1024,
      timeoutMs: 30_000,
      ...limits,
    };
    this.#endMs = deps.clock.now() + this.#limits.timeoutMs;
  }

  async list(kind: ListKind): Promise<readonly JsonObject[]> {
    const items = new Map<string, JsonObject>();
    this.#noted = 0;
    try {
      await this.#collect(kind, items);
    } catch (thrown) {
      const error = toAppError(thrown);
      // Without its tools a server is of no use; and who is gone or was cancelled has no lists.
      const ends = error.code === "CANCELLED" || (error.retryable && error.code !== "TIMEOUT");
      if (kind === "tools" || ends) throw error;
      this.notes.push(`${kind}: ${error.message}`);
    }
    const more = this.#noted - MAX_NOTES;
    if (more > 0) this.notes.push(`${kind}: and ${more} more such faults`);
    return [...items.values()];
  }

  async #collect(kind: ListKind, items: Map<string, JsonObject>): Promise<void> {
    const { method, member } = LISTS[kind];
    const { maxPages, timeoutMs } = this.#limits;
    const action = `list the ${kind} of "${this.#deps.name}"`;
    const cursors = new Set<string>();
    let cursor: string | undefined;
    for (let page = 0; page < maxPages; page++) {
      const leftMs = this.#endMs - this.#deps.clock.now();
      if (leftMs <= 0) {
        throw new AppError("TIMEOUT", `Cannot ${action}: not all came in ${timeoutMs / 1000} s`, {
          retryable: true,
          hint: "Try again; look at its log with registry-logs",
        });
      }
      const call = cursor === undefined ? { method } : { method, params: { cursor } };
      const answer = await this.#deps.ask(call, { timeoutMs: leftMs, action });
      const found = answer[member];
      if (!Array.isArray(found)) throw broken(action, `the answer has no list "${member}"`);
      for (const item of found) this.#add(kind, item, { items, action });
      const next = answer.nextCursor;
      // `null` is what some languages make of an absent member.
      if (next === undefined || next === null) return;
      if (typeof next !== "string") throw broken(action, "the cursor is not a text");
      if (next.length > MAX_CURSOR_CHARS) {
        throw tooLarge(action, `its cursor is longer than ${MAX_CURSOR_CHARS} characters`);
      }
      if (cursors.has(next)) {
        throw broken(action, `the list has no end: page ${page + 1} gives a cursor again`);
      }
      cursors.add(next);
      cursor = next;
    }
    throw tooLarge(action, `the list does not end within ${maxPages} pages`);
  }

  #add(
    kind: ListKind,
    item: unknown,
    { items, action }: { readonly items: Map<string, JsonObject>; readonly action: string },
  ): void {
    const { maxItems, maxBytes } = this.#limits;
    const key = isObject(item) ? item[LISTS[kind].key] : undefined;
    if (!isObject(item) || typeof key !== "string" || key === "" || key.length > MAX_KEY_CHARS) {
      return this.#note(`${kind}: one has no valid ${LISTS[kind].key}, and is left out`);
    }
    if (items.has(key)) return this.#note(`${kind}: ${shown(key)} comes twice, the first counts`);
    if (items.size >= maxItems) throw tooLarge(action, `it has more than ${maxItems}`);
    this.#bytes += JSON.stringify(item).length;
    if (this.#bytes > maxBytes) {
      throw tooLarge(action, `its definitions take more than ${maxBytes} bytes`);
    }
    if (kind === "tools" && !isObject(item.inputSchema)) {
      this.#note(`${kind}: ${shown(key)} has no inputSchema`);
    }
    items.set(key, item);
  }

  #note(note: string): void {
    this.#noted++;
    if (this.#noted <= MAX_NOTES) this.notes.push(note);
  }
}

function shown(key: string): string {
  return `"${cleanText(key, { maxChars: 100 })}"`;
}

function broken(action: string, state: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot ${action}: ${state}`, {
    hint: "The server does not keep to MCP; report it to its makers",
  });
}

function tooLarge(action: string, state: string): AppError {
  return new AppError("TOO_LARGE", `Cannot ${action}: ${state}`, {
    hint: "Look for a setting of the server that makes it offer less",
  });
}
