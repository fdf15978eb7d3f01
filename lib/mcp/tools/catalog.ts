/**
 * The tools that find a server in the catalogue. What they need of it is loaded with the first
 * question, since most calls of the command line are about images. Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError, toAppError } from "../../core/errors.ts";
import { cleanText } from "../../core/text.ts";
import type { Catalog, CatalogNote, EntryFilters, SourceState } from "../../catalog/mod.ts";
import { inspectImage, parseReference, type RegistryClient } from "../../oci/mod.ts";
import { BRIEF, LAUNCH, WHOLE } from "../entry_schema.ts";
import { imageRecord } from "../image_record.ts";
import { fitting, LIST_BUDGET_TOKENS } from "../render.ts";
import { type CallContext, defineTool, type ToolAnnotations } from "../tool.ts";
import { COUNT, CURSOR } from "./arguments.ts";

/** Ten hits stay below this, in tokens, whatever the catalogue's words. */
const HITS_BUDGET_TOKENS = 1500;

const MAX_QUERY_CHARS = 300;

/** Answers from what is kept. */
const LOOKS_UP: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

/** Gives the catalogue, which is loaded with the first question. */
export type CatalogDoor = () => Promise<
  Pick<Catalog, "index" | "refresh" | "state" | "sourceStates">
>;

const WORDS = z.array(z.string()).optional();

const FILTERS = z.strictObject({
  categories: WORDS.describe("Any of these, for example database"),
  tags: WORDS,
  sources: WORDS.describe("Any of these, see registry-status"),
  official: z.boolean().optional(),
  featured: z.boolean().optional(),
  requires_api_key: z.enum(["true", "false", "unknown"]).optional(),
  launch_methods: z.array(LAUNCH).optional(),
});

/** Words of older servers for the launch methods. */
const METHODS = {
  container: "podman",
  docker: "podman",
  http: "remote-http",
  remote: "remote-http",
  npx: "stdio-proxy",
  stdio: "stdio-proxy",
  uvx: "stdio-proxy",
};

/** Finds servers. */
export const registryFind = defineTool({
  name: "registry-find",
  title: "Find MCP servers",
  toolset: "catalog",
  description:
    "Find MCP servers by what they do or are called. Each hit says why it matched, how it would " +
    "be launched and whether it needs a key.",
  annotations: LOOKS_UP,
  input: z.strictObject({
    query: z.string().optional().describe('For example "query a postgres database"'),
    ...FILTERS.shape,
    limit: z.int().min(1).max(50).default(10),
    cursor: CURSOR,
  }),
  synonyms: { launch_methods: METHODS },
  output: z.object({
    servers: z.array(BRIEF),
    total: COUNT,
    next_cursor: z.string().optional(),
    corrected: z.record(z.string(), z.array(z.string())).optional(),
    nearest: z.array(z.string()).optional(),
    notes: z.array(z.string()),
  }),
  async handle(
    input,
    deps: { readonly catalog: CatalogDoor },
    context,
  ) {
    const [index, states, { hitRecord, briefText }] = await open(deps.catalog, context);
    const query = cleanText(input.query ?? "", { maxChars: MAX_QUERY_CHARS });
    const filters = filtersOf(input, states);
    const ask = (limit: number) =>
      index.find(query, {
        filters,
        limit,
        ...(input.cursor === undefined ? {} : { cursor: input.cursor }),
      });
    const asked = ask(input.limit);
    const records = asked.hits.map(hitRecord);
    const count = fitting(
      records.map((record) => JSON.stringify(record)),
      context.budgetTokens ?? HITS_BUDGET_TOKENS,
    );
    // The cursor stands behind the last hit that is shown.
    const found = count < records.length ? ask(count) : asked;
    const servers = records.slice(0, count);
    const notes = [
      ...unreadNotes(states),
      ...(servers.length === 0 ? filterNotes(filters) : []),
    ];
    const corrected = Object.fromEntries(found.corrections.map(({ word, used }) => [word, used]));
    const head = servers.length === 0
      ? `No server matches${
        found.nearest.length === 0 ? "" : `; nearest: ${found.nearest.join(", ")}`
      }`
      : `${servers.length} of ${found.total} servers; texts in quotes are the catalogue's`;
    return {
      structured: {
        servers,
        total: found.total,
        ...(found.nextCursor === undefined ? {} : { next_cursor: found.nextCursor }),
        ...(found.corrections.length === 0 ? {} : { corrected }),
        ...(found.nearest.length === 0 ? {} : { nearest: found.nearest }),
        notes,
      },
      text: [
        head,
        ...Object.entries(corrected).map(([word, used]) => `"${word}" read as ${used.join(", ")}`),
        ...servers.map(briefText),
        ...more(found.nextCursor),
        ...notes,
      ].join("\n"),
    };
  },
});

/** Browses servers. */
export const registryList = defineTool({
  name: "registry-list",
  title: "List MCP servers",
  toolset: "catalog",
  description: "Browse the catalogue of MCP servers by filters and order.",
  annotations: LOOKS_UP,
  input: z.strictObject({
    ...FILTERS.shape,
    sort: z.enum(["quality", "name", "stars", "updated"]).default("quality"),
    limit: z.int().min(1).max(100).default(20),
    cursor: CURSOR,
  }),
  synonyms: { launch_methods: METHODS },
  output: z.object({
    servers: z.array(BRIEF),
    total: COUNT,
    next_cursor: z.string().optional(),
    notes: z.array(z.string()),
  }),
  async handle(
    input,
    deps: { readonly catalog: CatalogDoor },
    context,
  ) {
    const [index, states, { briefRecord, briefText }] = await open(deps.catalog, context);
    const filters = filtersOf(input, states);
    const ask = (limit: number) =>
      index.list({
        filters,
        sort: input.sort,
        limit,
        ...(input.cursor === undefined ? {} : { cursor: input.cursor }),
      });
    const asked = ask(input.limit);
    const records = asked.entries.map((entry) => briefRecord(entry));
    const count = fitting(
      records.map((record) => JSON.stringify(record)),
      context.budgetTokens ?? LIST_BUDGET_TOKENS,
    );
    const listed = count < records.length ? ask(count) : asked;
    const servers = records.slice(0, count);
    const notes = [
      ...unreadNotes(states),
      ...(servers.length === 0 ? filterNotes(filters) : []),
    ];
    return {
      structured: {
        servers,
        total: listed.total,
        ...(listed.nextCursor === undefined ? {} : { next_cursor: listed.nextCursor }),
        notes,
      },
      text: [
        servers.length === 0
          ? "No server passes these filters"
          : `${servers.length} of ${listed.total} servers; texts in quotes are the catalogue's`,
        ...servers.map(briefText),
        ...more(listed.nextCursor),
        ...notes,
      ].join("\n"),
    };
  },
});

/** Says all about one server. */
export const registryGet = defineTool({
  name: "registry-get",
  title: "Describe MCP server",
  toolset: "catalog",
  description:
    "Say all that the catalogue knows of one server: what it would run, settings, tools, sources. " +
    "inspect=true looks into its image too.",
  annotations: { ...LOOKS_UP, openWorldHint: true },
  input: z.strictObject({
    id: z.string().min(1).describe("Id from registry-find"),
    inspect: z.boolean().default(false),
  }),
  output: WHOLE,
  async handle(
    input,
    deps: {
      readonly catalog: CatalogDoor;
      readonly registry: Pick<RegistryClient, "manifest" | "blob">;
    },
    context,
  ) {
    const { budgetTokens = LIST_BUDGET_TOKENS, signal } = context;
    const [index, states, { entryRecord, entryText }] = await open(deps.catalog, context);
    const entry = index.get(input.id);
    if (entry === undefined) {
      const near = index.nearestIds(input.id, 5);
      const unread = unreadNotes(states);
      throw new AppError("NOT_FOUND", `Cannot find server "${input.id}": the catalogue has none`, {
        hint: [
          near.length === 0 ? "Search with registry-find" : `Nearest: ${near.join(", ")}`,
          ...unread,
        ].join(". "),
      });
    }
    const record = entryRecord(entry, budgetTokens);
    if (!input.inspect) return { structured: record, text: entryText(record) };
    const image = await inspected(entry.containerImage, { ...deps, budgetTokens, signal });
    if (typeof image === "string") {
      const noted = { ...record, notes: [...record.notes, image] };
      return { structured: noted, text: entryText(noted) };
    }
    const text = [
      entryText(record),
      `image: ${image.pinned}`,
      `image platforms: ${image.platforms.map(({ platform }) => platform).join(", ")}`,
      `image user: ${image.selected?.user ?? "root"}`,
    ].join("\n");
    // Spread: an interface has no index signature, which the loose schema asks for.
    return { structured: { ...record, image: { ...image } }, text };
  },
});

/** The image's record, or why there is none: the rest of the answer is worth having without. */
async function inspected(image: string | undefined, options: {
  readonly registry: Pick<RegistryClient, "manifest" | "blob">;
  readonly budgetTokens: number;
  readonly signal: AbortSignal;
}) {
  if (image === undefined) return "There is no image to inspect";
  const { registry, budgetTokens, signal } = options;
  try {
    const info = await inspectImage(registry, parseReference(image), { signal });
    return imageRecord(info, budgetTokens);
  } catch (thrown) {
    const error = toAppError(thrown);
    if (signal.aborted) throw error;
    return `The image cannot be inspected. ${error.message}${
      error.hint === undefined ? "" : `. ${error.hint}`
    }`;
  }
}

/** The catalogue's index, how its sources stand, and the words for it. */
async function open(catalog: CatalogDoor, context: CallContext) {
  const [opened, words] = await Promise.all([catalog(), import("../entry_record.ts")]);
  const index = await opened.index({
    signal: context.signal,
    progress: (note: CatalogNote) => context.progress(note),
  });
  return [index, opened.sourceStates(), words] as const;
}

function filtersOf(input: z.output<typeof FILTERS>, states: readonly SourceState[]): EntryFilters {
  const unknown = (input.sources ?? []).find((source) =>
    states.every((state) => state.source !== source)
  );
  if (unknown !== undefined) {
    throw new AppError("INVALID_ARGUMENT", `Cannot use source "${unknown}": there is none`, {
      hint: `Choose from ${states.map(({ source }) => source).join(", ")}`,
    });
  }
  const { requires_api_key: key } = input;
  return {
    ...(input.categories === undefined ? {} : { categories: input.categories }),
    ...(input.tags === undefined ? {} : { tags: input.tags }),
    ...(input.sources === undefined ? {} : { sources: input.sources }),
    ...(input.official === undefined ? {} : { official: input.official }),
    ...(input.featured === undefined ? {} : { featured: input.featured }),
    ...(key === undefined ? {} : { requiresApiKey: key === "unknown" ? key : key === "true" }),
    ...(input.launch_methods === undefined ? {} : { launchMethods: input.launch_methods }),
  };
}

/** Sources that could give more, and why they do not. */
function unreadNotes(states: readonly SourceState[]): readonly string[] {
  const failed = states.filter(({ state, fetchedAt }) =>
    state === "failed" && fetchedAt === undefined
  );
  const unread = states.filter(({ state, fetchedAt, kind }) =>
    kind !== "builtin" && fetchedAt === undefined && state !== "failed"
  );
  return [
    ...failed.map(({ source, error }) => `Without ${source}: ${error?.message}`),
    ...(unread.length === 0
      ? []
      : [`Not read yet: ${unread.map(({ source }) => source).join(", ")}; see registry-refresh`]),
  ];
}

/** What may be too narrow. */
function filterNotes(filters: EntryFilters): readonly string[] {
  const names = Object.keys(filters);
  return names.length === 0 ? [] : ["Nothing passes all filters: try fewer"];
}

function more(cursor: string | undefined): readonly string[] {
  return cursor === undefined ? [] : [`Go on with cursor="${cursor}"`];
}
