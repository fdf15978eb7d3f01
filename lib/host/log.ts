/**
 * The log on standard error: one line a record, whatever the texts hold (log injection), and
 * never a known secret. Needs no permission.
 *
 * @module
 */

import type { Clock, Log, LogFields } from "../core/host.ts";

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

/** Shorter values would blank out ordinary words. */
const SHORTEST_SECRET = 6;

const encoder = new TextEncoder();

/**
 * Opens the log.
 *
 * @param options Form, level and secrets.
 * @param write Takes one line with its line feed; standard error by default.
 * @returns The log.
 */
export function openLog(options: LogOptions, write: (line: string) => void = toStderr): Log {
  const secrets = (options.redact ?? []).filter((secret) => secret.length >= SHORTEST_SECRET);
  const least = LEVELS.indexOf(options.level);
  const at = (level: (typeof LEVELS)[number]) => {
    if (LEVELS.indexOf(level) < least) return () => {};
    return (message: string, fields: LogFields = {}) => {
      const time = new Date(options.clock.now()).toISOString();
      let line = options.format === "json"
        ? JSON.stringify({ time, level, message, ...fields })
        : textLine(time, level, message, fields);
      for (const secret of secrets) line = line.replaceAll(secret, "***");
      write(`${escapeControls(line)}\n`);
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function textLine(time: string, level: string, message: string, fields: LogFields): string {
  const facts = Object.entries(fields).filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `${time} ${level.padEnd(5)} ${message}${facts.join("")}`;
}

/** C0, C1, bidirectional controls and line separators become `\uXXXX`. */
function escapeControls(line: string): string {
  return line.replace(
    // deno-lint-ignore no-control-regex -- control characters are what must not reach a terminal
    /[\u0000-\u001F\u007F-\u009F\u200E\u200F\u2028-\u202E\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function toStderr(line: string): void {
  const bytes = encoder.encode(line);
  try {
    for (let sent = 0; sent < bytes.length;) sent += Deno.stderr.writeSync(bytes.subarray(sent));
  } catch {
    // Nobody reads standard error any more; Wharf goes on without a log.
  }
}
