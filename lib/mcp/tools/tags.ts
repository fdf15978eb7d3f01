/**
 * The tool that lists tags. Needs no permission: the clients are passed in.
 *
 * @module
 */

import { z } from "zod";
import { sizeText } from "../../core/units.ts";
import {
  parseRepository,
  type RegistryClient,
  type Repository,
  TAG_SORTS,
  type TagListing,
  viewTags,
} from "../../oci/mod.ts";
import { dayText, fitting, joined, LIST_BUDGET_TOKENS } from "../render.ts";
import { type FoundFacts, hubTagFacts, type TagFacts, type TagFactsDeps } from "../tag_facts.ts";
import { defineTool } from "../tool.ts";
import { CURSOR, READS } from "./arguments.ts";

const ROW = z.object({
  name: z.string(),
  size_bytes: z.int().nonnegative().optional(),
  pushed: z.string().optional(),
});

/** Lists tags. */
export const listTags = defineTool({
  name: "list_tags",
  title: "List tags",
  toolset: "oci",
  description:
    "List a repository's tags, newest version first; suffix families such as -alpine stay together. " +
    "pattern: a word, a glob (1.2*) or /regex/.",
  annotations: READS,
  input: z.strictObject({
    repository: z.string().min(1).describe("For example alpine or ghcr.io/org/app"),
    pattern: z.string().optional().describe("Word, glob (1.2*-alpine) or /regex/"),
    sort: z.enum(TAG_SORTS).default("semver"),
    limit: z.int().min(1).max(1000).default(100),
    cursor: CURSOR,
    include_digest_tags: z.boolean().default(false).describe(
      "Show sha256-… tags of signatures too",
    ),
  }),
  output: z.object({
    repository: z.string(),
    tags: z.array(ROW),
    total: z.int(),
    matched: z.int(),
    hidden: z.int().describe("Tags that only mirror a digest"),
    truncated: z.boolean().optional(),
    next_cursor: z.string().optional(),
    notes: z.array(z.string()).optional(),
  }),
  // An older server for registries counts both up and down.
  synonyms: { sort: { "semver-desc": "semver" } },
  async handle(
    input,
    deps: TagFactsDeps & { readonly registry: Pick<RegistryClient, "tags"> },
    { signal, budgetTokens = LIST_BUDGET_TOKENS },
  ) {
    const repository = parseRepository(input.repository);
    const name = `${repository.registry}/${repository.repository}`;
    const listing = await deps.registry.tags(repository, { signal });
    const options = {
      sort: input.sort,
      pattern: input.pattern,
      includeDigestTags: input.include_digest_tags,
      cursor: input.cursor,
    };
    const asked = viewTags(listing.tags, { ...options, limit: input.limit });
    const { facts, note } = await factsOf(repository, listing, {
      shown: asked.tags,
      hub: deps.hub,
      signal,
    });
    const entries = asked.tags.map((tag) => ({ name: tag, ...facts.get(tag) }));
    const count = fitting(entries.map((entry) => JSON.stringify(entry)), budgetTokens);
    const view = count < asked.tags.length
      ? viewTags(listing.tags, { ...options, limit: count })
      : asked;
    const notes = [
      ...listing.warnings.map((warning) => `warning of the registry: ${warning}`),
      ...(note === undefined ? [] : [note]),
    ];
    const more = view.nextCursor === undefined
      ? []
      : [`${view.tags.length} shown; go on with cursor="${view.nextCursor}"`];
    const hidden = view.hidden === 0 ? "" : `, ${view.hidden} digest tags hidden`;
    const fits = view.matched === view.total - view.hidden ? "" : `, ${view.matched} match`;
    return {
      structured: {
        repository: name,
        tags: entries.slice(0, count),
        total: view.total,
        matched: view.matched,
        hidden: view.hidden,
        ...(listing.truncated ? { truncated: true } : {}),
        ...(view.nextCursor === undefined ? {} : { next_cursor: view.nextCursor }),
        ...(notes.length === 0 ? {} : { notes }),
      },
      text: [
        `${name}: ${view.total} tags${fits}${hidden}${listing.truncated ? ", list cut" : ""}`,
        ...view.tags.map((tag) => tagRow(tag, facts.get(tag))),
        ...more,
        ...notes,
      ].join("\n"),
    };
  },
});

function tagRow(tag: string, facts: TagFacts | undefined): string {
  return joined([
    tag,
    facts?.size_bytes === undefined ? undefined : sizeText(facts.size_bytes),
    dayText(facts?.pushed),
  ], "  ");
}

/** Sizes and dates, where they are free or cost one request. */
async function factsOf(
  repository: Repository,
  listing: TagListing,
  options: TagFactsDeps & { readonly shown: readonly string[]; readonly signal: AbortSignal },
): Promise<FoundFacts> {
  if (options.shown.length === 0) return { facts: new Map() };
  const { facts, note } = await hubTagFacts(repository, options, options.signal);
  const own = [...listing.details].map(([tag, { sizeBytes, pushed }]): [string, TagFacts] => [tag, {
    ...(sizeBytes === undefined ? {} : { size_bytes: sizeBytes }),
    ...(pushed === undefined ? {} : { pushed }),
  }]);
  return { facts: new Map([...own, ...facts]), ...(note === undefined ? {} : { note }) };
}
