/**
 * Arguments as command lines and models write them, brought into the form that a JSON Schema asks
 * for where nothing is lost by it. Pure, needs no permission.
 *
 * @example
 * ```ts
 * import { coerceArguments } from "./coerce.ts";
 *
 * const schema = { properties: { limit: { type: "integer" }, tags: { type: "array" } } };
 * coerceArguments({ limit: "5", tags: "a, b" }, schema); // { limit: 5, tags: ["a", "b"] }
 * ```
 *
 * @module
 */

/** A JSON Schema, or a part of one; nothing of it has been checked. */
type Schema = Readonly<Record<string, unknown>>;

/** Words of older servers for values that mean the same, by argument. */
export type Synonyms = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** How {@linkcode coerceArguments} reads words. */
export interface CoerceOptions {
  /** Words that stand for others. @default none */
  readonly synonyms?: Synonyms;
  /** Arguments whose empty text means something, though they may be left out. @default none */
  readonly mayBeEmpty?: readonly string[];
}

/** Numbers as people write them, short enough to be kept as they are; large ones as JSON does. */
const NUMBERS: Readonly<Record<string, RegExp>> = {
  integer: /^-?\d{1,15}(?:\.\d{1,6})?$/,
  number: /^-?\d{1,15}(?:\.\d{1,15})?(?:e[+-]?\d{1,2})?$/i,
};

/**
 * Coerces arguments: numbers and booleans from text and back, a list from words with commas, an
 * object from `NAME=VALUE`, either from JSON; `null` or an empty text counts as an argument that is
 * left out, where it may be.
 *
 * @param args The arguments by name.
 * @param schema JSON Schema of all of them.
 * @param options Synonyms.
 * @returns The arguments; what cannot be brought into form stays as it is, for a validator to name.
 */
export function coerceArguments(
  args: object,
  schema: Schema,
  { synonyms = {}, mayBeEmpty = [] }: CoerceOptions = {},
): Record<string, unknown> {
  const { properties, required } = schema;
  if (!isRecord(properties)) return { ...args };
  const types = new Map(Object.entries(properties));
  const needed = new Set(Array.isArray(required) ? required : []);
  return Object.fromEntries(
    Object.entries(args)
      .filter(([name, value]) => {
        const isEmpty = value === null || (value === "" && !mayBeEmpty.includes(name));
        return !isEmpty || needed.has(name) || !types.has(name);
      })
      .map(([name, value]) => {
        const words = Object.hasOwn(synonyms, name) ? synonyms[name] ?? {} : {};
        const inOurWords = (word: unknown) =>
          typeof word === "string" && Object.hasOwn(words, word) ? words[word] : word;
        const coerced = coerceValue(inOurWords(value), types.get(name));
        return [name, Array.isArray(coerced) ? coerced.map(inOurWords) : coerced];
      }),
  );
}

/**
 * Coerces one value.
 *
 * @param value The value as it was written.
 * @param schema What it should fit; a union takes the first of its types that the value can have,
 * and a text before all others.
 * @returns The value in its form, or as it was.
 */
export function coerceValue(value: unknown, schema: unknown): unknown {
  const kinds = typesOf(schema);
  if (kinds.includes("string")) return typeof value === "boolean" ? String(value) : value;
  for (const type of kinds) {
    const coerced = ofType(value, { type, schema });
    if (coerced !== value) return coerced;
  }
  return value;
}

/** The types that a schema names, `null` not among them. */
function typesOf(schema: unknown): readonly string[] {
  if (!isRecord(schema)) return [];
  const { type, anyOf, oneOf } = schema;
  const branches = [anyOf, oneOf].flatMap((list) => Array.isArray(list) ? list : []);
  const named = (Array.isArray(type) ? type : [type]).filter((name) => typeof name === "string");
  return [...named, ...branches.flatMap(typesOf)].filter((name) => name !== "null");
}

function ofType(
  value: unknown,
  { type, schema }: { readonly type: string; readonly schema: unknown },
): unknown {
  if (type === "object" && Array.isArray(value)) return pairsOf(...value.map(String));
  if (typeof value !== "string") return value;
  if (type === "boolean") {
    const word = value.toLowerCase();
    return word === "true" ? true : word === "false" ? false : value;
  }
  if (type === "object") {
    const parsed = parsedJson(value, "{");
    return isRecord(parsed) ? parsed : pairsOf(value);
  }
  if (type === "array") return listOf(value, isRecord(schema) ? schema.items : undefined);
  return NUMBERS[type]?.test(value) === true ? Number(value) : value;
}

function listOf(value: string, items: unknown): readonly unknown[] {
  const parsed = parsedJson(value, "[");
  if (Array.isArray(parsed)) return parsed;
  return value.split(",").map((word) => word.trim()).filter((word) => word !== "")
    .map((word) => coerceValue(word, items));
}

function parsedJson(text: string, first: "{" | "["): unknown {
  if (!text.trimStart().startsWith(first)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `NAME=VALUE` as command lines write members; what is none stays and is refused with its name. */
function pairsOf(...words: readonly string[]): unknown {
  const pairs = words.map((word): readonly [string, string] | undefined => {
    const at = word.indexOf("=");
    return at < 1 ? undefined : [word.slice(0, at), word.slice(at + 1)];
  });
  const whole = pairs.filter((pair) => pair !== undefined);
  return whole.length === words.length ? Object.fromEntries(whole) : words;
}

function isRecord(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
