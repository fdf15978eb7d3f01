/**
 * The config of an image, parsed (OCI image-spec, config.md). Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";

const text = z.string().nullish().transform((value) => value ?? undefined).catch(undefined);
const words = z.array(z.string()).nullish().transform((value) => value ?? undefined).catch(
  undefined,
);
const names = z.record(z.string(), z.unknown()).nullish().transform((value) =>
  Object.keys(value ?? {})
)
  .catch([]);

/** Some builders write numbers; one of them must not cost the rest. */
const labels = z.record(z.string(), z.unknown()).nullish().transform((value) =>
  Object.fromEntries(
    Object.entries(value ?? {}).flatMap(([key, label]) =>
      ["string", "number", "boolean"].includes(typeof label) ? [[key, String(label)]] : []
    ),
  )
).catch({});

const IMAGE_CONFIG = z.object({
  os: text,
  architecture: text,
  variant: text,
  "os.version": text,
  created: text,
  config: z.object({
    User: text,
    Entrypoint: words,
    Cmd: words,
    WorkingDir: text,
    StopSignal: text,
    ExposedPorts: names,
    Volumes: names,
    Env: words,
    Labels: labels,
    Healthcheck: z.object({ Test: words }).nullish().transform((value) => value ?? undefined)
      .catch(undefined),
  }).nullish().transform((value) => value ?? undefined).catch(undefined),
  history: z.array(z.object({
    created: text,
    created_by: text,
    empty_layer: z.boolean().nullish().catch(undefined),
  })).nullish().transform((value) => value ?? []).catch([]),
});

/** A parsed config. */
export type ImageConfig = z.output<typeof IMAGE_CONFIG>;

/**
 * Parses a config, tolerantly: what has not the expected form counts as absent.
 *
 * @param bytes The config.
 * @param what Names it in errors.
 * @returns The config.
 * @throws {AppError} `BAD_RESPONSE` for something that is no JSON object.
 */
export function parseImageConfig(bytes: Uint8Array, what: string): ImageConfig {
  const parsed = IMAGE_CONFIG.safeParse(parseJson(bytes, { what }));
  if (parsed.success) return parsed.data;
  throw new AppError("BAD_RESPONSE", `Cannot use ${what}: it is no config of an image`, {
    hint: "The image was pushed with a broken config; ask its publisher",
  });
}
