/**
 * What a caller may do: the scopes, and the one rule for which of them a message needs. Needs no
 * permission.
 *
 * @example
 * ```ts
 * import { ScopeRule } from "./scope.ts";
 *
 * const rule = new ScopeRule({ listTools: () => [], prompts: [], templates: [] });
 * rule.neededFor({ jsonrpc: "2.0", id: 1, method: "tools/list" }); // "read"
 * rule.neededFor({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "any" } }); // "write"
 * ```
 *
 * @module
 */

import type { Inventory } from "../mcp/mod.ts";

/** The scopes, the lesser first. */
export const SCOPES = ["read", "write"] as const;

/** `read`: look and find. `write`: activate, configure, execute; whoever may that may look too. */
export type Scope = (typeof SCOPES)[number];

/** What Wharf itself offers. */
export type OwnOffer = Pick<Inventory, "listTools" | "prompts" | "templates">;

/** Methods that only look, whatever they name. What is in no list needs `write`. */
const LOOKING: ReadonlySet<string> = new Set([
  "initialize",
  "logging/setLevel",
  "notifications/cancelled",
  "notifications/initialized",
  "notifications/progress",
  "notifications/roots/list_changed",
  "ping",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "tools/list",
]);

/**
 * The rule. What Wharf offers itself and marks as changing nothing needs `read`; its other tools,
 * everything of activated servers and everything unknown needs `write`. It knows names only, so
 * that a server that is activated later cannot change what it says.
 */
export class ScopeRule {
  readonly #tools: ReadonlySet<string>;
  readonly #prompts: ReadonlySet<string>;
  readonly #templates: ReadonlySet<string>;
  readonly #addresses: readonly RegExp[];

  /** @param own What Wharf itself offers. */
  constructor(own: OwnOffer) {
    const looking = own.listTools().filter(({ annotations }) => annotations.readOnlyHint);
    this.#tools = new Set(looking.map(({ name }) => name));
    this.#prompts = new Set(own.prompts.map(({ name }) => name));
    this.#templates = new Set(own.templates.map(({ uriTemplate }) => uriTemplate));
    this.#addresses = own.templates.map(({ uriTemplate }) => addressOf(uriTemplate));
  }

  /**
   * The scope that a request's body needs.
   *
   * @param body A JSON-RPC message or a batch of them, not checked yet.
   * @returns The greatest scope of its messages.
   */
  neededFor(body: unknown): Scope {
    if (!Array.isArray(body)) return this.#isLooking(body) ? "read" : "write";
    return body.every((message) => this.#isLooking(message)) ? "read" : "write";
  }

  #isLooking(message: unknown): boolean {
    const method = textOf(message, "method");
    // An answer to a question of ours.
    if (method === undefined) return true;
    if (LOOKING.has(method)) return true;
    const params = memberOf(message, "params");
    if (method === "tools/call") return has(this.#tools, textOf(params, "name"));
    if (method === "prompts/get") return has(this.#prompts, textOf(params, "name"));
    if (method === "completion/complete") return this.#isOwnReference(memberOf(params, "ref"));
    if (method === "resources/read") {
      const uri = textOf(params, "uri");
      return uri !== undefined && this.#addresses.some((address) => address.test(uri));
    }
    return false;
  }

  /** By the member that its type says, as whoever answers reads it; others in it lead nowhere. */
  #isOwnReference(ref: unknown): boolean {
    return textOf(ref, "type") === "ref/prompt"
      ? has(this.#prompts, textOf(ref, "name"))
      : has(this.#templates, textOf(ref, "uri"));
  }
}

/**
 * Lists the tools that a request's body calls.
 *
 * @param body A JSON-RPC message or a batch of them, not checked yet.
 * @returns Their names, as the caller wrote them, and what they are called with.
 */
export function calledTools(
  body: unknown,
): readonly { readonly tool: string; readonly arguments: unknown }[] {
  return (Array.isArray(body) ? body : [body]).flatMap((message: unknown) => {
    if (textOf(message, "method") !== "tools/call") return [];
    const params = memberOf(message, "params");
    return [{ tool: textOf(params, "name") ?? "", arguments: memberOf(params, "arguments") }];
  });
}

/**
 * Whether the scopes that a caller has are enough.
 *
 * @param held What the caller has.
 * @param needed What is needed.
 */
export function isGranted(held: ReadonlySet<Scope>, needed: Scope): boolean {
  return held.has("write") || held.has(needed);
}

/**
 * The scopes to ask for, so that a caller who gets them loses none.
 *
 * @param needed What is needed.
 * @returns Words with spaces between them, as OAuth has them (RFC 6749, 3.3).
 */
export function scopeText(needed: Scope): string {
  return SCOPES.slice(0, SCOPES.indexOf(needed) + 1).join(" ");
}

/**
 * The addresses that a template stands for (RFC 6570, level 1). Its values may hold slashes, but for
 * the last of several: what Wharf does not read itself is asked of activated servers.
 */
function addressOf(template: string): RegExp {
  const literals = template.split(/\{[^}]*\}/).map((literal) => RegExp.escape(literal));
  const values = literals.slice(1).map((_, index, all) =>
    all.length > 1 && index === all.length - 1 ? "[^/]+" : ".+"
  );
  return new RegExp(`^${literals.map((literal, at) => literal + (values[at] ?? "")).join("")}$`);
}

function has(names: ReadonlySet<string>, name: string | undefined): boolean {
  return name !== undefined && names.has(name);
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  // It is an object that has the member; what the member is, the caller finds out.
  return (value as Readonly<Record<string, unknown>>)[name];
}

function textOf(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === "string" ? member : undefined;
}
