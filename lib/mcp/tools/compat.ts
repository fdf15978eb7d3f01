/**
 * Tools under the names and in the shapes of the older servers, as thin renderings of the same
 * operations. Needs no permission: the clients are passed in.
 *
 * @module
 */

import { z } from "zod";
import { sizeText } from "../../core/units.ts";
import {
  formatReference,
  inspectImage,
  parseReference,
  parseRegistry,
  parseRepository,
  type Reference,
  type RegistryClient,
  viewTags,
} from "../../oci/mod.ts";
import { AppError } from "../../core/errors.ts";
import { hubTagFacts, type TagFactsDeps } from "../tag_facts.ts";
import { dayText, fitting, joined, LIST_BUDGET_TOKENS } from "../render.ts";
import { defineTool } from "../tool.ts";
import { type ImageRecord, imageRecord } from "../image_record.ts";
import { withNearTags } from "../missing_tag.ts";
import { READS } from "./arguments.ts";

interface ImageDeps {
  readonly registry: Pick<RegistryClient, "manifest" | "blob" | "tags">;
}

const REGISTRY = z.string().min(1).describe("For example docker.io");
const REPOSITORY = z.string().min(1).describe("For example library/alpine");

/** Lists tags by name only. */
export const listOciTags = defineTool({
  name: "list_oci_tags",
  title: "List tags (older form)",
  toolset: "compat",
  description: "Older form of list_tags: names only. Prefer list_tags.",
  annotations: READS,
  input: z.strictObject({ registry: REGISTRY, repository: REPOSITORY }),
  output: z.object({ tags: z.array(z.string()), total: z.int() }),
  async handle(
    input,
    deps: { readonly registry: Pick<RegistryClient, "tags"> },
    { signal, budgetTokens = LIST_BUDGET_TOKENS },
  ) {
    const repository = parseRepository(`${parseRegistry(input.registry)}/${input.repository}`);
    const listing = await deps.registry.tags(repository, { signal });
    const view = viewTags(listing.tags, { sort: "semver", limit: 1000, includeDigestTags: true });
    const written = view.tags.map((tag) => JSON.stringify(tag));
    const tags = view.tags.slice(0, fitting(written, budgetTokens));
    const rest = view.total - tags.length;
    return {
      structured: { tags, total: view.total },
      text: tags.join("\n") + (rest === 0 ? "" : `\n… ${rest} more; list_tags pages through them`),
    };
  },
});

/** Digest, annotations and architectures. */
export const getOciDetails = defineTool({
  name: "get_oci_details",
  title: "Describe image (older form)",
  toolset: "compat",
  description:
    "Older form of get_image_info: digest, annotations, architectures. Prefer get_image_info.",
  annotations: READS,
  input: z.strictObject({
    registry: REGISTRY,
    repository: REPOSITORY,
    reference: z.string().min(1).describe("Tag or digest"),
  }),
  output: z.object({
    digest: z.string(),
    annotations: z.record(z.string(), z.string()),
    architectures: z.array(z.string()),
  }),
  async handle(
    input,
    deps: ImageDeps,
    { signal, budgetTokens = LIST_BUDGET_TOKENS },
  ) {
    const separator = input.reference.includes(":") ? "@" : ":";
    const reference = parseReference(
      `${parseRegistry(input.registry)}/${input.repository}${separator}${input.reference}`,
    );
    const info = await describe(reference, deps, { signal, budgetTokens });
    // The older server's word: the architecture alone, each once.
    const architectures = [
      ...new Set(info.platforms.flatMap(({ platform }) => platform.split("/")[1] ?? [])),
    ];
    const annotations = info.annotations ?? {};
    return {
      structured: { digest: info.digest, annotations, architectures },
      text: joined([
        info.digest,
        `architectures: ${architectures.join(", ") || "none"}`,
        ...Object.entries(annotations).map(([key, value]) => `${key}=${value}`),
      ], "\n"),
    };
  },
});

/** Tags as images with dates and sizes. */
export const searchTags = defineTool({
  name: "search_tags",
  title: "Search tags (older form)",
  toolset: "compat",
  description: "Older form of list_tags with a pattern. Prefer list_tags.",
  annotations: READS,
  input: z.strictObject({
    image_name: z.string().min(1),
    tag_pattern: z.string().default("").describe("Word, glob or /regex/"),
  }),
  output: z.object({
    tags: z.array(z.object({
      name: z.string(),
      tag: z.string(),
      last_updated: z.string().optional(),
      size: z.int().nonnegative().optional(),
    })),
    total: z.int(),
  }),
  async handle(
    input,
    deps: TagFactsDeps & { readonly registry: Pick<RegistryClient, "tags"> },
    { signal },
  ) {
    const repository = parseRepository(input.image_name);
    const listing = await deps.registry.tags(repository, { signal });
    const view = viewTags(listing.tags, { sort: "semver", pattern: input.tag_pattern, limit: 50 });
    const { facts } = await hubTagFacts(repository, deps, signal);
    const tags = view.tags.map((tag) => {
      const { size_bytes: size, pushed } = facts.get(tag) ?? {};
      return {
        name: input.image_name,
        tag,
        ...(pushed === undefined ? {} : { last_updated: pushed }),
        ...(size === undefined ? {} : { size }),
      };
    });
    const rest = view.matched - tags.length;
    return {
      structured: { tags, total: view.matched },
      text: [
        `${view.matched} tags of ${input.image_name} match`,
        ...tags.map(({ tag, size, last_updated: updated }) =>
          joined([tag, size === undefined ? undefined : sizeText(size), dayText(updated)], "  ")
        ),
        ...(rest > 0 ? [`… ${rest} more; list_tags pages through them`] : []),
      ].join("\n"),
    };
  },
});

/** An image with its layers and labels. */
export const getImageDetails = defineTool({
  name: "get_image_details",
  title: "Describe image with layers (older form)",
  toolset: "compat",
  description:
    "Older form of get_image_info: layers with commands, labels, sizes. Prefer get_image_info.",
  annotations: READS,
  input: z.strictObject({
    image_name: z.string().min(1),
    tag: z.string().min(1).optional().describe("Default latest"),
  }),
  output: z.object({
    name: z.string(),
    tag: z.string(),
    digest: z.string(),
    architecture: z.string().optional(),
    os: z.string().optional(),
    size: z.int().nonnegative().optional(),
    created: z.string().optional(),
    layers: z.array(z.object({
      digest: z.string().optional(),
      size: z.int().nonnegative(),
      command: z.string(),
    })),
    labels: z.record(z.string(), z.string()),
  }),
  async handle(input, deps: ImageDeps, { signal, budgetTokens = LIST_BUDGET_TOKENS }) {
    const reference = taggedImage(input.image_name, input.tag);
    const tag = reference.digest ?? reference.tag ?? "latest";
    const info = await describe(reference, deps, { signal, budgetTokens });
    const { selected } = info;
    const platform = info.platforms.find(({ digest }) => digest === selected?.digest);
    const [os, architecture] = (selected?.platform ?? "").split("/");
    const layers = (selected?.history ?? []).map((step) => ({
      ...(step.layer === undefined ? {} : { digest: step.layer }),
      size: step.size_bytes ?? 0,
      command: step.instruction,
    }));
    return {
      structured: {
        name: input.image_name,
        tag,
        digest: info.digest,
        ...(architecture === undefined ? {} : { architecture }),
        ...(os === undefined || os === "" ? {} : { os }),
        ...(platform?.size_bytes === undefined ? {} : { size: platform.size_bytes }),
        ...(platform?.created === undefined ? {} : { created: platform.created }),
        layers,
        labels: selected?.labels ?? {},
      },
      text: [
        `${info.reference} ${info.digest}`,
        joined([
          selected?.platform,
          platform?.size_bytes === undefined ? undefined : sizeText(platform.size_bytes),
          dayText(platform?.created),
        ], ", "),
        ...layers.map(({ command, size }) =>
          `- ${command}${size === 0 ? "" : ` (${sizeText(size)})`}`
        ),
      ].join("\n"),
    };
  },
});

async function describe(
  reference: Reference,
  deps: ImageDeps,
  options: { readonly signal: AbortSignal; readonly budgetTokens: number },
): Promise<ImageRecord> {
  const { signal, budgetTokens } = options;
  const info = await withNearTags(
    reference,
    { ...deps, signal },
    () => inspectImage(deps.registry, reference, { signal }),
  );
  return imageRecord(info, budgetTokens);
}

/** A tag that stands behind the name counts, where no other is given. */
function taggedImage(name: string, tag: string | undefined): Reference {
  const named = parseReference(name);
  const own = named.digest ?? named.tag;
  if (tag === undefined || tag === own) return named;
  if (own !== "latest") {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use tag "${tag}": the image name has another one, "${own}"`,
      { hint: "Write the tag once, behind the name or as tag" },
    );
  }
  const bare = formatReference(parseRepository(name));
  return parseReference(`${bare}${tag.includes(":") ? "@" : ":"}${tag}`);
}
