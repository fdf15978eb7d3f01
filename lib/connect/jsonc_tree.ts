/**
 * JSON with comments as a tree of places in the text: the only importer of `npm:jsonc-parser`,
 * which is loaded on first use. Needs no permission.
 *
 * @module
 */

import type { Node, ParseError } from "jsonc-parser";
import { depthOf } from "../core/json.ts";
import { type Broken, placeAt } from "./place.ts";

/** A value and where it stands. */
export interface JsonNode {
  /** First character. */
  readonly start: number;
  /** After the last character. */
  readonly end: number;
  /** The value; of an object or array its members are in the lists below. */
  readonly kind: "object" | "array" | "string" | "other";
  /** The members of an object, in the order of the text. */
  readonly properties: readonly JsonProperty[];
  /** The items of an array. */
  readonly items: readonly JsonNode[];
  /** What it means. */
  readonly value: unknown;
}

/** A member of an object. */
export interface JsonProperty {
  /** Its name. */
  readonly key: string;
  /** First character of the name's quote. */
  readonly start: number;
  /** Its value. */
  readonly node: JsonNode;
}

/** Reads a text into a tree, or says where it is broken. */
export type JsonReader = (text: string) => JsonNode | Broken;

/** The parser recurses once per level; no client's file comes near. */
const MAX_DEPTH = 200;

const OPTIONS = { allowTrailingComma: true, disallowComments: false } as const;

/**
 * Loads the parser.
 *
 * @returns A reader of JSON with comments and trailing commas (JSONC, as VS Code writes it).
 */
export async function loadJsonReader(): Promise<JsonReader> {
  const { parseTree, printParseErrorCode } = await import("jsonc-parser");
  return (text) => {
    if (depthOf(new TextEncoder().encode(text)) > MAX_DEPTH) {
      return { problem: `is nested deeper than ${MAX_DEPTH} levels`, place: undefined };
    }
    const errors: ParseError[] = [];
    const root = parseTree(text, errors, OPTIONS);
    const [first] = errors;
    if (first !== undefined || root === undefined) {
      const code = first === undefined ? "ValueExpected" : printParseErrorCode(first.error);
      // "CommaExpected" reads as "comma expected".
      const words = code.replace(/(?<!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
      return {
        problem: `is not valid JSON (${words})`,
        place: placeAt(text, first?.offset ?? text.length),
      };
    }
    return nodeOf(root);
  };
}

function nodeOf(node: Node): JsonNode {
  const place = { start: node.offset, end: node.offset + node.length };
  const children = node.children ?? [];
  if (node.type === "object") {
    const properties = children.flatMap((child) => {
      const [key, value] = child.children ?? [];
      return key === undefined || value === undefined
        ? []
        : [{ key: String(key.value), start: key.offset, node: nodeOf(value) }];
    });
    // fromEntries, since an assignment to "__proto__" would not make a member.
    const value = Object.fromEntries(properties.map(({ key, node }) => [key, node.value]));
    return { ...place, kind: "object", properties, items: [], value };
  }
  if (node.type === "array") {
    const items = children.map(nodeOf);
    const value = items.map((item) => item.value);
    return { ...place, kind: "array", properties: [], items, value };
  }
  const kind = node.type === "string" ? "string" : "other";
  return { ...place, kind, properties: [], items: [], value: node.value };
}
