/**
 * Keeps secret values out of what Wharf says: logs, errors, and where it is asked to, results. A
 * value is found as it is and in the forms that programs print it in: base64, URL-encoded, inside
 * of JSON. Needs no permission.
 *
 * @example
 * ```ts
 * import { Redactor } from "./redact.ts";
 *
 * const redactor = new Redactor();
 * using _known = redactor.know(["s3cr3t-token"]);
 * redactor.text("401 for s3cr3t-token"); // "401 for [secret]"
 * ```
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Log, LogFields } from "../core/host.ts";
import { RpcError } from "../rpc/mod.ts";

/** What stands for a secret. */
const MARK = "[secret]";

/** Shorter values would also be found where they mean nothing. */
const MIN_CHARS = 6;

/** The same for base64, where a part of the value has to do. */
const MIN_BASE64_CHARS = 8;

/** JSON that nests deeper is not looked at: it is replaced. */
const MAX_DEPTH = 1_000;

/** Knows secrets, and replaces them. */
export class Redactor {
  /** How often each value is known, since several servers may share one. */
  readonly #values = new Map<string, number>();
  #pattern: RegExp | undefined;

  /**
   * Takes values as secrets.
   *
   * @param values The secrets; those of fewer than 6 characters are not looked for.
   * @returns Disposing it forgets them, unless somebody else knows them too.
   */
  know(values: Iterable<string>): Disposable {
    const known = [...values].filter((value) => value.length >= MIN_CHARS);
    for (const value of known) this.#count(value, 1);
    let isKnown = true;
    return {
      [Symbol.dispose]: () => {
        if (isKnown) { for (const value of known) this.#count(value, -1); }
        isKnown = false;
      },
    };
  }

  /**
   * Replaces secrets in a text.
   *
   * @param text Any text.
   * @returns The text with `[secret]` for each; the same text when there is none.
   */
  text(text: string): string {
    this.#pattern ??= patternOf([...this.#values.keys()]);
    return this.#pattern === undefined ? text : text.replace(this.#pattern, MARK);
  }

  /**
   * Replaces secrets in every text of a JSON value, names of members included.
   *
   * @param value A JSON value.
   * @returns A copy; the same value when there is nothing to replace.
   */
  value<T>(value: T): T {
    if (this.#values.size === 0) return value;
    // A copy has the form of what it is a copy of; only texts differ.
    return this.#walk(value, 0) as T;
  }

  /**
   * Replaces secrets in an error.
   *
   * @param error Any error of Wharf's.
   * @returns One with the same code; without its cause, whose text nobody has looked at.
   */
  error(error: AppError): AppError {
    if (this.#values.size === 0) return error;
    const { hint, retryAfterMs, status, details } = error;
    return new AppError(error.code, this.text(error.message), {
      retryable: error.retryable,
      ...(hint === undefined ? {} : { hint: this.text(hint) }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(status === undefined ? {} : { status }),
      ...(details === undefined ? {} : { details: this.value(details) }),
    });
  }

  /**
   * Replaces secrets in whatever was thrown.
   *
   * @param thrown An error of Wharf's, what a server answered, or anything.
   * @returns As {@linkcode Redactor.error}; what a server answered stays its answer.
   */
  thrown(thrown: unknown): AppError {
    if (!(thrown instanceof RpcError)) return this.error(toAppError(thrown));
    const fault = this.value(thrown.fault);
    return fault === thrown.fault ? thrown : new RpcError(fault, { action: "use a server" });
  }

  /**
   * Puts itself before a log.
   *
   * @param log Where the records go.
   * @returns A log that holds no secret that is known at the time of each record.
   */
  wrap(log: Log): Log {
    const clean = (fields?: LogFields) => fields === undefined ? [] : [this.value(fields)] as const;
    return {
      debug: (message, fields) => log.debug(this.text(message), ...clean(fields)),
      info: (message, fields) => log.info(this.text(message), ...clean(fields)),
      warn: (message, fields) => log.warn(this.text(message), ...clean(fields)),
      error: (message, fields) => log.error(this.text(message), ...clean(fields)),
    };
  }

  #count(value: string, by: number): void {
    const count = (this.#values.get(value) ?? 0) + by;
    if (count > 0) this.#values.set(value, count);
    else this.#values.delete(value);
    this.#pattern = undefined;
  }

  #walk(value: unknown, depth: number): unknown {
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth >= MAX_DEPTH) return MARK;
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#walk(item, depth + 1));
      return items.some((item, index) => item !== value[index]) ? items : value;
    }
    let isSame = true;
    const entries = Object.entries(value).map(([name, member]) => {
      const entry = [this.text(name), this.#walk(member, depth + 1)] as const;
      if (entry[0] !== name || entry[1] !== member) isSame = false;
      return entry;
    });
    return isSame ? value : Object.fromEntries(entries);
  }
}

/** One pattern for all forms of all values, the longest first; none without values. */
function patternOf(values: readonly string[]): RegExp | undefined {
  const plain = new Set(values.flatMap(plainForms));
  const encoded = new Set(values.flatMap(base64Forms));
  const sources = [
    ...longestFirst(plain).map(escapePattern),
    // The characters beside the stable ones hold the value's first and last bytes.
    ...longestFirst(encoded).map((form) =>
      `[A-Za-z0-9+/_-]{0,4}${escapePattern(form)}[A-Za-z0-9+/_-]{0,4}={0,2}`
    ),
  ];
  return sources.length === 0 ? undefined : new RegExp(sources.join("|"), "g");
}

function longestFirst(forms: Iterable<string>): readonly string[] {
  return [...forms].sort((a, b) => b.length - a.length);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** A value as it is, in a URL, in a form, and inside of JSON, once and twice. */
function plainForms(value: string): readonly string[] {
  const inUrl = encodeURIComponent(value.toWellFormed());
  const inForm = new URLSearchParams([["", value.toWellFormed()]]).toString().slice(1);
  const inJson = JSON.stringify(value).slice(1, -1);
  const lower = (text: string) => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return [
    value,
    inUrl,
    lower(inUrl),
    inForm,
    lower(inForm),
    inJson,
    JSON.stringify(inJson).slice(1, -1),
  ];
}

/**
 * What base64 (RFC 4648, both alphabets) makes of a value wherever it stands in a longer text,
 * such as `user:value`: three alignments, without the characters that depend on its neighbours.
 */
function base64Forms(value: string): readonly string[] {
  const bytes = new TextEncoder().encode(value);
  return [0, 1, 2].flatMap((skipped) => {
    const whole = bytes.subarray(skipped, skipped + Math.floor((bytes.length - skipped) / 3) * 3);
    const form = btoa(Array.from(whole, (byte) => String.fromCharCode(byte)).join(""));
    if (form.length < MIN_BASE64_CHARS) return [];
    return [form, form.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
