/**
 * The log on standard error: one line a record, whatever the texts hold (log injection), and
 * never a known secret. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock, Log, LogFields } from "../core/host.ts";
import { escapeHidden, truncate } from "../core/text.ts";

/** How the log looks. */
export interface LogOptions {
  /** Text for people or JSON for machines. */
  readonly format: "text" | "json";
  /** The least severe level that is written. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** Dates the records. */
  readonly clock: Clock;
  /** Values that are replaced by `***` wherever they stand. */
  readonly redact?: readonly string[];
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Shorter values would blank out ordinary words, and tell by that what the secret is. */
const SHORTEST_SECRET = 4;

/** Most characters of one message or field: the log is no place for whole documents. */
const MAX_CHARS = 4096;

const encoder = new TextEncoder();

/**
 * Opens the log.
 *
 * @param options Form, level and secrets.
 * @param write Takes one line with its line feed; standard error by default.
 * @returns The log.
 */
export function openLog(options: LogOptions, write: (line: string) => void = toStderr): Log {
  // The longest first, since one secret may be a part of another.
  const secrets = (options.redact ?? []).filter(({ length }) => length >= SHORTEST_SECRET)
    .toSorted((a, b) => b.length - a.length);
  const least = LEVELS.indexOf(options.level);

  /** Before anything is cut or quoted, since either would hide a secret from the comparison. */
  function safe(text: string): string {
    let redacted = text;
    for (const secret of secrets) redacted = redacted.replaceAll(secret, "***");
    return truncate(redacted, MAX_CHARS);
  }

  function at(level: (typeof LEVELS)[number]): (message: string, fields?: LogFields) => void {
    if (LEVELS.indexOf(level) < least) return () => {};
    return (message, fields = {}) => {
      const time = new Date(options.clock.now()).toISOString();
      const facts = Object.entries(fields).filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, typeof value === "string" ? safe(value) : value] as const);
      const line = options.format === "json"
        ? JSON.stringify({ time, level, message: safe(message), ...Object.fromEntries(facts) })
        : `${time} ${level.padEnd(5)} ${safe(message)}${
          facts.map(([name, value]) => ` ${name}=${JSON.stringify(value)}`).join("")
        }`;
      write(`${escapeHidden(line)}\n`);
    };
  }

  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/**
 * Makes a writer that appends to a file, which it opens for each line: what moves the file away
 * finds a new one. Needs write permission for it.
 *
 * @param path The file; made with mode 0600 where there is none.
 * @param instead Takes the lines while the file cannot be written; standard error by default.
 * @returns Takes one line with its line feed; never throws.
 * @throws {AppError} `PERMISSION_MISSING` or `UNAVAILABLE` where it cannot be written at the start.
 */
export function appendTo(
  path: string,
  instead: (line: string) => void = toStderr,
): (line: string) => void {
  const options = { append: true, create: true, mode: 0o600 };
  let isBroken = false;
  try {
    Deno.writeTextFileSync(path, "", options);
  } catch (cause) {
    const isDenied = cause instanceof Deno.errors.NotCapable;
    throw new AppError(
      isDenied ? "PERMISSION_MISSING" : "UNAVAILABLE",
      `Cannot write "${path}": ${
        isDenied ? "Deno was started without write permission for it" : "the system refuses"
      }`,
      {
        cause,
        hint: isDenied ? `Start Wharf with --allow-write=${path}` : "Check the path and its owner",
      },
    );
  }
  return (line) => {
    try {
      Deno.writeTextFileSync(path, line, options);
      isBroken = false;
    } catch {
      if (!isBroken) instead(`cannot write ${escapeHidden(path)}; its lines come here\n`);
      isBroken = true;
      instead(line);
    }
  };
}

function toStderr(line: string): void {
  const bytes = encoder.encode(line);
  try {
    for (let sent = 0; sent < bytes.length;) sent += Deno.stderr.writeSync(bytes.subarray(sent));
  } catch {
    // Nobody reads standard error any more; Wharf goes on without a log.
  }
}
