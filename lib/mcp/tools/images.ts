/**
 * The tools about one image: what it is, its manifest, its config; and a ping. Needs no
 * permission: the registry client is passed in.
 *
 * @module
 */

import { z } from "zod";
import { sizeText } from "../../core/units.ts";
import { AppError } from "../../core/errors.ts";
import {
  type ImageInfo,
  inspectImage,
  isDockerHub,
  type ManifestAnswer,
  nearestNames,
  parsePlatform,
  parseReference,
  parseRegistry,
  type Reference,
  type RegistryClient,
  selectPlatform,
} from "../../oci/mod.ts";
import { documentPart } from "../document.ts";
import { dayText, joined, LIST_BUDGET_TOKENS } from "../render.ts";
import { defineTool, type ToolAnnotations } from "../tool.ts";

/** Reads from the world, changes nothing. */
export const READS: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: true,
};

/** How every tool about an image calls its reference. */
export const IMAGE_REF: z.ZodString = z.string().min(1).describe(
  "Image, for example alpine:3.20, ghcr.io/org/app@sha256:…",
);

const PLATFORM = z.string().optional().describe("os/arch[/variant], for example linux/arm64");
const PATH = z.string().optional().describe("JSON pointer of a part, for example /layers/0");
const CURSOR = z.string().optional().describe("next_cursor of the answer before");

const DOCUMENT_CHARS = LIST_BUDGET_TOKENS * 4;

/** Checks a registry, or only that Wharf answers. */
export const ping = defineTool({
  name: "ping",
  title: "Ping",
  toolset: "oci",
  description:
    "Check that a registry answers and whether credentials are accepted. Without registry: pong.",
  annotations: READS,
  input: z.strictObject({
    registry: z.string().min(1).optional().describe("Host, for example ghcr.io"),
  }),
  output: z.object({
    answer: z.literal("pong"),
    version: z.string().optional(),
    registry: z.string().optional(),
    authentication: z.enum(["none", "basic", "bearer", "other"]).optional(),
    authenticated: z.boolean().optional(),
    credential_source: z.string().optional(),
  }),
  async handle(
    input,
    deps: { readonly registry: Pick<RegistryClient, "ping">; readonly version: string },
    { signal },
  ) {
    if (input.registry === undefined) {
      return {
        structured: { answer: "pong" as const, version: deps.version },
        text: `pong from wharf ${deps.version}`,
      };
    }
    const registry = parseRegistry(input.registry);
    const { authentication, authenticated, source } = await deps.registry.ping(registry, {
      signal,
    });
    const login = authenticated === undefined
      ? authentication === "none"
        ? "no login needed"
        : "anonymous; private repositories need a login"
      : authenticated
      ? `the credential from ${source} is accepted`
      : `the credential from ${source} is not accepted`;
    return {
      structured: {
        answer: "pong" as const,
        registry,
        authentication,
        ...(authenticated === undefined ? {} : { authenticated }),
        ...(source === undefined ? {} : { credential_source: source }),
      },
      text: `pong from ${registry}: authentication ${authentication}, ${login}`,
    };
  },
});

const COUNT = z.int().nonnegative();

/** Says what an image is. */
export const getImageInfo = defineTool({
  name: "get_image_info",
  title: "Describe image",
  toolset: "oci",
  description:
    "Say what an image or artifact is without pulling it: digest to pin, platforms with sizes, " +
    "user, entrypoint, ports, labels, history, attestations.",
  annotations: READS,
  input: z.strictObject({ image_ref: IMAGE_REF, platform: PLATFORM }),
  output: z.object({
    reference: z.string(),
    pinned: z.string().describe("Use this to pull exactly this image"),
    digest: z.string(),
    digest_of: z.enum(["index", "manifest"]),
    media_type: z.string(),
    kind: z.string(),
    artifact_type: z.string().optional(),
    artifact: z.record(z.string(), z.string()).optional(),
    platforms: z.array(z.object({
      platform: z.string(),
      os_version: z.string().optional(),
      digest: z.string(),
      size_bytes: COUNT.optional().describe("All layers, compressed"),
      layers: COUNT.optional(),
      created: z.string().optional(),
    })),
    attestations: COUNT,
    selected: z.object({
      platform: z.string(),
      digest: z.string(),
      user: z.string().optional(),
      entrypoint: z.array(z.string()).optional(),
      cmd: z.array(z.string()).optional(),
      working_dir: z.string().optional(),
      stop_signal: z.string().optional(),
      healthcheck: z.array(z.string()).optional(),
      ports: z.array(z.string()).optional(),
      volumes: z.array(z.string()).optional(),
      env_names: z.array(z.string()).optional(),
      labels: z.record(z.string(), z.string()).optional(),
      history: z.array(z.object({
        instruction: z.string(),
        created: z.string().optional(),
        size_bytes: COUNT.optional(),
        layer: z.string().optional(),
      })),
    }).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
    tag_moved_to: z.string().optional(),
    pull_quota: z.object({
      limit: COUNT.optional(),
      remaining: COUNT.optional(),
      window_seconds: COUNT.optional(),
    }).optional(),
    warnings: z.array(z.string()),
    notes: z.array(z.string()),
  }),
  async handle(input, deps: { readonly registry: RegistryClient }, { signal }) {
    const reference = parseReference(input.image_ref);
    const options = {
      signal,
      ...(input.platform === undefined ? {} : { platform: parsePlatform(input.platform) }),
    };
    const info = await withNearTags(
      reference,
      deps,
      () => inspectImage(deps.registry, reference, options),
    );
    return { structured: structuredInfo(info), text: infoText(info) };
  },
});

/** As the output schema has it: the quota in the words of the other fields. */
function structuredInfo(info: ImageInfo) {
  const { pull_quota: quota, ...rest } = info;
  if (quota === undefined) return rest;
  const { limit, remaining, windowSeconds } = quota;
  return {
    ...rest,
    pull_quota: {
      ...(limit === undefined ? {} : { limit }),
      ...(remaining === undefined ? {} : { remaining }),
      ...(windowSeconds === undefined ? {} : { window_seconds: windowSeconds }),
    },
  };
}

function infoText(info: ImageInfo): string {
  const { selected } = info;
  const lines = [
    `${info.reference}: ${info.kind}${
      info.artifact_type === undefined ? "" : ` (${info.artifact_type})`
    }`,
    `pin as ${info.pinned} (digest of the ${info.digest_of})`,
    ...(info.tag_moved_to === undefined ? [] : [`the tag now points to ${info.tag_moved_to}`]),
    ...Object.entries(info.artifact ?? {}).map(([key, value]) => `${key}: ${value}`),
    ...(info.platforms.length === 0 ? [] : ["platforms:"]),
    ...info.platforms.map((platform) =>
      `- ${
        joined([
          joined([platform.platform, platform.os_version], " "),
          platform.size_bytes === undefined ? undefined : sizeText(platform.size_bytes),
          platform.layers === undefined ? undefined : `${platform.layers} layers`,
          dayText(platform.created),
          platform.digest,
        ], ", ")
      }`
    ),
  ];
  if (info.attestations > 0) lines.push(`attestations: ${info.attestations}`);
  if (selected !== undefined) lines.push(...selectedText(selected));
  for (const [key, value] of Object.entries(info.annotations ?? {})) {
    lines.push(`annotation ${key}=${value}`);
  }
  if (info.pull_quota?.remaining !== undefined) {
    lines.push(`pull quota: ${info.pull_quota.remaining} of ${info.pull_quota.limit ?? "?"} left`);
  }
  lines.push(...info.warnings.map((warning) => `warning of the registry: ${warning}`));
  lines.push(...info.notes.map((note) => `note: ${note}`));
  return lines.join("\n");
}

function selectedText(selected: NonNullable<ImageInfo["selected"]>): string[] {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["user", selected.user ?? "root (not set)"],
    ["entrypoint", selected.entrypoint && JSON.stringify(selected.entrypoint)],
    ["cmd", selected.cmd && JSON.stringify(selected.cmd)],
    ["working dir", selected.working_dir],
    ["ports", selected.ports?.join(", ")],
    ["volumes", selected.volumes?.join(", ")],
    ["env names", selected.env_names?.join(", ")],
    ["healthcheck", selected.healthcheck?.join(" ")],
    ["stop signal", selected.stop_signal],
    [
      "labels",
      selected.labels &&
      Object.entries(selected.labels).map(([key, value]) => `${key}=${value}`).join(", "),
    ],
  ];
  return [
    `details of ${selected.platform}:`,
    ...facts.filter(([, value]) => value !== undefined).map(([name, value]) =>
      `- ${name}: ${value}`
    ),
    "history, oldest first:",
    ...selected.history.map((step) =>
      `- ${step.instruction}${
        step.size_bytes === undefined ? "" : ` (${sizeText(step.size_bytes)})`
      }`
    ),
  ];
}

const DOCUMENT = z.object({
  reference: z.string(),
  digest: z.string(),
  media_type: z.string(),
  size_bytes: COUNT,
  content: z.string().describe("As the registry has it; with path: that part"),
  total_chars: COUNT,
  next_cursor: z.string().optional(),
});

/** Shows a manifest. */
export const getImageManifest = defineTool({
  name: "get_image_manifest",
  title: "Show manifest",
  toolset: "oci",
  description:
    "Show the manifest or index as the registry has it. With platform: that platform's manifest. " +
    "Long ones are cut; path selects a part.",
  annotations: READS,
  input: z.strictObject({ image_ref: IMAGE_REF, platform: PLATFORM, path: PATH, cursor: CURSOR }),
  output: DOCUMENT,
  async handle(input, deps: { readonly registry: RegistryClient }, { signal }) {
    const reference = parseReference(input.image_ref);
    const { document } = await withNearTags(
      reference,
      deps,
      () => platformManifest(deps.registry, reference, { platform: input.platform, signal }),
    );
    return documentAnswer(document, { ...input, reference: input.image_ref, what: "the manifest" });
  },
});

/** Shows a config. */
export const getImageConfig = defineTool({
  name: "get_image_config",
  title: "Show config",
  toolset: "oci",
  description: "Show an image's config as the registry has it (environment values included). " +
    "Default platform linux/amd64. Long ones are cut; path selects a part.",
  annotations: READS,
  input: z.strictObject({ image_ref: IMAGE_REF, platform: PLATFORM, path: PATH, cursor: CURSOR }),
  output: DOCUMENT,
  async handle(input, deps: { readonly registry: RegistryClient }, { signal }) {
    const reference = parseReference(input.image_ref);
    const { document } = await withNearTags(
      reference,
      deps,
      () =>
        platformManifest(deps.registry, reference, {
          platform: input.platform ?? "linux/amd64",
          orFirst: input.platform === undefined,
          signal,
        }),
    );
    if (document.kind !== "manifest" || document.image.config === undefined) {
      throw new AppError(
        "UNSUPPORTED",
        `Cannot read the config of "${input.image_ref}": it has none`,
        {
          hint: "get_image_info says what it is",
        },
      );
    }
    const { config } = document.image;
    const bytes = await deps.registry.blob(reference, config, { signal });
    return documentAnswer({ ...config, bytes }, {
      ...input,
      reference: input.image_ref,
      what: "the config",
    });
  },
});

/** A document, or the part of it that was asked for. */
function documentAnswer(
  document: {
    readonly digest: string;
    readonly mediaType: string;
    readonly bytes: Uint8Array;
  },
  input: {
    readonly reference: string;
    readonly path?: string | undefined;
    readonly cursor?: string | undefined;
    readonly what: string;
  },
) {
  const { digest, mediaType, bytes } = document;
  const { content, totalChars, nextCursor } = documentPart(bytes, {
    what: input.what,
    path: input.path,
    cursor: input.cursor,
    maxChars: DOCUMENT_CHARS,
  });
  const more = nextCursor === undefined
    ? ""
    : `\n… cut; go on with cursor="${nextCursor}", or ask for a part with path`;
  return {
    structured: {
      reference: input.reference,
      digest,
      media_type: mediaType,
      size_bytes: bytes.byteLength,
      content,
      total_chars: totalChars,
      ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }),
    },
    text: content + more,
  };
}

/**
 * Reads a manifest; of an index, the one for a platform where one is asked for.
 *
 * @param registry The client.
 * @param reference The image.
 * @param options The platform; `orFirst` takes the first image where there is none for it.
 * @returns The manifest.
 * @throws {AppError} `NOT_FOUND` with the platforms that exist.
 */
export async function platformManifest(
  registry: Pick<RegistryClient, "manifest">,
  reference: Reference,
  options: {
    readonly platform?: string | undefined;
    readonly orFirst?: boolean;
    readonly signal: AbortSignal;
  },
): Promise<ManifestAnswer> {
  const { signal } = options;
  const answer = await registry.manifest(reference, { signal });
  const { document } = answer;
  if (options.platform === undefined || document.kind !== "index") return answer;
  const entries = document.index.manifests.filter((entry) => entry.platform?.os !== "unknown");
  const chosen = selectPlatform(entries, parsePlatform(options.platform)) ??
    (options.orFirst === true ? entries[0] : undefined);
  if (chosen === undefined) {
    const existing = entries.map(({ platform }) =>
      platform === undefined
        ? "unknown"
        : joined([platform.os, platform.architecture, platform.variant], "/")
    );
    throw new AppError("NOT_FOUND", `Cannot find platform "${options.platform}" in the index`, {
      hint: `Choose from ${existing.slice(0, 20).join(", ") || "none"}`,
      details: { platforms: existing },
    });
  }
  const { registry: host, repository } = reference;
  return await registry.manifest({ registry: host, repository, digest: chosen.digest }, { signal });
}

/** Adds the nearest tags to an image that does not exist, where the repository does. */
async function withNearTags<T>(
  reference: Reference,
  deps: { readonly registry: Pick<RegistryClient, "tags"> },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { tag } = reference;
    const isMissing = thrown instanceof AppError && thrown.code === "NOT_FOUND" &&
      thrown.details?.["platforms"] === undefined;
    if (!isMissing || tag === undefined) throw thrown;
    let near: readonly string[];
    try {
      near = nearestNames(tag, (await deps.registry.tags(reference)).tags, 5);
    } catch {
      // The repository itself is missing; the first error says what to check.
      throw thrown;
    }
    const where = isDockerHub(reference.registry) ? "" : `${reference.registry}/`;
    throw new AppError(
      "NOT_FOUND",
      `Cannot find tag "${tag}": ${where}${reference.repository} has no such tag`,
      {
        cause: thrown,
        hint: near.length > 0
          ? `Nearest tags: ${near.join(", ")}`
          : "list_tags shows those that it has",
        details: { nearest_tags: near },
      },
    );
  }
}
