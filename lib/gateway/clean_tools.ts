/**
 * An upstream's tool definitions as a model may see them: texts cleaned and capped, schemas of a
 * bounded size that mean what they meant. What clients refuse in a whole list is put right, so
 * that one odd tool never hides those of the other servers. Needs no permission.
 *
 * @example
 * ```ts
 * import { cleanTool } from "./clean_tools.ts";
 *
 * const { tool } = cleanTool({ name: "add", description: "Adds\u200b numbers" });
 * tool; // { name: "add", description: "Adds numbers", inputSchema: { type: "object" } }
 * ```
 *
 * @module
 */

import { cleanText } from "../core/text.ts";
import type { ToolDefinition } from "./trust.ts";

/** Most characters of a description, of a tool or inside of its schemas. */
const MAX_DESCRIPTION_CHARS = 4000;

/** Most characters of a title. */
const MAX_TITLE_CHARS = 200;

/** Most bytes of one schema, as JSON in UTF-8. */
const MAX_SCHEMA_BYTES = 256 * 1024;

/** Most nested arrays and objects of a schema. */
const MAX_SCHEMA_DEPTH = 32;

/** A hint of MCP's `ToolAnnotations`. */
export type ToolHint = "readOnlyHint" | "destructiveHint" | "idempotentHint" | "openWorldHint";

const HINTS: readonly ToolHint[] = [
  "readOnlyHint",
  "destructiveHint",
  "idempotentHint",
  "openWorldHint",
];

/** Members of annotations that clients check; others are for those who know them. */
const KNOWN_HINTS: ReadonlySet<string> = new Set(["title", ...HINTS]);

/** A JSON Schema of an object, as MCP wants it of tools. */
export interface ObjectSchema {
  /** Arguments and structured results are objects. */
  readonly type: "object";
  /** The other keywords. */
  readonly [keyword: string]: unknown;
}

/** A tool as it is offered to clients; members that are not named here are as the server has them. */
export interface CleanTool {
  /** The server's own name for it, as it is: calls need it. */
  readonly name: string;
  /** Name for people, at most 200 characters. */
  readonly title?: string;
  /** What a model is told, at most 4,000 characters. */
  readonly description?: string;
  /** The arguments; at most 256 KiB. */
  readonly inputSchema: ObjectSchema;
  /** The structured result; at most 256 KiB. */
  readonly outputSchema?: ObjectSchema;
  /** The server's own claims on what a call does, and another name for people. */
  readonly annotations?: Readonly<Partial<Record<ToolHint, boolean>>> & {
    readonly title?: string;
    readonly [member: string]: unknown;
  };
  /** The others, such as `icons`, `execution` and `_meta`. */
  readonly [member: string]: unknown;
}

/** A {@linkcode CleanTool}, and what had to be left out of it. */
export interface CleanedTool {
  /** The tool as it may be shown. */
  readonly tool: CleanTool;
  /** One clause for each thing that the operator should know was left out. */
  readonly notes: readonly string[];
}

/**
 * Cleans a tool definition.
 *
 * @param definition The definition, as the server gave it.
 * @returns The tool to offer; every valid schema within the limits accepts what it accepted.
 */
export function cleanTool(definition: ToolDefinition): CleanedTool {
  const notes: string[] = [];
  const hints = isRecord(definition.annotations) ? definition.annotations : {};
  const title = textOf(definition.title, MAX_TITLE_CHARS);
  const shortTitle = textOf(hints.title, MAX_TITLE_CHARS);
  const description = textOf(definition.description, MAX_DESCRIPTION_CHARS, true);
  if (description?.endsWith("…") && !String(definition.description).trimEnd().endsWith("…")) {
    notes.push(`the description was cut after ${MAX_DESCRIPTION_CHARS} characters`);
  }
  const annotations = {
    ...Object.fromEntries(Object.entries(hints).filter(([name]) => !KNOWN_HINTS.has(name))),
    ...(shortTitle === undefined ? {} : { title: shortTitle }),
    ...Object.fromEntries(
      HINTS.filter((hint) => typeof hints[hint] === "boolean").map((hint) => [hint, hints[hint]]),
    ),
  };
  const input = cleanSchema(definition.inputSchema ?? {});
  if (typeof input === "string") notes.push(`the arguments are not described: their ${input}`);
  const output = definition.outputSchema === undefined
    ? undefined
    : cleanSchema(definition.outputSchema);
  if (typeof output === "string") notes.push(`the result is not described: its ${output}`);
  const {
    title: _title,
    description: _description,
    inputSchema: _inputSchema,
    outputSchema: _outputSchema,
    annotations: _annotations,
    ...others
  } = definition;
  return {
    tool: {
      ...others,
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
      inputSchema: typeof input === "string" ? { type: "object" } : input,
      ...(output === undefined || typeof output === "string" ? {} : { outputSchema: output }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    notes,
  };
}

/** A text that is worth showing. */
function textOf(value: unknown, maxChars: number, multiline = false): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = cleanText(value, { maxChars, multiline });
  return text === "" ? undefined : text;
}

/** The schema to offer, or why there is none. */
function cleanSchema(schema: unknown): ObjectSchema | string {
  if (!isRecord(schema)) return "schema is not a JSON object";
  if (deeperThan(schema, MAX_SCHEMA_DEPTH)) {
    return `schema is nested deeper than ${MAX_SCHEMA_DEPTH} levels`;
  }
  if (!allowsObject(schema.type)) return "schema describes no object";
  for (const texts of ["cleaned", "dropped"] as const) {
    const cleaned = objectSchema(walkSchema(schema, texts));
    const { byteLength } = new TextEncoder().encode(JSON.stringify(cleaned));
    if (byteLength <= MAX_SCHEMA_BYTES) return cleaned;
  }
  return `schema is larger than ${MAX_SCHEMA_BYTES / 1024} KiB`;
}

function allowsObject(type: unknown): boolean {
  return type === undefined || type === "object" ||
    (Array.isArray(type) && type.includes("object"));
}

/**
 * The form that MCP's schema of `Tool` wants; a client refuses the whole list otherwise. Since
 * arguments and structured results are objects, none of it changes what is accepted.
 */
function objectSchema(schema: Readonly<Record<string, unknown>>): ObjectSchema {
  const entries = Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
    if (keyword === "type") return [];
    if (keyword === "required" && !isTextList(value)) return [];
    if (keyword !== "properties") return [[keyword, value]];
    if (!isRecord(value)) return [];
    const properties = Object.entries(value).map(([name, property]) => [
      name,
      isRecord(property) ? property : property === false ? { not: {} } : {},
    ]);
    return [[keyword, Object.fromEntries(properties)]];
  });
  return { type: "object", ...fromEntries(entries) };
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Keywords whose value is for validators or is data: another letter would mean another thing. */
const VERBATIM: ReadonlySet<string> = new Set([
  "$anchor",
  "$dynamicAnchor",
  "$dynamicRef",
  "$id",
  "$recursiveAnchor",
  "$recursiveRef",
  "$ref",
  "$schema",
  "$vocabulary",
  "const",
  "contentEncoding",
  "contentMediaType",
  "default",
  "dependentRequired",
  "discriminator",
  "enum",
  "format",
  "id",
  "pattern",
  "required",
  "type",
]);

/** Keywords whose members are named by the author, each of them a schema. */
const MAPS: ReadonlySet<string> = new Set([
  "$defs",
  "definitions",
  "dependencies",
  "dependentSchemas",
  "patternProperties",
  "properties",
]);

/** Keywords that hold texts for people, and nothing else. */
const TEXTS: ReadonlySet<string> = new Set(["description", "title"]);

/** Whether a keyword may go without a loss to validators or to whoever fills in the arguments. */
function isDispensable(keyword: string, value: unknown): boolean {
  return TEXTS.has(keyword) && typeof value === "string" ||
    keyword === "examples" && Array.isArray(value);
}

/**
 * Cleans the texts of a schema (JSON Schema 2020-12 and its drafts back to 4) and keeps all else.
 * `$comment` is for its authors and goes.
 */
function walkSchema(
  schema: Readonly<Record<string, unknown>>,
  texts: "cleaned" | "dropped",
): Record<string, unknown> {
  return fromEntries(
    Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
      if (keyword === "$comment" && typeof value === "string") return [];
      if (texts === "dropped" && isDispensable(keyword, value)) return [];
      if (VERBATIM.has(keyword)) return [[keyword, value]];
      if (!MAPS.has(keyword) || !isRecord(value)) return [[keyword, walk(value, keyword, texts)]];
      const members = Object.entries(value)
        // What stands in a map is a schema, whatever its name is; a list there is one of names.
        .map(([name, member]): [string, unknown] => [
          name,
          isRecord(member) ? walkSchema(member, texts) : member,
        ]);
      return [[keyword, fromEntries(members)]];
    }),
  );
}

/** A value of a keyword that may hold schemas, lists of them, or texts of the author's own. */
function walk(value: unknown, keyword: string, texts: "cleaned" | "dropped"): unknown {
  if (typeof value === "string") {
    const maxChars = keyword === "title" ? MAX_TITLE_CHARS : MAX_DESCRIPTION_CHARS;
    return cleanText(value, { maxChars, multiline: keyword !== "title" });
  }
  if (Array.isArray(value)) return value.map((item) => walk(item, keyword, texts));
  return isRecord(value) ? walkSchema(value, texts) : value;
}

/** Whether JSON nests deeper than a limit; looks no deeper than that. */
function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((member) => deeperThan(member, levels - 1));
}

/** An object with these members of its own, `__proto__` included. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
