/**
 * Resource templates: searches and images as addresses that a client can read and complete. Needs
 * no permission: the clients are passed in.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { type HubClient, inspectImage, parseReference, type RegistryClient } from "../oci/mod.ts";
import {
  completeName,
  completeTag,
  type Completion,
  type CompletionContext,
  NOTHING,
} from "./completion.ts";
import { imageRecord } from "./image_record.ts";
import { withNearTags } from "./missing_tag.ts";
import { LIST_BUDGET_TOKENS } from "./render.ts";

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
   * @returns Values that go on from it.
   */
  complete(variable: string, typed: string, context: CompletionContext): Promise<Completion>;
}

/** What the templates need. */
export interface ResourceDeps {
  /** Reads images and tags. */
  readonly registry: Pick<RegistryClient, "manifest" | "blob" | "tags">;
  /** Searches names. */
  readonly hub: Pick<HubClient, "search">;
}

const JSON_TYPE = "application/json";
const SEARCH_LIMIT = 10;
const MAX_QUERY = 200;

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
      const words = cleanText(decoded(query, uri), { maxChars: MAX_QUERY });
      if (words === "") {
        // Whoever may only look may read this address, so that it must lead to no other server.
        throw new AppError("NOT_FOUND", "Cannot search for images: the address holds no words", {
          hint: "Write for example docker://images/web%20server",
        });
      }
      const { total, hits } = await deps.hub.search(words, { limit: SEARCH_LIMIT, signal });
      return JSON.stringify({ query: words, total, results: hits });
    },
    complete: (_variable, typed, { signal }) => completeName(deps, typed, signal),
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
      const info = await withNearTags(
        reference,
        { ...deps, signal },
        () => inspectImage(deps.registry, reference, { signal }),
      );
      return JSON.stringify(imageRecord(info, LIST_BUDGET_TOKENS));
    },
    async complete(variable, typed, { variables, signal }) {
      if (variable === "name") return await completeName(deps, typed, signal);
      const { name } = variables;
      if (variable !== "tag" || name === undefined) return NOTHING;
      return await completeTag(deps, typed, { name: name.replaceAll(/%2F/gi, "/"), signal });
    },
  };
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
