/**
 * Values of settings, and the templates that stand for them (`{name}`, see `Setting.value` in the
 * catalogue). What a person gives is put in once and never read as a template itself. Needs no
 * permission.
 *
 * @module
 */

import type { Setting } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

/** The value of a setting, as far as it is known. */
export type GivenValue =
  | {
    /** It is known. */
    readonly kind: "text";
    /** The value. */
    readonly text: string;
  }
  | {
    /** There is one, but it is not to be known here: it shows as `<name>`. */
    readonly kind: "hidden";
  }
  | {
    /** The container engine knows it. */
    readonly kind: "podman-secret";
    /** Name of the secret there. */
    readonly name: string;
  };

/** Values by the names of settings. */
export type GivenValues = ReadonlyMap<string, GivenValue>;

/** What a template came to. */
export interface Expansion {
  /** The text; `<name>` where a value is hidden. */
  readonly text: string;
  /** The catalogue's own words before the first value of a person; `text` when there is none. */
  readonly lead: string;
  /** Whether a person gave a part of it. */
  readonly isGiven: boolean;
  /** Whether a value in it is hidden, so that nothing can be started with it. */
  readonly isHidden: boolean;
  /** Settings that it refers to, with those that fixed settings refer to. */
  readonly settings: readonly Setting[];
}

/** How {@linkcode Values.expand} puts values in. */
export interface ExpandOptions {
  /** One element of a list setting, in place of the list. */
  readonly element?: Element & { readonly name: string };
  /**
   * Writes a value for its place; hidden ones are put in as they are.
   *
   * @param value The value.
   * @param setting Its setting.
   * @param before The template before it, values put in.
   */
  escape?(value: string, setting: Setting, before: string): string;
}

/** Longest value; the kernel allows 128 KiB for one string of argv or environment (Linux `execve`). */
const MAX_VALUE_CHARS = 96 * 1024;

/** Most references that one template may come to, those of fixed settings in it included. */
const MAX_REFERENCES = 1000;

const REFERENCE = /\{([A-Za-z_][\w.-]*)\}/g;

/** Kinds in the order in which a name in a template is looked up. */
const KINDS = ["variable", "env", "header"] as const;

/** What the settings of one package or remote come to. */
export class Values {
  readonly #byName = new Map<string, Setting>();
  readonly #given: GivenValues;

  /**
   * Checks the values that are known.
   *
   * @param settings All settings of the package or remote.
   * @param given What a person gave, by name.
   * @throws {AppError} `INVALID_ARGUMENT` for a value that its setting does not allow; the value is
   * never in the message.
   */
  constructor(settings: readonly Setting[], given: GivenValues) {
    for (const kind of KINDS) {
      for (const setting of settings) {
        if (setting.kind === kind && !this.#byName.has(setting.name)) {
          this.#byName.set(setting.name, setting);
        }
      }
    }
    this.#given = given;
    for (const setting of settings) {
      const value = given.get(setting.name);
      if (setting.value === undefined && value?.kind === "text") checkValue(setting, value.text);
    }
  }

  /**
   * The value of a setting.
   *
   * @param setting One of the settings.
   * @param options How values are written into a fixed one.
   * @returns What it came to, or `undefined` when it has none.
   */
  of(setting: Setting, options: ExpandOptions = {}): Expansion | undefined {
    return this.#of(setting, options, start());
  }

  /** The engine's secret that is the value of a setting, if one is. */
  engineSecret(setting: Setting): string | undefined {
    const value = this.#given.get(setting.name);
    return setting.value === undefined && value?.kind === "podman-secret" ? value.name : undefined;
  }

  /**
   * The elements of a list setting.
   *
   * @param name Its name.
   * @returns The elements; one `<name>` when they are hidden.
   */
  elements(name: string): readonly Element[] {
    const setting = this.#byName.get(name);
    const value = setting === undefined ? undefined : this.of(setting);
    if (value === undefined) return [];
    if (value.isHidden) return [{ text: value.text, isHidden: true }];
    return readList(name, value.text).map((text) => ({ text, isHidden: false }));
  }

  /**
   * Puts values into a template. Braces that name no setting stay as they are.
   *
   * @param template The catalogue's text.
   * @param options How values are put in.
   * @returns What it came to, or `undefined` when a setting in it has no value.
   */
  expand(template: string, options: ExpandOptions = {}): Expansion | undefined {
    return this.#expand(template, options, start());
  }

  #of(setting: Setting, options: ExpandOptions, path: Path): Expansion | undefined {
    const own = { settings: [setting] } as const;
    if (setting.value !== undefined) {
      // A setting that stands for itself stands for its own words.
      if (path.above.includes(setting)) return { ...own, ...plain(`{${setting.name}}`) };
      const above = [...path.above, setting];
      const fixed = this.#expand(setting.value, options, { ...path, above });
      return fixed && { ...fixed, settings: [setting, ...fixed.settings] };
    }
    const given = this.#given.get(setting.name);
    if (given === undefined) {
      return setting.default === undefined ? undefined : { ...own, ...plain(setting.default) };
    }
    if (given.kind === "text") return { ...own, ...person(given.text, false) };
    return { ...own, ...person(`<${setting.name}>`, true) };
  }

  #expand(template: string, options: ExpandOptions, path: Path): Expansion | undefined {
    let [text, lead, end] = ["", "", 0];
    let [isHidden, isGiven] = [false, false];
    const settings = new Set<Setting>();
    for (const match of template.matchAll(REFERENCE)) {
      const name = match[1] ?? "";
      const setting = this.#byName.get(name);
      if (setting === undefined) continue;
      path.budget.left -= 1;
      if (path.budget.left < 0 || text.length > MAX_VALUE_CHARS) throw endless(name);
      text += template.slice(end, match.index);
      end = match.index + match[0].length;
      const { element } = options;
      const value: Expansion | undefined = element?.name === name
        ? { ...person(element.text, element.isHidden), settings: [setting] }
        // Values are escaped where they are put in, so that those of a fixed setting are not twice.
        : this.#of(setting, {}, path);
      if (value === undefined) return undefined;
      if (!isGiven) lead = text + value.lead;
      isGiven ||= value.isGiven;
      isHidden ||= value.isHidden;
      text += value.isHidden
        ? value.text
        : options.escape?.(value.text, setting, text) ?? value.text;
      for (const item of value.settings) settings.add(item);
    }
    text += template.slice(end);
    return { text, lead: isGiven ? lead : text, isGiven, isHidden, settings: [...settings] };
  }
}

/** Where an expansion stands: fixed settings refer to others, which an entry could make endless. */
interface Path {
  readonly above: readonly Setting[];
  readonly budget: { left: number };
}

function start(): Path {
  return { above: [], budget: { left: MAX_REFERENCES } };
}

function endless(name: string): AppError {
  return new AppError(
    "TOO_LARGE",
    `Cannot work out the settings around "${name}": they refer to each other too often`,
    { hint: "Choose another launch method; the entry's source is at fault" },
  );
}

/** One element of a list. */
export interface Element {
  /** The element. */
  readonly text: string;
  /** Whether it stands for elements that are not to be known here. */
  readonly isHidden: boolean;
}

/** An expansion but for its settings. */
type Words = Omit<Expansion, "settings">;

function plain(text: string): Words {
  return { text, lead: text, isGiven: false, isHidden: false };
}

function person(text: string, isHidden: boolean): Words {
  return { text, lead: "", isGiven: true, isHidden };
}

/**
 * Checks a value that a person gave for a setting.
 *
 * @param setting The setting.
 * @param text The value.
 * @throws {AppError} `INVALID_ARGUMENT` that says what is expected, never what was given.
 */
export function checkValue(setting: Setting, text: string): void {
  const { name, format = "string", choices } = setting;
  if (text.length > MAX_VALUE_CHARS) {
    throw valueError(name, `it is longer than ${MAX_VALUE_CHARS} characters`);
  }
  if (text.includes("\0")) throw valueError(name, "it holds a NUL character");
  if (!text.isWellFormed()) throw valueError(name, "it is no Unicode text");
  if (format === "boolean" && text !== "true" && text !== "false") {
    throw valueError(name, "it is neither true nor false");
  }
  if (format === "number" && !isNumber(text)) throw valueError(name, "it is no number");
  if (format === "list") readList(name, text);
  if (choices !== undefined && !choices.includes(text)) {
    const shown = cleanText(choices.join(", "), { maxChars: 200 });
    throw valueError(name, `it is none of ${shown}`);
  }
}

/** A number as JSON writes it, so that it is no other word. */
export function isNumber(text: string): boolean {
  return /^-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?$/.test(text);
}

/** A JSON array of strings; any other text is one element. */
function readList(name: string, text: string): readonly string[] {
  if (!text.trimStart().startsWith("[")) return text === "" ? [] : [text];
  const parsed = parseArray(text);
  if (parsed === undefined) throw valueError(name, "it is no JSON array");
  return parsed.map((item) => {
    if (typeof item === "string" && !item.includes("\0")) return item;
    throw valueError(name, "it is a JSON array of other things than texts");
  });
}

function parseArray(text: string): readonly unknown[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The error for a value that cannot be used. The value itself is never shown: it may be secret.
 *
 * @param name The setting.
 * @param state What is wrong, as a clause.
 */
export function valueError(name: string, state: string): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot use the value of "${cleanText(name, { maxChars: 130 })}": ${state}`,
    { hint: "Give another value with registry-config-set" },
  );
}
