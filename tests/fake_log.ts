/**
 * A log that remembers its records. Needs no permission.
 *
 * @module
 */

import type { Log, LogFields } from "../lib/core/host.ts";

/** One remembered record. */
export interface LogRecord {
  /** How severe it is. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** What was said. */
  readonly message: string;
  /** The facts beside it. */
  readonly fields: LogFields;
}

/** A {@linkcode Log} for tests. */
export class FakeLog implements Log {
  /** All records, oldest first. */
  readonly records: LogRecord[] = [];

  /** @inheritdoc */
  debug(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "debug", message, fields });
  }

  /** @inheritdoc */
  info(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "info", message, fields });
  }

  /** @inheritdoc */
  warn(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "warn", message, fields });
  }

  /** @inheritdoc */
  error(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "error", message, fields });
  }
}
