/**
 * The form of a server's question (MCP, "Elicitation"): its fields as they may be shown, the values
 * that they take, and what they come to when nobody fills them in (SEP-1034). Needs no permission.
 *
 * @example
 * ```ts
 * import { defaultsOf, readForm } from "./form.ts";
 *
 * const form = readForm({ properties: { size: { type: "integer", default: 3 } } });
 * defaultsOf(form); // { size: 3 }
 * ```
 *
 * @module
 */

import { cleanText } from "../core/text.ts";

/** What a field can hold. */
export type FieldValue = string | number | boolean | readonly string[];

/** A value to choose, and its name for people. */
export interface Choice {
  /** What is sent. */
  readonly value: string;
  /** What is shown, cleaned. */
  readonly title: string;
}

/** One field. */
export interface Field {
  /** Its name, as it is. */
  readonly name: string;
  /** What people read, cleaned. */
  readonly label: string;
  /** More about it, cleaned. */
  readonly about?: string;
  /** What it holds. */
  readonly kind: "text" | "number" | "integer" | "boolean" | "choice" | "choices";
  /** Whether the server needs it. */
  readonly required: boolean;
  /** The values to choose from, of `choice` and `choices`. */
  readonly choices: readonly Choice[];
  /** What it holds where nobody says otherwise; absent where there is none that fits. */
  readonly preset?: FieldValue;
  /** Form of a text: `email`, `uri`, `date` or `date-time`. */
  readonly format?: string;
  /** Least number, characters or choices. */
  readonly min?: number;
  /** Most of them. */
  readonly max?: number;
}

/** A form. */
export interface Form {
  /** Its fields, in the server's order. */
  readonly fields: readonly Field[];
  /** Names of fields that the server needs and that nothing can be put into, cleaned. */
  readonly unknown: readonly string[];
}

/** What is sent of a form, by the names of its fields. */
export type FormContent = Readonly<Record<string, FieldValue>>;

/** A value, or why there is none. */
export type Reading = { readonly value: FieldValue } | { readonly fault: string };

type Schema = Readonly<Record<string, unknown>>;

const MAX_LABEL_CHARS = 100;
const MAX_ABOUT_CHARS = 400;

/** More fields than anybody fills in. */
const MAX_FIELDS = 100;

/**
 * Reads a form.
 *
 * @param schema The `requestedSchema`, as it came.
 * @returns The form; fields that MCP does not know are left out where they are optional.
 */
export function readForm(schema: unknown): Form {
  const { properties, required } = isRecord(schema) ? schema : {};
  const needed = new Set(Array.isArray(required) ? required : []);
  const all = isRecord(properties) ? Object.entries(properties) : [];
  const fields: Field[] = [];
  const unknown: string[] = [];
  for (const [name, property] of all) {
    const field = fields.length < MAX_FIELDS && isRecord(property)
      ? fieldOf(name, property, { required: needed.has(name) })
      : undefined;
    if (field !== undefined) fields.push(field);
    else if (needed.has(name)) unknown.push(shown(name));
  }
  const missing = [...needed].filter((name) => !all.some(([known]) => known === name));
  return { fields, unknown: [...unknown, ...missing.map((name) => shown(String(name)))] };
}

/**
 * What a form comes to when nobody fills it in.
 *
 * @param form The form.
 * @returns Its defaults; `undefined` where a field that is needed has none.
 */
export function defaultsOf({ fields, unknown }: Form): FormContent | undefined {
  const isWhole = fields.every(({ required, preset }) => !required || preset !== undefined);
  if (!isWhole || unknown.length > 0) return undefined;
  return Object.fromEntries(
    fields.flatMap(({ name, preset }) => preset === undefined ? [] : [[name, preset]]),
  );
}

/**
 * Reads what a person typed.
 *
 * @param field The field.
 * @param text What was typed, not empty.
 * @returns The value, or why it does not fit.
 */
export function readAnswer(field: Field, text: string): Reading {
  const { kind, choices } = field;
  switch (kind) {
    case "text":
      return checked(field, text);
    case "integer":
    case "number": {
      const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
      return checked(field, value);
    }
    case "boolean": {
      if (/^(?:y|yes|true)$/i.test(text)) return { value: true };
      return /^(?:n|no|false)$/i.test(text) ? { value: false } : { fault: "type y or n" };
    }
    case "choice": {
      const value = chosen(choices, text);
      return value === undefined ? { fault: "choose one of them" } : { value };
    }
    case "choices": {
      const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
      const values = words.map((word) => chosen(choices, word));
      const known = values.filter((value) => value !== undefined);
      if (known.length < values.length) return { fault: "choose some of them, by comma" };
      return checked(field, [...new Set(known)]);
    }
  }
}

/** What may be typed, such as `1 to 5`; empty where everything may. */
export function limitsOf({ kind, min, max, format }: Field): string {
  const unit = kind === "text" ? " characters" : "";
  const range = min !== undefined && max !== undefined
    ? `${min} to ${max}${unit}`
    : min !== undefined
    ? `at least ${min}${unit}`
    : max !== undefined
    ? `at most ${max}${unit}`
    : "";
  const form = kind === "integer" ? "a whole number" : kind === "number" ? "a number" : format;
  return [form ?? "", range].filter((part) => part !== "").join(", ");
}

function fieldOf(
  name: string,
  schema: Schema,
  { required }: Pick<Field, "required">,
): Field | undefined {
  const kind = kindOf(schema);
  if (kind === undefined) return undefined;
  const choices = choicesOf(kind === "choices" && isRecord(schema.items) ? schema.items : schema);
  if ((kind === "choice" || kind === "choices") && choices.length === 0) return undefined;
  const [least, most] = kind === "text"
    ? [schema.minLength, schema.maxLength]
    : kind === "choices"
    ? [schema.minItems, schema.maxItems]
    : [schema.minimum, schema.maximum];
  const title = textOf(schema.title, MAX_LABEL_CHARS);
  const about = textOf(schema.description, MAX_ABOUT_CHARS);
  const format = textOf(schema.format, MAX_LABEL_CHARS);
  const field: Field = {
    name,
    label: title ?? shown(name),
    kind,
    required,
    choices,
    ...(about === undefined ? {} : { about }),
    ...(format === undefined ? {} : { format }),
    ...(typeof least === "number" ? { min: least } : {}),
    ...(typeof most === "number" ? { max: most } : {}),
  };
  const preset = presetOf(field, schema.default);
  return preset === undefined ? field : { ...field, preset };
}

function kindOf(schema: Schema): Field["kind"] | undefined {
  const { type, items } = schema;
  if (type === "array") return isRecord(items) ? "choices" : undefined;
  const isChoice = ["enum", "oneOf", "anyOf"].some((word) => Array.isArray(schema[word]));
  if (isChoice && (type === "string" || type === undefined)) return "choice";
  if (type === "string") return "text";
  return type === "number" || type === "integer" || type === "boolean" ? type : undefined;
}

/** MCP names choices in three ways: `enum`, `enum` with `enumNames`, and titled constants. */
function choicesOf(schema: Schema): readonly Choice[] {
  const { enum: plain, enumNames } = schema;
  if (Array.isArray(plain)) {
    const names = Array.isArray(enumNames) ? enumNames : [];
    return plain.flatMap((value, index) =>
      typeof value === "string" ? [choice(value, names[index])] : []
    );
  }
  const titled = [schema.oneOf, schema.anyOf].find(Array.isArray) ?? [];
  return titled.flatMap((one: unknown) =>
    isRecord(one) && typeof one.const === "string" ? [choice(one.const, one.title)] : []
  );
}

function choice(value: string, title: unknown): Choice {
  return { value, title: textOf(title, MAX_LABEL_CHARS) ?? shown(value) };
}

/** By its number in the list, its value or its title. */
function chosen(choices: readonly Choice[], text: string): string | undefined {
  const word = text.toLowerCase();
  const exact = choices.find(({ value }) => value === text) ??
    choices.find(({ value, title }) => [value, title].some((one) => one.toLowerCase() === word));
  if (exact !== undefined) return exact.value;
  return /^\d{1,4}$/.test(text) ? choices[Number(text) - 1]?.value : undefined;
}

function presetOf(field: Field, value: unknown): FieldValue | undefined {
  const values = field.choices.map((one) => one.value);
  const fits = (one: unknown): one is string => typeof one === "string" && values.includes(one);
  switch (field.kind) {
    case "text":
      return typeof value === "string" && "value" in checked(field, value) ? value : undefined;
    case "integer":
    case "number":
      return typeof value === "number" && "value" in checked(field, value) ? value : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "choice":
      return fits(value) ? value : undefined;
    case "choices":
      return Array.isArray(value) && value.every(fits) && "value" in checked(field, value)
        ? value
        : undefined;
  }
}

/** Whether a value of the right type keeps the limits. */
function checked(field: Field, value: string | number | readonly string[]): Reading {
  const { kind, min = -Infinity, max = Infinity, format } = field;
  if (typeof value === "number" && !Number.isFinite(value)) return { fault: "type a number" };
  if (kind === "integer" && !Number.isInteger(value)) return { fault: "type a whole number" };
  // JSON Schema counts characters, not units of UTF-16.
  const size = typeof value === "number"
    ? value
    : typeof value === "string"
    ? [...value].length
    : value.length;
  if (size < min || size > max) return { fault: `it must be ${limitsOf(field)}` };
  if (typeof value === "string" && !hasFormat(value, format)) {
    return { fault: `it is no ${format}` };
  }
  return { value };
}

/** The formats that MCP names; others are for the server to check. */
function hasFormat(text: string, format: string | undefined): boolean {
  switch (format) {
    case "email":
      return /^[^\s@]+@[^\s@]+$/.test(text);
    case "uri":
      return URL.canParse(text);
    case "date":
      return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
    case "date-time":
      return /^\d{4}-\d\d-\d\dT/i.test(text) && !Number.isNaN(Date.parse(text));
    default:
      return true;
  }
}

function textOf(value: unknown, maxChars: number): string | undefined {
  const text = typeof value === "string" ? cleanText(value, { maxChars }) : "";
  return text === "" ? undefined : text;
}

function shown(text: string): string {
  return cleanText(text, { maxChars: MAX_LABEL_CHARS });
}

function isRecord(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
