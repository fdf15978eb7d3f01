/**
 * Where each source of the catalogue lies: its own place, or the one that the operator named for
 * it. Needs no permission.
 *
 * @example
 * ```ts
 * import { placeSources } from "./places.ts";
 *
 * const placed = placeSources({ docker: "../mirror/mcp-registry", awesome: "none" });
 * placed.find(({ source }) => source.id === "docker")?.place; // { kind: "local", path: "../mirror/…" }
 * ```
 *
 * @module
 */

import { createHash } from "node:crypto";
import { AppError } from "../core/errors.ts";
import type { SourceDefinition } from "./source.ts";
import { SOURCES } from "./sources/all.ts";
import { customSource } from "./sources/custom.ts";

/** Where a source lies, and so how it is read. */
export type Place =
  /** Part of Wharf. */
  | { readonly kind: "builtin" }
  /** A git repository, over http or https. */
  | { readonly kind: "git"; readonly url: URL }
  /** An interface that gives pages, a web site, one document. */
  | { readonly kind: "api" | "site" | "file"; readonly url: URL }
  /** A folder or file of this machine. */
  | { readonly kind: "local"; readonly path: string };

/** A source with its place. */
export interface PlacedSource {
  /** Turns what is read into entries. */
  readonly source: SourceDefinition;
  /** Where it is read. */
  readonly place: Place;
  /** Name of its files in the cache: another place has other files. */
  readonly key: string;
}

/** The word that switches a source off; as a source's name it stands for all but the built-in one. */
export const NO_SOURCE = "none";

/** Most sources of an operator's own. */
const MAX_CUSTOM = 50;

/**
 * Places the sources.
 *
 * @param settings Places by source: a git or web address, a local path, or `none`. A name that
 *   Wharf does not know is a source of the operator's own. The key `none` switches off every
 *   source that is neither built in nor named.
 * @returns The sources that are on, Wharf's own first.
 * @throws {AppError} `INVALID_ARGUMENT` for a name or place of the wrong form.
 */
export function placeSources(settings: Readonly<Record<string, string>>): readonly PlacedSource[] {
  const isNamed = (id: string) => Object.hasOwn(settings, id);
  const custom = Object.keys(settings)
    .filter((id) => id !== NO_SOURCE && SOURCES.every((source) => source.id !== id));
  if (custom.length > MAX_CUSTOM) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use ${custom.length} sources: ${MAX_CUSTOM} are the most`,
      { hint: "Put several catalogues into one folder or file" },
    );
  }
  const own = SOURCES.filter(({ id, kind }) =>
    isNamed(id) ? settings[id] !== NO_SOURCE : !isNamed(NO_SOURCE) || kind === "builtin"
  ).map((source) => place(source, settings[source.id] ?? source.location));
  const others = custom.filter((id) => settings[id] !== NO_SOURCE)
    .map((id) => {
      const location = settings[id] ?? "";
      return place(customSource({ id, location }), location);
    });
  return [...own, ...others];
}

function place(source: SourceDefinition, location: string): PlacedSource {
  const found = placeOf(source, location);
  const digest = createHash("sha256").update(`${found.kind} ${location}`).digest("hex");
  return { source, place: found, key: `${source.id}-${digest.slice(0, 12)}` };
}

function placeOf({ id, kind }: SourceDefinition, location: string): Place {
  if (kind === "builtin") return { kind };
  const wrong = (state: string, hint: string) =>
    new AppError("INVALID_ARGUMENT", `Cannot use "${location}" as source "${id}": ${state}`, {
      hint,
    });
  if (location.trim() === "") {
    throw wrong("it is empty", `Write --source ${id}=<git or web address, or path>`);
  }
  if (/^(?:git@|(?:git\+)?ssh:|git:)/.test(location)) {
    throw wrong(
      "git is read over https only",
      "Give its https address, or the path of a local clone",
    );
  }
  // One letter and a colon is a drive of Windows.
  const [, scheme] = /^([a-z][a-z0-9+.-]+):/i.exec(location) ?? [];
  if (scheme === undefined) return { kind: "local", path: location };
  if (scheme.toLowerCase() === "file") {
    if (!URL.canParse(location)) throw wrong("it is no address", "Give a path instead");
    return { kind: "local", path: decodeURIComponent(new URL(location).pathname) };
  }
  const isGit = kind === "git" || location.startsWith("git+");
  const address = location.replace(/^git\+/, "");
  if (!URL.canParse(address) || !/^https?:/i.test(address)) {
    throw wrong("it is no address that Wharf can read", "Give an http or https address, or a path");
  }
  const url = new URL(address);
  if (url.username !== "" || url.password !== "") {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use "${url.host}" as source "${id}": its address holds a name or password`,
      { hint: "Mirror it to a folder, and name that folder" },
    );
  }
  if (isGit) return { kind: "git", url };
  // A mirror of an interface or a site may be one document.
  if (kind === "file" || /\.json$/i.test(url.pathname)) return { kind: "file", url };
  return { kind, url };
}
