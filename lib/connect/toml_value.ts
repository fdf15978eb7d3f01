/**
 * What a TOML text means: the only importer of `npm:smol-toml`, which is loaded on first use. Needs
 * no permission.
 *
 * @module
 */

import { cleanText } from "../core/text.ts";
import type { Broken } from "./place.ts";

/** The meaning of a text, or where it is broken. */
export type TomlReader = (text: string) => { readonly value: Record<string, unknown> } | Broken;

/**
 * Loads the parser.
 *
 * @returns A reader of TOML 1.0 and 1.1.
 */
export async function loadTomlReader(): Promise<TomlReader> {
  const { parse, TomlError } = await import("smol-toml");
  return (text) => {
    try {
      return { value: parse(text, { integersAsBigInt: "asNeeded", maxDepth: 200 }) };
    } catch (thrown) {
      if (!(thrown instanceof TomlError)) throw thrown;
      // The lines after the first show the text itself, which may hold secrets.
      const reason = cleanText(
        (thrown.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, ""),
        { maxChars: 120 },
      );
      return {
        problem: `is not valid TOML (${reason})`,
        place: { line: thrown.line, column: thrown.column },
      };
    }
  };
}
