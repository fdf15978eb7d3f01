/**
 * The history of an image as steps of a Dockerfile, joined to its layers (OCI image-spec,
 * config.md, "history"). Needs no permission.
 *
 * Values of `ENV`, `ARG` and of build arguments are left out: they are where secrets end up by
 * mistake. The config itself has them.
 *
 * @example
 * ```ts
 * import { instructionOf } from "./history.ts";
 *
 * instructionOf('/bin/sh -c #(nop)  CMD ["sh"]'); // 'CMD ["sh"]'
 * instructionOf("RUN |1 TOKEN=x /bin/sh -c make # buildkit"); // "RUN make"
 * instructionOf("ENV A=1 B=2"); // "ENV A=… B=…"
 * ```
 *
 * @module
 */

// deno-lint-ignore-file camelcase -- the records are shown as they are, in the words of the tools

import { cleanText } from "../core/text.ts";
import type { ImageConfig } from "./image_config.ts";
import type { Descriptor } from "./manifest.ts";

/** One step of the history. */
export interface HistoryStep {
  /** A line as a Dockerfile has it, cleaned, of at most 400 characters. */
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
/** What is read of one record, so that arguments before a command are seen whole. */
const MAX_RECORD = 32 * 1024;

/** How Docker, BuildKit, Buildah and Windows call a shell; `pipefail` comes with an option. */
const SHELL = [
  "(?:/usr)?/bin/(?:ba|a|da|z)?sh(?: -[a-z]+(?: pipefail)?){0,3}? -[a-z]*c",
  "(?:[a-z]:\\\\[\\w\\\\.]*)?cmd(?:\\.exe)? /S /C",
  "(?:powershell|pwsh)(?:\\.exe)?(?: -\\w+)*? -Command",
].join("|");
const LEADING_SHELL = new RegExp(`^(?:${SHELL})\\s+`, "i");
const ARGUMENTS_AND_SHELL = new RegExp(`^(?:RUN )?\\|\\d+ .*?(?<= )(?:${SHELL})\\s+`, "i");
const NOT_A_COMMAND = /^(?:\S+ ){1,8}[^#]{0,300}#\(nop\)\s*/;

/**
 * Joins the history to the layers. Every entry that is not marked empty made one layer, in order;
 * where the counts differ the steps stay without sizes. Comments and authors are left out.
 *
 * @param config The config.
 * @param layers The layers of the manifest, base first.
 * @returns The steps.
 */
export function historyOf(
  config: Pick<ImageConfig, "history">,
  layers: readonly Descriptor[],
): History {
  const entries = config.history;
  const making = entries.filter((entry) => !entry.empty_layer).length;
  if (entries.length === 0) {
    return {
      steps: layers.map(({ digest, size }) => ({
        instruction: "(the image has no history)",
        size_bytes: size,
        layer: digest,
      })),
    };
  }
  const agrees = making === layers.length;
  const rest = layers.values();
  const steps = entries.map((entry): HistoryStep => {
    const layer = agrees && !entry.empty_layer ? rest.next().value : undefined;
    return {
      instruction: instructionOf(entry.created_by ?? "") || "(not recorded)",
      ...(entry.created === undefined
        ? {}
        : { created: cleanText(entry.created, { maxChars: 40 }) }),
      ...(layer === undefined ? {} : { size_bytes: layer.size, layer: layer.digest }),
    };
  });
  if (agrees) return { steps };
  return {
    steps,
    note: `The history tells of ${making} layers, the manifest has ${layers.length}; ` +
      "sizes cannot be joined to steps",
  };
}

/**
 * Turns what a builder recorded into a line of a Dockerfile.
 *
 * @param createdBy `created_by` of a history entry.
 * @returns One line, cleaned; empty when nothing was recorded.
 */
export function instructionOf(createdBy: string): string {
  const record = cleanText(createdBy, { maxChars: MAX_RECORD }).replace(/ ?# buildkit$/, "");
  return cleanText(withoutValues(lineOf(record)), { maxChars: MAX_INSTRUCTION });
}

function lineOf(record: string): string {
  const shell = LEADING_SHELL.exec(record);
  const marked = shell === null ? null : NOT_A_COMMAND.exec(record);
  if (marked !== null) return record.slice(marked[0].length);
  if (shell !== null) return `RUN ${record.slice(shell[0].length)}`;
  if (/^(?:RUN )?\|\d+ /.test(record)) {
    const before = ARGUMENTS_AND_SHELL.exec(record);
    // Arguments may hold spaces, so that nothing but the shell tells where they end.
    return before === null
      ? "RUN (the command cannot be told from its build arguments)"
      : `RUN ${record.slice(before[0].length)}`;
  }
  return record.startsWith("RUN ")
    ? `RUN ${record.slice("RUN ".length).replace(LEADING_SHELL, "")}`
    : record;
}

/** `ENV A=1 B=2`, `ARG TOKEN=x`, and the older `ENV A 1`: names only. */
function withoutValues(line: string): string {
  const match = /^(ENV|ARG)\s+([A-Za-z_][\w.-]*)(.*)$/i.exec(line);
  if (match === null) return line;
  const [, instruction = "", first = "", rest = ""] = match;
  if (rest === "") return line;
  const others = rest.startsWith("=")
    ? [...rest.matchAll(/\s([A-Za-z_]\w*)=/g)].map(([, name]) => `${name}=…`)
    : [];
  return [instruction, `${first}=…`, ...others].join(" ");
}
