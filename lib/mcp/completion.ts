/**
 * Completion of what a person types: names from Docker Hub's search, tags from the registry. Needs
 * no permission: the clients are passed in.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import { type HubClient, parseRepository, type RegistryClient, viewTags } from "../oci/mod.ts";

/** Values that go on from what was typed. */
export interface Completion {
  /** The best of them; at most 100, as the specification has it. */
  readonly values: readonly string[];
  /** How many there are. */
  readonly total: number;
}

/** What comes with a completion. */
export interface CompletionContext {
  /** The other variables, as far as they are known. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ends the work early. */
  readonly signal: AbortSignal;
}

/** What completion needs. */
export interface CompletionDeps {
  /** Lists tags. */
  readonly registry: Pick<RegistryClient, "tags">;
  /** Searches names. */
  readonly hub: Pick<HubClient, "search">;
}

/** Completes to nothing. */
export const NOTHING: Completion = { values: [], total: 0 };

/** The specification: at most so many values. */
const MAX_VALUES = 100;
const MAX_NAMES = 20;
/** Nobody types more of a name. */
const MAX_TYPED = 200;

/**
 * Keeps the values that begin with what was typed.
 *
 * @param values All values, the best first.
 * @param typed What was typed so far.
 * @returns The completion.
 */
export function beginning(values: readonly string[], typed: string): Completion {
  const fitting = values.filter((value) => value.startsWith(typed));
  return { values: fitting.slice(0, MAX_VALUES), total: fitting.length };
}

/**
 * Completes the name of an image on Docker Hub.
 *
 * @param deps The clients.
 * @param typed What was typed so far.
 * @param signal Ends the work early.
 * @returns Names that Docker Hub finds.
 */
export async function completeName(
  deps: CompletionDeps,
  typed: string,
  signal: AbortSignal,
): Promise<Completion> {
  const query = typed.trim().slice(0, MAX_TYPED);
  if (query === "") return NOTHING;
  return await tolerant(async () => {
    const { hits } = await deps.hub.search(query, { limit: MAX_NAMES, signal });
    return { values: hits.map(({ name }) => name), total: hits.length };
  });
}

/**
 * Completes a tag.
 *
 * @param deps The clients.
 * @param typed What was typed so far.
 * @param image The name of the image, and the signal.
 * @returns Tags of the image, newest version first.
 */
export async function completeTag(
  deps: CompletionDeps,
  typed: string,
  image: { readonly name: string; readonly signal: AbortSignal },
): Promise<Completion> {
  const { name, signal } = image;
  if (name.trim() === "") return NOTHING;
  return await tolerant(async () => {
    const { tags } = await deps.registry.tags(parseRepository(name), { signal });
    const begins = tags.filter((tag) => tag.startsWith(typed));
    const view = viewTags(begins, { sort: "semver", limit: MAX_VALUES });
    return { values: view.tags, total: view.matched };
  });
}

/** A completion that fails offers nothing: the person is typing. */
async function tolerant(work: () => Promise<Completion>): Promise<Completion> {
  try {
    return await work();
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === "CANCELLED" || error.code === "INTERNAL") throw error;
    return NOTHING;
  }
}
