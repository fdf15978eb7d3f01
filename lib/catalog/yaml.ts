/**
 * YAML with limits: the only importer of `npm:js-yaml`, which is loaded on first use, so that a
 * start that reads no YAML does not pay for it. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

/** Longest text that is parsed; the longest `server.yaml` seen has 4,187 bytes. */
export const MAX_YAML_CHARS = 64 * 1024;

/** Most values of one document, those behind aliases counted each time: a few aliases are style. */
const MAX_VALUES = 50_000;

/** Deepest nesting; the parser recurses once per level. */
const MAX_DEPTH = 100;

/** Reads one YAML document. */
export type YamlReader = (text: string, options: { readonly what: string }) => unknown;

/**
 * Loads the parser.
 *
 * @returns A reader that gives plain values. It throws `AppError` `TOO_LARGE` for a text that is
 *   too long, too deep or expands by aliases, and `BAD_RESPONSE` for what is not YAML.
 */
export async function loadYaml(): Promise<YamlReader> {
  const { load, CORE_SCHEMA } = await import("js-yaml");
  return (text, { what }) => {
    if (text.length > MAX_YAML_CHARS) {
      throw new AppError(
        "TOO_LARGE",
        `Cannot read "${what}": it is longer than ${MAX_YAML_CHARS} characters`,
      );
    }
    try {
      // The types of YAML 1.2's core schema only: no dates, no binary. Of two equal keys the later wins.
      const value: unknown = load(text, { schema: CORE_SCHEMA, json: true, maxDepth: MAX_DEPTH });
      return plain(value, { what, depth: 0, count: { values: 0 } });
    } catch (thrown) {
      throw translate(thrown, what);
    }
  };
}

/** Where a value stands. */
interface Walk {
  readonly what: string;
  readonly depth: number;
  readonly count: { values: number };
}

/** Copies a value, so that aliases share nothing, cycles end and nothing but plain data comes out. */
function plain(value: unknown, walk: Walk): unknown {
  const { what, depth, count } = walk;
  count.values++;
  if (count.values > MAX_VALUES) {
    throw new AppError("TOO_LARGE", `Cannot read "${what}": its aliases expand without bound`);
  }
  // JSON, in which entries are kept, has no word for .inf and .nan.
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return value ?? null;
  if (depth > MAX_DEPTH) throw tooDeep(what);
  const inner = { ...walk, depth: depth + 1 };
  if (Array.isArray(value)) return value.map((item) => plain(item, inner));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, inner)]));
}

function tooDeep(what: string, cause?: unknown): AppError {
  return new AppError("TOO_LARGE", `Cannot read "${what}": it is nested too deeply`, { cause });
}

function translate(thrown: unknown, what: string): AppError {
  if (thrown instanceof AppError) return thrown;
  const isDeep = thrown instanceof Error && thrown.message.startsWith("nesting exceeded");
  if (isDeep || thrown instanceof RangeError) return tooDeep(what, thrown);
  const reason = thrown instanceof Error ? thrown.message.split("\n")[0] ?? "" : String(thrown);
  return new AppError(
    "BAD_RESPONSE",
    `Cannot read "${what}": it is no YAML (${cleanText(reason, { maxChars: 120 })})`,
    { cause: thrown },
  );
}
