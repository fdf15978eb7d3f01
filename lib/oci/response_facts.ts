/**
 * What a registry says beside its answer: warnings, when to come back, and the pull quota. Needs
 * no permission.
 *
 * @module
 */

import { cleanText } from "../core/text.ts";
import { HeaderReader } from "./header_reader.ts";

/** A year is far beyond any answer that is meant. */
const LONGEST_WAIT_MS = 366 * 24 * 3600 * 1000;
const MAX_WARNINGS = 10;

/**
 * Reads `Warning: 299 - "text"` (distribution-spec, "Warnings").
 *
 * @param headers An answer's headers.
 * @returns The texts, each once, cleaned.
 */
export function warningsOf(headers: Headers): readonly string[] {
  const header = headers.get("warning");
  if (header === null) return [];
  const reader = new HeaderReader(header);
  const texts = new Set<string>();
  while (!reader.done() && texts.size < MAX_WARNINGS) {
    reader.blanks();
    const code = reader.token();
    reader.blanks();
    const agent = reader.until(' ",');
    reader.blanks();
    if (code === "299" && agent !== "" && reader.at('"')) {
      const text = cleanText(reader.value(), { maxChars: 300 });
      if (text !== "") texts.add(text);
    } else reader.value();
    // The warn-date, if any, has a comma of its own.
    reader.blanks();
    reader.value();
    reader.until(",");
    reader.skip();
  }
  return [...texts];
}

/**
 * Reads how long to wait: `Retry-After` as seconds or date (RFC 9110, 10.2.3), else Docker Hub's
 * `X-Retry-After` and `X-RateLimit-Reset` (Unix seconds).
 *
 * @param headers An answer's headers.
 * @param nowMs The present, in milliseconds since the Unix epoch.
 * @returns Milliseconds from now, at least 0, or `undefined` where nothing is said.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const standard = headers.get("retry-after")?.trim();
  if (standard !== undefined) {
    // The standard knows whole seconds only; some servers compute.
    if (/^\d+(?:\.\d+)?$/.test(standard)) return clamp(Math.ceil(Number(standard) * 1000));
    const date = httpDate(standard);
    if (date !== undefined) return clamp(date - nowMs);
  }
  // The reset of a quota that is not used up says nothing about this answer.
  const isUsedUp = (headers.get("x-ratelimit-remaining") ?? "0").trim() === "0";
  for (const name of ["x-retry-after", ...(isUsedUp ? ["x-ratelimit-reset"] : [])]) {
    const value = headers.get(name)?.trim();
    if (value !== undefined && /^\d{9,11}$/.test(value)) return clamp(Number(value) * 1000 - nowMs);
  }
  return undefined;
}

/** The three forms of RFC 9110, 5.6.7, which are all in GMT; the last does not say so. */
function httpDate(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  const ms = Date.parse(/(?:GMT|UTC|[+-]\d{4})$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}

function clamp(ms: number): number {
  return Math.min(Math.max(0, ms), LONGEST_WAIT_MS);
}

/** The pull quota of Docker Hub's registry. */
export interface PullQuota {
  /** Pulls allowed in a window. */
  readonly limit?: number;
  /** Pulls left in it. */
  readonly remaining?: number;
  /** Length of the window, in seconds. */
  readonly windowSeconds?: number;
  /** What is counted: an address or an account's id. */
  readonly source?: string;
}

/**
 * Reads `ratelimit-limit: 100;w=21600` and its kin.
 *
 * @param headers An answer's headers.
 * @returns The quota, or `undefined` where none is said.
 */
export function pullQuotaOf(headers: Headers): PullQuota | undefined {
  const limit = quotaField(headers.get("ratelimit-limit"));
  const remaining = quotaField(headers.get("ratelimit-remaining"));
  if (limit === undefined && remaining === undefined) return undefined;
  const windowSeconds = limit?.windowSeconds ?? remaining?.windowSeconds;
  const source = headers.get("docker-ratelimit-source");
  return {
    ...(limit === undefined ? {} : { limit: limit.count }),
    ...(remaining === undefined ? {} : { remaining: remaining.count }),
    ...(windowSeconds === undefined ? {} : { windowSeconds }),
    ...(source === null ? {} : { source: cleanText(source, { maxChars: 80 }) }),
  };
}

/** `76;w=21600`, or `100, 100;w=21600` as the drafts of the IETF have it. */
function quotaField(
  value: string | null,
): { readonly count: number; readonly windowSeconds: number | undefined } | undefined {
  const count = /^\s*(\d{1,9})(?!\d)/.exec(value ?? "")?.[1];
  if (count === undefined) return undefined;
  const window = /;\s{0,9}w\s{0,9}=\s{0,9}(\d{1,9})(?!\d)/.exec(value ?? "")?.[1];
  return {
    count: Number(count),
    windowSeconds: window === undefined ? undefined : Number(window),
  };
}
