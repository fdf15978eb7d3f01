/**
 * The tools of Docker Hub: search, repositories, users, pull quota. Needs no permission: the
 * clients are passed in.
 *
 * @module
 */

import { z } from "zod";
import { countText } from "../../core/units.ts";
import { AppError } from "../../core/errors.ts";
import { cleanText, truncate } from "../../core/text.ts";
import {
  type HubClient,
  type HubSearchHit,
  isDockerHub,
  parseRegistry,
  parseRepository,
  type RegistryClient,
} from "../../oci/mod.ts";
import { dayText, fitting, joined, LIST_BUDGET_TOKENS } from "../render.ts";
import { defineTool } from "../tool.ts";
import { COUNT, READS } from "./arguments.ts";

const MAX_QUERY = 200;

const HIT = z.object({
  name: z.string(),
  description: z.string().optional(),
  stars: COUNT.optional(),
  pulls: COUNT.optional(),
  official: z.boolean().optional(),
  verified: z.boolean().optional(),
  last_updated: z.string().optional(),
  archived: z.boolean().optional(),
});

/** Searches images. */
export const searchImages = defineTool({
  name: "search_images",
  title: "Search images",
  toolset: "hub",
  description: "Search Docker Hub for images; with registry: names in that registry's catalog.",
  annotations: READS,
  input: z.strictObject({
    query: z.string().min(1).max(MAX_QUERY),
    registry: z.string().min(1).default("docker.io"),
    limit: z.int().min(1).max(100).default(10),
  }),
  output: z.object({
    registry: z.string(),
    total: COUNT.optional(),
    results: z.array(HIT),
    truncated: z.boolean().optional(),
  }),
  async handle(
    input,
    deps: {
      readonly hub: Pick<HubClient, "search">;
      readonly registry: Pick<RegistryClient, "catalog">;
    },
    { signal, budgetTokens = LIST_BUDGET_TOKENS },
  ) {
    const registry = parseRegistry(input.registry);
    const query = cleanText(input.query, { maxChars: MAX_QUERY });
    if (query === "") {
      throw new AppError("INVALID_ARGUMENT", "Cannot search: the query has no words", {
        hint: "Name what the image is or does, for example postgres",
      });
    }
    if (!isDockerHub(registry)) {
      return await searchCatalog({ query, limit: input.limit }, {
        ...deps,
        host: registry,
        signal,
      });
    }
    const { total, hits } = await deps.hub.search(query, { limit: input.limit, signal });
    const asked = hits.slice(0, input.limit);
    const results = asked.slice(
      0,
      fitting(asked.map((hit) => JSON.stringify(hit)), budgetTokens),
    );
    const isCut = results.length < asked.length;
    const head = results.length === 0
      ? `Docker Hub finds nothing for "${query}"; try fewer or other words`
      : `${results.length} of ${total} on Docker Hub${
        isCut ? "; more do not fit, so search with more words" : ""
      }`;
    return {
      structured: { registry, total, results, ...(isCut ? { truncated: true } : {}) },
      text: [head, ...results.map(hitText)].join("\n"),
    };
  },
});

function hitText(hit: HubSearchHit): string {
  const badge = hit.official ? "official" : hit.verified ? "verified" : undefined;
  const facts = joined([
    badge,
    hit.archived ? "archived" : undefined,
    `${countText(hit.pulls)} pulls`,
    `${countText(hit.stars)} stars`,
    dayText(hit.last_updated),
  ], ", ");
  return `- ${hit.name} (${facts})${hit.description === "" ? "" : `: ${hit.description}`}`;
}

async function searchCatalog(
  input: { readonly query: string; readonly limit: number },
  deps: {
    readonly registry: Pick<RegistryClient, "catalog">;
    readonly host: string;
    readonly signal: AbortSignal;
  },
) {
  const words = input.query.toLowerCase().split(/\s+/).filter(Boolean);
  const { repositories, truncated } = await deps.registry.catalog(deps.host, {
    limit: input.limit,
    filter: (name) => words.every((word) => name.includes(word)),
    signal: deps.signal,
  });
  const head = repositories.length === 0
    ? `${deps.host} has no repository with "${input.query}" in its name`
    : `${repositories.length} repositories of ${deps.host}${
      truncated ? "; there may be more" : ""
    }`;
  return {
    structured: {
      registry: deps.host,
      results: repositories.map((name) => ({ name: `${deps.host}/${name}` })),
      ...(truncated ? { truncated } : {}),
    },
    text: [head, ...repositories.map((name) => `- ${deps.host}/${name}`)].join("\n"),
  };
}

/** Shows a repository. */
export const getHubRepository = defineTool({
  name: "get_hub_repository",
  title: "Show Docker Hub repository",
  toolset: "hub",
  description:
    "Show a Docker Hub repository: description, pulls, stars, dates, categories, and its page's text.",
  annotations: READS,
  input: z.strictObject({
    repository: z.string().min(1).describe("For example nginx or grafana/grafana"),
  }),
  output: z.object({
    name: z.string(),
    description: z.string(),
    stars: COUNT,
    pulls: COUNT,
    official: z.boolean(),
    private: z.boolean(),
    last_updated: z.string().optional(),
    registered: z.string().optional(),
    status: z.string().optional(),
    categories: z.array(z.string()),
    content_types: z.array(z.string()),
    page: z.string().describe("The page's text, cut to the budget"),
    page_chars: COUNT,
  }),
  async handle(input, deps: { readonly hub: Pick<HubClient, "repository"> }, { signal }) {
    const { repository, registry } = parseRepository(input.repository);
    if (!isDockerHub(registry)) {
      throw new AppError(
        "INVALID_ARGUMENT",
        `Cannot show "${registry}/${repository}": it is not on Docker Hub`,
        {
          hint: "Use list_tags or get_image_info for other registries",
        },
      );
    }
    const { full_description: full, ...facts } = await deps.hub.repository(repository, { signal });
    // About half of the budget: a page says little about an image after its beginning.
    const page = truncate(full, LIST_BUDGET_TOKENS * 2);
    const cut = page.length < full.length ? `\n… ${full.length - page.length} more characters` : "";
    const text = joined([
      `${facts.name}: ${facts.description}`,
      joined([
        facts.official ? "official" : undefined,
        facts.private ? "private" : undefined,
        `${countText(facts.pulls)} pulls`,
        `${countText(facts.stars)} stars`,
        facts.last_updated === undefined ? undefined : `updated ${dayText(facts.last_updated)}`,
        facts.status,
      ], ", "),
      facts.categories.length === 0 ? undefined : `categories: ${facts.categories.join(", ")}`,
      page === "" ? undefined : `Its page says:\n${page}${cut}`,
    ], "\n");
    return { structured: { ...facts, page, page_chars: full.length }, text };
  },
});

/** Shows a user. */
export const getHubUser = defineTool({
  name: "get_hub_user",
  title: "Show Docker Hub user",
  toolset: "hub",
  description:
    "Look up a Docker Hub user or organisation by exact name; Docker Hub cannot search users.",
  annotations: READS,
  input: z.strictObject({ name: z.string().min(1).max(64) }),
  output: z.object({
    name: z.string(),
    type: z.string(),
    full_name: z.string().optional(),
    location: z.string().optional(),
    company: z.string().optional(),
    profile_url: z.string().optional(),
    joined: z.string().optional(),
    badge: z.string().optional(),
  }),
  async handle(input, deps: { readonly hub: Pick<HubClient, "user"> }, { signal }) {
    const user = await deps.hub.user(input.name, { signal });
    const text = joined([
      `${user.name}: ${joined([user.type, user.badge], ", ")}`,
      user.full_name,
      joined([user.company, user.location], ", "),
      user.profile_url,
      user.joined === undefined ? undefined : `joined ${dayText(user.joined)}`,
    ], "\n");
    return { structured: user, text };
  },
});

/** Shows the pull quota. */
export const getRateLimit = defineTool({
  name: "get_rate_limit",
  title: "Show pull quota",
  toolset: "hub",
  description:
    "Show how many pulls Docker Hub allows this machine or account now. Asking spends none.",
  annotations: READS,
  input: z.strictObject({}),
  output: z.object({
    registry: z.literal("docker.io"),
    limited: z.boolean(),
    limit: COUNT.optional(),
    remaining: COUNT.optional(),
    window_seconds: COUNT.optional(),
    source: z.string().optional(),
    credential_source: z.string().optional(),
  }),
  async handle(_input, deps: { readonly registry: Pick<RegistryClient, "rateLimit"> }, { signal }) {
    const { limited, limit, remaining, windowSeconds, source, credential } = await deps.registry
      .rateLimit({ signal });
    const who = credential === undefined ? "anonymous" : `logged in by ${credential}`;
    const hours = windowSeconds === undefined
      ? ""
      : ` in ${Math.round(windowSeconds / 360) / 10} h`;
    return {
      structured: {
        registry: "docker.io" as const,
        limited,
        ...(limit === undefined ? {} : { limit }),
        ...(remaining === undefined ? {} : { remaining }),
        ...(windowSeconds === undefined ? {} : { window_seconds: windowSeconds }),
        ...(source === undefined ? {} : { source }),
        ...(credential === undefined ? {} : { credential_source: credential }),
      },
      text: limited
        ? `${remaining ?? "?"} of ${limit ?? "?"} pulls${hours} left (${who}${
          source === undefined ? "" : `, counted for ${source}`
        })`
        : `Docker Hub does not limit pulls here (${who})`,
    };
  },
});
