/**
 * What all activated servers offer, under the names that clients use: tools and prompts with their
 * server's prefix, resources and templates by the addresses that servers gave them. Needs no
 * permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Log } from "../core/host.ts";
import { nearestNames } from "../core/nearest.ts";
import { cleanText } from "../core/text.ts";
import type { JsonObject } from "../rpc/mod.ts";
import type { OfferedTool } from "./active_view.ts";
import { offeredPrompt, offeredResource, offeredTemplate, offeredTool } from "./clean_offers.ts";
import type {
  Definition,
  ListKind,
  ResourceDefinition,
  TemplateDefinition,
} from "./definitions.ts";
import { type NamedTool, NameTable } from "./names.ts";
import type { ToolDefinition } from "./trust.ts";
import { matchTemplate } from "./uri_match.ts";

/** What one server offers. */
export interface ServerOffer {
  /** Id of the server. */
  readonly id: string;
  /** Prefix of its names. */
  readonly prefix: string;
  /** Its tools, as agreed to. */
  readonly tools: readonly ToolDefinition[];
  /** Its prompts. */
  readonly prompts: readonly Definition[];
  /** Its resources. */
  readonly resources: readonly ResourceDefinition[];
  /** Its resource templates. */
  readonly templates: readonly TemplateDefinition[];
}

/** Names of Wharf's own, which no server may take. */
export interface Reserved {
  /** Of tools. */
  readonly tools: readonly string[];
  /** Of prompts. */
  readonly prompts: readonly string[];
}

/** The lists, as they are sent to clients but for their pages. */
export interface Lists {
  /** Tools. */
  readonly tools: readonly OfferedTool[];
  /** Prompts under the names that clients use. */
  readonly prompts: readonly JsonObject[];
  /** Resources. */
  readonly resources: readonly JsonObject[];
  /** Resource templates. */
  readonly templates: readonly JsonObject[];
}

/** Everything that is cached of one server. */
interface Kept {
  readonly offer: ServerOffer;
  readonly lists: Lists;
  /** The lists as texts, to tell a change from a repetition. */
  readonly texts: Readonly<Record<ListKind, string>>;
}

/** More names than this are no help. */
const MAX_NAMES = 12;

const KINDS: readonly ListKind[] = ["tools", "prompts", "resources", "templates"];

/** What all activated servers offer. */
export class Offers {
  readonly #reserved: Reserved;
  readonly #log: Log;
  readonly #tools: NameTable;
  readonly #prompts: NameTable;
  readonly #servers = new Map<string, Kept>();
  /** Which server an address belongs to: the first that listed it. */
  readonly #resources = new Map<string, string>();
  readonly #templates = new Map<string, string>();
  #lists: Lists | undefined;

  /**
   * @param reserved Names that no server may take.
   * @param log Told of what cannot be offered.
   */
  constructor(reserved: Reserved, log: Log) {
    this.#reserved = reserved;
    this.#log = log;
    this.#tools = new NameTable(reserved.tools);
    this.#prompts = new NameTable(reserved.prompts);
  }

  /** Everything that is on offer, server by server. */
  get lists(): Lists {
    return this.#lists ??= {
      tools: this.#all("tools"),
      prompts: this.#all("prompts"),
      resources: this.#all("resources"),
      templates: this.#all("templates"),
    };
  }

  /**
   * Takes what a server offers, in place of what it offered.
   *
   * @param offer What it offers.
   * @returns The lists that have changed by it.
   */
  set(offer: ServerOffer): readonly ListKind[] {
    const known = this.#servers.get(offer.id)?.offer;
    const isSame = known !== undefined && KINDS.every((kind) => known[kind] === offer[kind]);
    return isSame ? [] : this.#put(offer);
  }

  #put(offer: ServerOffer): readonly ListKind[] {
    const before = this.#servers.get(offer.id);
    const lists: Lists = {
      tools: this.#nameTools(offer),
      prompts: this.#namePrompts(offer),
      resources: this.#claim(this.#resources, offer.resources, { offer, key: "uri" }).flatMap(
        (definition) => optional(offeredResource(definition)),
      ),
      templates: this.#claim(this.#templates, offer.templates, { offer, key: "uriTemplate" })
        .flatMap((definition) => optional(offeredTemplate(definition))),
    };
    const texts = {
      tools: JSON.stringify(lists.tools),
      prompts: JSON.stringify(lists.prompts),
      resources: JSON.stringify(lists.resources),
      templates: JSON.stringify(lists.templates),
    };
    this.#servers.set(offer.id, { offer, lists, texts });
    this.#lists = undefined;
    return KINDS.filter((kind) => texts[kind] !== (before?.texts[kind] ?? "[]"));
  }

  /**
   * Takes everything back that a server offers.
   *
   * @param id Id of the server.
   * @returns The lists that have changed by it.
   */
  delete(id: string): readonly ListKind[] {
    const before = this.#servers.get(id);
    this.#servers.delete(id);
    this.#lists = undefined;
    this.#tools.delete(id);
    this.#prompts.delete(id);
    for (const owners of [this.#resources, this.#templates]) {
      for (const [key, owner] of owners) if (owner === id) owners.delete(key);
    }
    // What it had taken is free for the others.
    for (const { offer } of [...this.#servers.values()]) this.#put(offer);
    return KINDS.filter((kind) => (before?.texts[kind] ?? "[]") !== "[]");
  }

  /**
   * Refuses a newcomer whose tools want names that are not free.
   *
   * @throws {AppError} `INVALID_ARGUMENT` with the names that are taken.
   */
  check(newcomer: ServerOffer): void {
    const others = new NameTable(this.#reserved.tools);
    for (const { offer } of this.#servers.values()) {
      if (offer.id !== newcomer.id) others.set(namesOf(offer, offer.tools));
    }
    others.check(namesOf(newcomer, newcomer.tools));
  }

  /** The tool that clients call by a name. */
  findTool(name: string): NamedTool | undefined {
    return this.#tools.find(name);
  }

  /** Says that no server has a tool, and which ones there are. */
  unknownTool(name: string): AppError {
    const names = this.lists.tools.map((tool) => tool.name);
    const near = nearestNames(name, names, 5);
    const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
    return new AppError("NOT_FOUND", `Cannot call "${name}": no activated server has it`, {
      hint: names.length === 0
        ? "No server is active; see registry-find, then registry-add"
        : near.length > 0
        ? `Nearest tools: ${near.join(", ")}`
        : `Tools are ${names.slice(0, MAX_NAMES).join(", ")}${more}`,
    });
  }

  /** The prompt that clients ask for by a name. */
  findPrompt(name: string): NamedTool | undefined {
    return this.#prompts.find(name);
  }

  /** Whether a server lists a resource. */
  isListed(uri: string): boolean {
    return this.#resources.has(uri);
  }

  /**
   * The server to ask for a resource: the one that lists it, or has pointed to it, or has the
   * template that is closest to it, or is the only one with resources of that scheme or at all.
   *
   * @param uri The resource, or a template as a client completes it.
   * @param pointer Id of a server that has pointed to it.
   * @returns Id of the server.
   */
  findResource(uri: string, pointer?: string): string | undefined {
    const listed = this.#resources.get(uri) ?? this.#templates.get(uri);
    if (listed !== undefined) return listed;
    if (pointer !== undefined && this.#servers.has(pointer)) return pointer;
    const matches = [...this.#templates].flatMap(([template, id]) => {
      const score = matchTemplate(template, uri);
      return score === undefined ? [] : [{ id, score }];
    }).sort((a, b) => b.score - a.score);
    if (matches[0] !== undefined) return matches[0].id;
    const scheme = schemeOf(uri);
    const known = [...this.#resources, ...this.#templates];
    const ofScheme = new Set(
      known.filter(([other]) => schemeOf(other) === scheme).map(([, id]) => id),
    );
    const candidates = ofScheme.size > 0 ? ofScheme : new Set(known.map(([, id]) => id));
    const [only] = candidates;
    return candidates.size === 1 ? only : undefined;
  }

  #all<Kind extends ListKind>(kind: Kind): Lists[Kind] {
    // Each list has the type of its kind.
    return [...this.#servers.values()].flatMap(({ lists }) => [...lists[kind]]) as unknown as Lists[
      Kind
    ];
  }

  #nameTools(offer: ServerOffer): readonly OfferedTool[] {
    const byName = new Map(offer.tools.map((tool) => [tool.name, tool]));
    const { named, collisions } = this.#tools.set(namesOf(offer, offer.tools));
    this.#tellTaken("tools", offer, collisions.map(({ name }) => name));
    return named.flatMap(({ name, id, tool }) => {
      const own = byName.get(tool);
      const definition = own && offeredTool(own);
      return definition === undefined
        ? []
        : [{ name, id, tool, definition: { ...definition, name } }];
    });
  }

  #namePrompts(offer: ServerOffer): readonly JsonObject[] {
    const byName = new Map(offer.prompts.map((prompt) => [prompt.name, prompt]));
    const { named, collisions } = this.#prompts.set(namesOf(offer, offer.prompts));
    this.#tellTaken("prompts", offer, collisions.map(({ name }) => name));
    return named.flatMap(({ name, tool }) => {
      const own = byName.get(tool);
      const definition = own && offeredPrompt(own);
      return definition === undefined ? [] : [{ ...definition, name }];
    });
  }

  /** The definitions whose addresses are the server's; who listed one first has it. */
  #claim<T extends JsonObject>(
    owners: Map<string, string>,
    definitions: readonly T[],
    { offer: { id }, key }: { readonly offer: ServerOffer; readonly key: string },
  ): readonly T[] {
    for (const [address, owner] of owners) if (owner === id) owners.delete(address);
    const taken: string[] = [];
    const own = definitions.filter((definition) => {
      const address = String(definition[key]);
      if (owners.has(address)) {
        taken.push(address);
        return false;
      }
      owners.set(address, id);
      return true;
    });
    this.#tellTaken("resources", { id }, taken);
    return own;
  }

  #tellTaken(kind: string, { id }: { readonly id: string }, names: readonly string[]): void {
    if (names.length === 0) return;
    this.#log.warn("some of what a server offers is taken by another one, and is not offered", {
      server: id,
      kind,
      names: names.slice(0, 5).map((name) => cleanText(name, { maxChars: 100 })).join(", "),
      count: names.length,
    });
  }
}

function namesOf(
  { id, prefix }: ServerOffer,
  definitions: readonly { readonly name: string }[],
): { readonly id: string; readonly prefix: string; readonly tools: readonly string[] } {
  return { id, prefix, tools: definitions.map(({ name }) => name) };
}

function optional<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

function schemeOf(uri: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.exec(uri)?.[0].toLowerCase() ?? "";
}
