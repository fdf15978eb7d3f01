/**
 * The next step for an image whose tag does not exist: the tags that were probably meant. Needs no
 * permission: the client is passed in.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import { nearestNames } from "../core/nearest.ts";
import { isDockerHub, type Reference, type RegistryClient, viewTags } from "../oci/mod.ts";

/** A long list of tags is not read to its end for a hint. */
const MAX_TAGS = 5000;
const MAX_SHOWN = 5;

/** What {@linkcode withNearTags} needs. */
export interface MissingTagDeps {
  /** Lists tags. */
  readonly registry: Pick<RegistryClient, "tags">;
}

/**
 * Does some work on an image; if the image does not exist, but its repository does, the error
 * names the nearest tags.
 *
 * @param reference The image.
 * @param deps The client, and the signal.
 * @param work Reads the image.
 * @returns What the work gives.
 * @throws {AppError} What the work throws; `NOT_FOUND` with other tags to choose from.
 */
export async function withNearTags<T>(
  reference: Reference,
  deps: MissingTagDeps & { readonly signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { tag, digest } = reference;
    const isMissing = thrown instanceof AppError && thrown.code === "NOT_FOUND" &&
      thrown.details?.["platforms"] === undefined;
    if (!isMissing || tag === undefined || digest !== undefined) throw thrown;
    const tags = await tagsOf(reference, deps);
    const where = isDockerHub(reference.registry) ? "" : `${reference.registry}/`;
    if (tags === "none") {
      throw new AppError(
        "NOT_FOUND",
        `Cannot find "${where}${reference.repository}": there is no such repository`,
        { cause: thrown, hint: "Check the spelling of its name" },
      );
    }
    // Something behind the tag is missing, or nobody knows: the first error says what.
    if (tags === undefined || tags.includes(tag)) throw thrown;
    const near = nearestNames(tag, tags, MAX_SHOWN);
    throw new AppError(
      "NOT_FOUND",
      `Cannot find tag "${tag}": ${where}${reference.repository} has no such tag`,
      {
        cause: thrown,
        hint: near.length > 0 ? `Nearest tags: ${near.join(", ")}` : newest(tags),
        details: { nearest_tags: near },
      },
    );
  }
}

/** The tags; `none` where the registry knows no such repository. */
async function tagsOf(
  reference: Reference,
  deps: MissingTagDeps & { readonly signal: AbortSignal },
): Promise<readonly string[] | "none" | undefined> {
  const { signal } = deps;
  try {
    return (await deps.registry.tags(reference, { signal, maxTags: MAX_TAGS })).tags;
  } catch (thrown) {
    // A hint is not worth a second error.
    return toAppError(thrown).code === "NOT_FOUND" ? "none" : undefined;
  }
}

function newest(tags: readonly string[]): string {
  const { tags: shown } = viewTags(tags, { sort: "semver", limit: MAX_SHOWN });
  return shown.length === 0
    ? "The repository has no tags at all; name the image by its digest"
    : `It has for example ${shown.join(", ")}; list_tags shows all`;
}
