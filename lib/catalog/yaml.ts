/**
 * YAML with limits: the only importer of `npm:yaml`, which is loaded on first
 * use, so that a start that reads no YAML does not pay for it.
 *
 * Needs no permission of its own, but the package looks for two variables while it parses
 * (`LOG_TOKENS`, `LOG_STREAM`): where env is neither granted nor ignored, reading is refused with
 * the flag that helps.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** Longest text that is parsed; the longest `server.yaml` seen has 4,187 bytes. */
export const MAX_YAML_CHARS = 64 * 1024;

/** Most aliases that may be resolved: a few are style, hundreds are an attack. */
const MAX_ALIASES = 50;

/** Deepest nesting of brackets or of compact collections; the parser recurses on each. */
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
  const { parseDocument } = await import("yaml");
  return (text, { what }) => {
    if (text.length > MAX_YAML_CHARS) {
      throw new AppError(
        "TOO_LARGE",
        `Cannot read "${what}": it is longer than ${MAX_YAML_CHARS} characters`,
      );
    }
    refuseDepth(text, what);
    let value: unknown;
    try {
      const document = parseDocument(text, {
        logLevel: "silent",
        prettyErrors: false,
        // Its check compares each key with all before it; the later of two equal keys wins.
        uniqueKeys: false,
      });
      const [error] = document.errors;
      if (error !== undefined) throw error;
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (thrown) {
      throw translate(thrown, what);
    }
    return value;
  };
}

/** A linear look at the nesting, before the parser's stack meets it. */
function refuseDepth(text: string, what: string): void {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === "[" || char === "{") depth += 1;
    else if ((char === "]" || char === "}") && depth > 0) depth -= 1;
    if (depth > MAX_DEPTH) throw tooDeep(what);
  }
  if (/(?:[-?:][ \t]+){100}/.test(text)) throw tooDeep(what);
}

function tooDeep(what: string, cause?: unknown): AppError {
  return new AppError("TOO_LARGE", `Cannot read "${what}": it is nested too deeply`, { cause });
}

function translate(thrown: unknown, what: string): AppError {
  if (thrown instanceof Error && thrown.name === "NotCapable") {
    return new AppError(
      "PERMISSION_MISSING",
      `Cannot read "${what}": the YAML parser may not look at env`,
      {
        cause: thrown,
        hint: "Start Wharf with --allow-env=LOG_TOKENS,LOG_STREAM",
      },
    );
  }
  // The parser recurses once per level of indentation.
  if (thrown instanceof RangeError) return tooDeep(what, thrown);
  if (thrown instanceof ReferenceError && thrown.message.startsWith("Excessive")) {
    return new AppError("TOO_LARGE", `Cannot read "${what}": its aliases expand without bound`, {
      cause: thrown,
    });
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new AppError(
    "BAD_RESPONSE",
    `Cannot read "${what}": it is no YAML (${reason.slice(0, 120)})`,
    {
      cause: thrown,
    },
  );
}
