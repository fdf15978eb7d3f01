/**
 * The config of an image (OCI image-spec, config.md), and the history in it as steps of a
 * Dockerfile. Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { cleanText } from "../core/text.ts";
import type { Descriptor } from "./manifest.ts";

const text = z.string().nullish().transform((value) => value ?? undefined).catch(undefined);
const words = z.array(z.string()).nullish().transform((value) => value ?? undefined).catch(
  undefined,
);
const names = z.record(z.string(), z.unknown()).nullish().transform((value) =>
  Object.keys(value ?? {})
)
  .catch([]);

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
    Labels: z.record(z.string(), z.string()).nullish().transform((value) => value ?? {}).catch({}),
    Healthcheck: z.object({ Test: words }).nullish().transform((value) => value ?? undefined)
      .catch(undefined),
  }).nullish().transform((value) => value ?? undefined).catch(undefined),
  history: z.array(z.object({
    created: text,
    created_by: text,
    comment: text,
    empty_layer: z.boolean().nullish().transform((value) => value ?? false).catch(false),
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

/** One step of the history. */
export interface HistoryStep {
  /** A line as a Dockerfile has it, cleaned. */
  readonly instruction: string;
  /** When it was made, RFC 3339. */
  readonly created?: string;
  /** Compressed size of its layer, in bytes; absent for a step that makes none. */
  readonly size_bytes?: number;
  /** Digest of its layer. */
  readonly layer?: string;
}

/** The history of an image. */
export interface History {
  /** The steps, oldest first. */
  readonly steps: readonly HistoryStep[];
  /** What does not add up, if anything. */
  readonly note?: string;
}

const MAX_INSTRUCTION = 400;

/**
 * Joins the history to the layers. Every entry that is not marked empty made one layer, in order
 * (config.md, "history"); where the counts differ the layers are listed without.
 *
 * @param config The config.
 * @param layers The layers of the manifest, base first.
 * @returns The steps.
 */
export function historyOf(config: ImageConfig, layers: readonly Descriptor[]): History {
  const entries = config.history;
  const making = entries.filter((entry) => !entry.empty_layer);
  if (entries.length === 0) {
    return {
      steps: layers.map(({ digest, size }) => ({
        instruction: "(the image has no history)",
        size_bytes: size,
        layer: digest,
      })),
    };
  }
  const agrees = making.length === layers.length;
  let next = 0;
  const steps = entries.map((entry): HistoryStep => {
    const layer = agrees && !entry.empty_layer ? layers[next++] : undefined;
    return {
      instruction: instructionOf(entry.created_by ?? entry.comment ?? "") || "(not recorded)",
      ...(entry.created === undefined
        ? {}
        : { created: cleanText(entry.created, { maxChars: 40 }) }),
      ...(layer === undefined ? {} : { size_bytes: layer.size, layer: layer.digest }),
    };
  });
  if (agrees) return { steps };
  return {
    steps,
    note: `The history tells of ${making.length} layers, the manifest has ${layers.length}; ` +
      "sizes cannot be joined to steps",
  };
}

/**
 * Turns what a builder recorded into a line of a Dockerfile.
 *
 * @param createdBy `created_by` of a history entry.
 * @returns One line, cleaned.
 */
export function instructionOf(createdBy: string): string {
  let line = cleanText(createdBy, { maxChars: MAX_INSTRUCTION * 2 }).replace(/ ?# buildkit$/, "");
  const classic = /^(?:\/bin\/sh -c|cmd \/S \/C|powershell [^#]*?)\s*#\(nop\)\s*(.*)$/.exec(line);
  if (classic !== null) line = classic[1] ?? "";
  else if (/^(?:\/bin\/(?:ba|a)?sh -[a-z]*c|cmd \/S \/C|powershell -Command) /i.test(line)) {
    line = `RUN ${withoutShell(line)}`;
  } else {
    // Build arguments stand before the command: `RUN |2 A=1 B=2 /bin/sh -c …`, or without RUN.
    const args = /^(?:RUN )?\|\d+ .*?(?=\/bin\/(?:ba|a)?sh -[a-z]*c |cmd \/S \/C |powershell )/
      .exec(line);
    if (args !== null) line = `RUN ${withoutShell(line.slice(args[0].length))}`;
    else if (line.startsWith("RUN ")) line = `RUN ${withoutShell(line.slice("RUN ".length))}`;
  }
  return cleanText(line, { maxChars: MAX_INSTRUCTION });
}

function withoutShell(command: string): string {
  return command.replace(
    /^(?:\/bin\/(?:ba|a)?sh -[a-z]*c|cmd \/S \/C|powershell -Command)\s+/i,
    "",
  );
}
