/**
 * The tools that show an image's documents as the registry has them: manifest and config. Needs no
 * permission: the registry client is passed in.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { cleanText } from "../../core/text.ts";
import {
  formatPlatform,
  formatReference,
  type ManifestAnswer,
  parseImageConfig,
  parsePlatform,
  parseReference,
  type Platform,
  type Reference,
  type RegistryClient,
  selectPlatform,
} from "../../oci/mod.ts";
import { documentPart } from "../document.ts";
import { withNearTags } from "../missing_tag.ts";
import { LIST_BUDGET_TOKENS } from "../render.ts";
import { defineTool } from "../tool.ts";
import { COUNT, CURSOR, IMAGE_REF, PLATFORM, READS } from "./arguments.ts";

const DOCUMENT_CHARS = LIST_BUDGET_TOKENS * 4;

const INPUT = z.strictObject({
  image_ref: IMAGE_REF,
  platform: PLATFORM,
  path: z.string().optional().describe("JSON pointer of a part, for example /layers/0"),
  cursor: CURSOR,
});

const DOCUMENT = z.object({
  reference: z.string(),
  digest: z.string(),
  media_type: z.string(),
  size_bytes: COUNT,
  content: z.string().describe("As the registry has it; with path: that part"),
  total_chars: COUNT,
  escaped: z.boolean().optional().describe("Invisible characters are written as \\uXXXX"),
  next_cursor: z.string().optional(),
  notes: z.array(z.string()).optional(),
});

type DocumentDeps = {
  readonly registry: Pick<RegistryClient, "manifest" | "blob" | "tags">;
};

/** Configs that tell a platform. */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);

/** Shows a manifest. */
export const getImageManifest = defineTool({
  name: "get_image_manifest",
  title: "Show manifest",
  toolset: "oci",
  description:
    "Show the manifest or index as the registry has it. With platform: that platform's manifest. " +
    "Long ones are cut; path selects a part.",
  annotations: READS,
  input: INPUT,
  output: DOCUMENT,
  async handle(input, deps: DocumentDeps, { signal }) {
    const reference = parseReference(input.image_ref);
    const platform = input.platform === undefined ? undefined : parsePlatform(input.platform);
    const answer = await withNearTags(
      reference,
      { ...deps, signal },
      () => platformManifest(deps.registry, reference, { platform, signal }),
    );
    return documentAnswer(answer.document, {
      ...input,
      what: "the manifest",
      notes: notesOf(answer),
    });
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
  input: INPUT,
  output: DOCUMENT,
  async handle(input, deps: DocumentDeps, { signal }) {
    const reference = parseReference(input.image_ref);
    const isAsked = input.platform !== undefined;
    const platform = parsePlatform(input.platform ?? "linux/amd64");
    const answer = await withNearTags(
      reference,
      { ...deps, signal },
      () => platformManifest(deps.registry, reference, { platform, orFirst: !isAsked, signal }),
    );
    const { document } = answer;
    if (document.kind !== "manifest" || document.image.config === undefined) {
      throw new AppError(
        "UNSUPPORTED",
        `Cannot read the config of "${formatReference(reference)}": it has none`,
        { hint: "get_image_info says what it is" },
      );
    }
    const { config } = document.image;
    const bytes = await deps.registry.blob(reference, config, { signal });
    return documentAnswer({ ...config, bytes }, {
      ...input,
      what: "the config",
      notes: notesOf(answer),
    });
  },
});

function notesOf({ warnings, tagDigest }: ManifestAnswer): readonly string[] {
  return [
    ...(tagDigest === undefined ? [] : [`The tag now points to ${tagDigest}`]),
    ...warnings.map((warning) => `warning of the registry: ${warning}`),
  ];
}

/** A document, or the part of it that was asked for. */
function documentAnswer(
  document: {
    readonly digest: string;
    readonly mediaType: string;
    readonly bytes: Uint8Array;
  },
  input: z.output<typeof INPUT> & {
    readonly what: string;
    readonly notes: readonly string[];
  },
) {
  const { digest, mediaType, bytes } = document;
  const { what, path, cursor, notes } = input;
  const part = documentPart(bytes, { what, digest, path, cursor, maxChars: DOCUMENT_CHARS });
  const { content, totalChars, isEscaped, nextCursor } = part;
  const lines = [
    ...notes.map((note) => `… ${note}`),
    ...(nextCursor === undefined
      ? []
      : [`… cut; go on with cursor="${nextCursor}", or ask for a part with path`]),
  ];
  return {
    structured: {
      reference: input.image_ref,
      digest,
      media_type: cleanText(mediaType, { maxChars: 150 }),
      size_bytes: bytes.byteLength,
      content,
      total_chars: totalChars,
      ...(isEscaped ? { escaped: true } : {}),
      ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }),
      ...(notes.length === 0 ? {} : { notes }),
    },
    text: [content, ...lines].join("\n"),
  };
}

interface ManifestOptions {
  /** The platform that is wanted, if one is. */
  readonly platform: Platform | undefined;
  /** Take the first image where there is none for the platform. @default {false} */
  readonly orFirst?: boolean;
  readonly signal: AbortSignal;
}

/** Reads a manifest; of an index, the one for a platform where one is asked for. */
async function platformManifest(
  registry: DocumentDeps["registry"],
  reference: Reference,
  options: ManifestOptions,
): Promise<ManifestAnswer> {
  const { platform, orFirst = false, signal } = options;
  const answer = await registry.manifest(reference, { signal });
  const { document } = answer;
  if (platform === undefined) return answer;
  if (document.kind !== "index") {
    const own = orFirst ? undefined : await ownPlatform(registry, reference, { document, signal });
    if (own === undefined || selectPlatform([{ platform: own }], platform) !== undefined) {
      return answer;
    }
    throw missingPlatform(reference, platform, [{ platform: own }]);
  }
  const entries = document.index.manifests.filter((entry) => entry.platform?.os !== "unknown");
  const chosen = selectPlatform(entries, platform) ?? (orFirst ? entries[0] : undefined);
  if (chosen === undefined) throw missingPlatform(reference, platform, entries);
  const { registry: host, repository } = reference;
  const child = await registry.manifest({ registry: host, repository, digest: chosen.digest }, {
    signal,
  });
  return { ...child, warnings: answer.warnings, tagDigest: answer.tagDigest };
}

/** The platform of an image that stands alone; nothing where its config does not say one. */
async function ownPlatform(
  registry: Pick<RegistryClient, "blob">,
  reference: Reference,
  read: { readonly document: ManifestAnswer["document"]; readonly signal: AbortSignal },
): Promise<Platform | undefined> {
  const { document, signal } = read;
  const config = document.kind === "manifest" ? document.image.config : undefined;
  if (config === undefined || !IMAGE_CONFIGS.has(config.mediaType)) return undefined;
  const bytes = await registry.blob(reference, config, { signal });
  const { os, architecture, variant } = parseImageConfig(bytes, "the config");
  if (os === undefined || architecture === undefined) return undefined;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function missingPlatform(
  reference: Reference,
  wanted: Platform,
  entries: readonly { readonly platform?: Platform | undefined }[],
): AppError {
  const names = entries.flatMap(({ platform }) => platform === undefined ? [] : [named(platform)]);
  const existing = [...new Set(names)];
  return new AppError(
    "NOT_FOUND",
    `Cannot find platform "${named(wanted)}" in "${
      formatReference(reference)
    }": the image is not made for it`,
    {
      hint: existing.length === 0
        ? "It has no platform at all; leave platform out"
        : `Choose from ${existing.slice(0, 20).join(", ")}`,
      details: { platforms: existing },
    },
  );
}

/** As an argument takes it: `windows/amd64:10.0.20348.2700`. */
function named(platform: Platform): string {
  const version = platform.osVersion === undefined ? "" : `:${platform.osVersion}`;
  return cleanText(`${formatPlatform(platform)}${version}`, { maxChars: 140 });
}
