/**
 * The tools that keep the catalogue fresh and say how it stands. Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import type { RefreshReport, SourceState } from "../../catalog/mod.ts";
import { sizeText } from "../../core/units.ts";
import { joined } from "../render.ts";
import { defineTool } from "../tool.ts";
import { COUNT } from "./arguments.ts";
import type { CatalogDoor } from "./catalog.ts";

/** What Wharf may do and finds on this machine. */
export interface SystemFacts {
  /** The permissions that Deno granted, such as `net` or `run=podman`. */
  readonly permissions: readonly string[];
  /** Version of podman, or why it cannot be used. */
  readonly podman: string;
  /** Number of activated servers. */
  readonly active: number;
}

const ERROR = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});

/** Reads the sources anew. */
export const registryRefresh = defineTool({
  name: "registry-refresh",
  title: "Refresh the catalogue",
  toolset: "catalog",
  description:
    "Read the sources of the catalogue anew; those read minutes ago say when they may be asked " +
    "again. force=true reads all of a source, not only what changed.",
  annotations: {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: true,
  },
  input: z.strictObject({
    source: z.string().min(1).optional().describe("Only this one, see registry-status"),
    force: z.boolean().default(false),
  }),
  output: z.object({
    servers: COUNT.describe("In the catalogue now"),
    sources: z.array(z.object({
      source: z.string(),
      outcome: z.enum(["updated", "unchanged", "fresh", "cooling", "failed"]),
      entries: COUNT,
      added: COUNT,
      removed: COUNT,
      next_at: z.string().optional(),
      error: ERROR.optional(),
    })),
  }),
  async handle(input, deps: { readonly catalog: CatalogDoor }, { signal, progress }) {
    const catalog = await deps.catalog();
    const reports = await catalog.refresh({
      ...(input.source === undefined ? {} : { source: input.source }),
      isForced: input.force,
      signal,
      progress,
    });
    const { size } = await catalog.index({ signal });
    return {
      structured: { servers: size, sources: reports.map(reportRecord) },
      text: [`${size} servers`, ...reports.map(reportText)].join("\n"),
    };
  },
});

function reportRecord({ nextAt, error, ...rest }: RefreshReport) {
  return {
    ...rest,
    ...(nextAt === undefined ? {} : { next_at: nextAt }),
    ...(error === undefined ? {} : {
      error: {
        code: error.code,
        message: error.message,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      },
    }),
  };
}

function reportText(report: RefreshReport): string {
  const { source, outcome, entries, added, removed, nextAt, error } = report;
  const facts = joined([
    `${entries} entries`,
    added === 0 ? undefined : `${added} new`,
    removed === 0 ? undefined : `${removed} gone`,
    nextAt === undefined ? undefined : `again at ${nextAt}`,
  ], ", ");
  return `- ${source}: ${outcome} (${facts})${error === undefined ? "" : `. ${error.message}`}`;
}

/** Says how the catalogue stands. */
export const registryStatus = defineTool({
  name: "registry-status",
  title: "Catalogue status",
  toolset: "catalog",
  description:
    "Say how the catalogue stands: per source the count, age, last error and next refresh; cache, " +
    "permissions, podman.",
  annotations: {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
  input: z.strictObject({}),
  output: z.object({
    servers: COUNT,
    index_ms: COUNT.describe("Time to build or open the index"),
    cache_bytes: COUNT,
    permissions: z.array(z.string()),
    podman: z.string(),
    active_servers: COUNT,
    sources: z.array(z.object({
      source: z.string(),
      title: z.string(),
      state: z.enum(["ok", "unread", "failed", "refreshing"]),
      entries: COUNT,
      problems: COUNT,
      samples: z.array(z.object({ where: z.string(), reason: z.string() })).optional(),
      age_seconds: COUNT.optional(),
      fetched_at: z.string().optional(),
      next_at: z.string().optional(),
      partial: z.boolean().optional().describe("More is read with the next refresh"),
      commit: z.string().optional(),
      location: z.string(),
      error: ERROR.optional(),
    })),
  }),
  async handle(
    _input,
    deps: {
      readonly catalog: CatalogDoor;
      readonly system: () => Promise<SystemFacts>;
      readonly now: () => number;
    },
    { signal, progress },
  ) {
    const catalog = await deps.catalog();
    const [state, system] = await Promise.all([
      catalog.state({ signal, progress }),
      deps.system(),
    ]);
    const sources = state.sources.map((source) => stateRecord(source, deps.now()));
    return {
      structured: {
        servers: state.servers,
        index_ms: Math.round(state.indexMs),
        cache_bytes: state.cacheBytes,
        permissions: system.permissions,
        podman: system.podman,
        active_servers: system.active,
        sources,
      },
      text: [
        `${state.servers} servers, index built in ${Math.round(state.indexMs)} ms, cache ${
          sizeText(state.cacheBytes)
        }`,
        ...sources.map(stateText),
        `permissions: ${system.permissions.length === 0 ? "none" : system.permissions.join(", ")}`,
        `podman: ${system.podman}`,
        `active servers: ${system.active}`,
      ].join("\n"),
    };
  },
});

function stateRecord(state: SourceState, nowMs: number) {
  const { source, title, entries, problems, samples, fetchedAt, nextAt, commit, error } = state;
  return {
    source,
    title,
    state: state.state,
    entries,
    problems,
    ...(samples.length === 0 ? {} : { samples }),
    ...(fetchedAt === undefined ? {} : {
      age_seconds: Math.max(0, Math.round((nowMs - Date.parse(fetchedAt)) / 1000)),
      fetched_at: fetchedAt,
    }),
    ...(nextAt === undefined ? {} : { next_at: nextAt }),
    ...(state.isPartial ? { partial: true } : {}),
    ...(commit === undefined ? {} : { commit }),
    location: state.location,
    ...(error === undefined ? {} : {
      error: {
        code: error.code,
        message: error.message,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      },
    }),
  };
}

function stateText(record: ReturnType<typeof stateRecord>): string {
  const facts = joined([
    `${record.entries} entries`,
    record.problems === 0 ? undefined : `${record.problems} bad records`,
    record.age_seconds === undefined ? undefined : `${ageText(record.age_seconds)} old`,
    record.partial === true ? "more to read" : undefined,
    record.next_at === undefined ? undefined : `next ${record.next_at}`,
  ], ", ");
  const error = record.error === undefined ? "" : `. ${record.error.message}`;
  return `- ${record.source}: ${record.state} (${facts})${error}`;
}

function ageText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
