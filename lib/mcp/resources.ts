/**
 * Resource templates: searches and images as addresses that a client can read and complete. Needs
 * no permission: the clients are passed in.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import {
  type HubClient,
  inspectImage,
  parseReference,
  parseRepository,
  type RegistryClient,
  viewTags,
} from "../oci/mod.ts";

/** A resource template. */
export interface ResourceTemplate {
  /** The template (RFC 6570). */
  readonly uriTemplate: string;
  /** The name that clients use. */
  readonly name: string;
  /** The name that people read. */
  readonly title: string;
  /** What it gives. */
  readonly description: string;
  /** Media type of what it gives. */
  readonly mimeType: string;
  /**
   * Reads a resource.
   *
   * @param uri An address.
   * @param signal Ends the work early.
   * @returns The text, or `undefined` where the address does not fit the template.
   */
  read(uri: string, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Completes a variable.
   *
   * @param variable Its name.
   * @param typed What was typed so far.
   * @param context The other variables, as far as they are known.
   * @returns At most 100 values.
   */
  complete(
    variable: string,
    typed: string,
    context: CompletionContext,
  ): Promise<readonly string[]>;
}

/** What comes with a completion. */
export interface CompletionContext {
  /** The other variables, as far as they are known. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ends the work early. */
  readonly signal: AbortSignal;
}

/** What the templates need. */
export interface ResourceDeps {
  /** Reads images and tags. */
  readonly registry: Pick<RegistryClient, "manifest" | "blob" | "tags">;
  /** Searches names. */
  readonly hub: Pick<HubClient, "search">;
}

const JSON_TYPE = "application/json";
const MAX_COMPLETIONS = 100;
const SEARCH_LIMIT = 10;

/**
 * The templates of the image half.
 *
 * @param deps The clients.
 * @returns The templates.
 */
export function imageTemplates(deps: ResourceDeps): readonly ResourceTemplate[] {
  return [searchTemplate(deps), imageTemplate(deps)];
}

function searchTemplate(deps: ResourceDeps): ResourceTemplate {
  return {
    uriTemplate: "docker://images/{query}",
    name: "image-search",
    title: "Image search",
    description: "Images on Docker Hub that fit a query.",
    mimeType: JSON_TYPE,
    async read(uri, signal) {
      const query = /^docker:\/\/images\/(.+)$/.exec(uri)?.[1];
      if (query === undefined) return undefined;
      const words = decoded(query, uri);
      const { total, hits } = await deps.hub.search(words, { limit: SEARCH_LIMIT, signal });
      return JSON.stringify({ query: words, total, results: hits });
    },
    complete: (_variable, typed, { signal }) => imageNames(deps, typed, signal),
  };
}

function imageTemplate(deps: ResourceDeps): ResourceTemplate {
  return {
    uriTemplate: "docker://image/{name}/{tag}",
    name: "image",
    title: "Image",
    description: "What an image is; write slashes in its name as %2F or as they are.",
    mimeType: JSON_TYPE,
    async read(uri, signal) {
      const match = /^docker:\/\/image\/(.+)\/([^/]+)$/.exec(uri);
      if (match === null) return undefined;
      const [name, tag] = [decoded(match[1] ?? "", uri), decoded(match[2] ?? "", uri)];
      const reference = parseReference(`${name}${tag.includes(":") ? "@" : ":"}${tag}`);
      return JSON.stringify(await inspectImage(deps.registry, reference, { signal }));
    },
    async complete(variable, typed, { variables, signal }) {
      if (variable === "name") return await imageNames(deps, typed, signal);
      const { name } = variables;
      if (variable !== "tag" || name === undefined || name === "") return [];
      return await tolerant(async () => {
        const { tags } = await deps.registry.tags(parseRepository(decoded(name, name)), { signal });
        const begins = tags.filter((tag) => tag.startsWith(typed));
        return viewTags(begins, { sort: "semver", limit: MAX_COMPLETIONS }).tags;
      });
    },
  };
}

function imageNames(
  deps: ResourceDeps,
  typed: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (typed.trim() === "") return Promise.resolve([]);
  return tolerant(async () => {
    const { hits } = await deps.hub.search(typed, { limit: 20, signal });
    return hits.map(({ name }) => name);
  });
}

/** A completion that fails offers nothing: the person is typing. */
async function tolerant(work: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await work();
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === "CANCELLED" || error.code === "INTERNAL") throw error;
    return [];
  }
}

function decoded(part: string, uri: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot read "${uri.slice(0, 200)}": its %-escapes are broken`,
      {
        cause,
        hint: "Write for example docker://image/library%2Falpine/3.20",
      },
    );
  }
}
