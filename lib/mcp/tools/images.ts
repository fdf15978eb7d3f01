/**
 * The tool that says what an image is; and a ping. Needs no permission: the registry client is
 * passed in.
 *
 * @module
 */

import { z } from "zod";
import { counted, sizeText } from "../../core/units.ts";
import {
  inspectImage,
  parsePlatform,
  parseReference,
  parseRegistry,
  type RegistryClient,
} from "../../oci/mod.ts";
import { type ImageRecord, imageRecord } from "../image_record.ts";
import { withNearTags } from "../missing_tag.ts";
import { dayText, joined, LIST_BUDGET_TOKENS } from "../render.ts";
import { defineTool } from "../tool.ts";
import { COUNT, IMAGE_REF, PLATFORM, READS } from "./arguments.ts";

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
  async handle(
    input,
    deps: { readonly registry: Pick<RegistryClient, "manifest" | "blob" | "tags"> },
    { signal, budgetTokens = LIST_BUDGET_TOKENS },
  ) {
    const reference = parseReference(input.image_ref);
    const options = {
      signal,
      ...(input.platform === undefined ? {} : { platform: parsePlatform(input.platform) }),
    };
    const info = await withNearTags(
      reference,
      { ...deps, signal },
      () => inspectImage(deps.registry, reference, options),
    );
    const record = imageRecord(info, budgetTokens);
    return { structured: record, text: infoText(record) };
  },
});

function infoText(info: ImageRecord): string {
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
          platform.layers === undefined ? undefined : counted(platform.layers, "layer"),
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

function selectedText(selected: NonNullable<ImageRecord["selected"]>): string[] {
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
