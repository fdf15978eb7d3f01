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
    } else if (!reader.done()) reader.value();
    // The warn-date, if any, and the comma.
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
    if (/^\d+$/.test(standard)) return clamp(Number(standard) * 1000);
    const date = Date.parse(standard);
    if (!Number.isNaN(date)) return clamp(date - nowMs);
  }
  for (const name of ["x-retry-after", "x-ratelimit-reset"]) {
    const value = headers.get(name)?.trim();
    if (value !== undefined && /^\d{9,11}$/.test(value)) return clamp(Number(value) * 1000 - nowMs);
  }
  return undefined;
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
  const limit = /^\s*(\d{1,9})\s*(?:;\s*w\s*=\s*(\d{1,9}))?/.exec(
    headers.get("ratelimit-limit") ?? "",
  );
  const remaining = /^\s*(\d{1,9})/.exec(headers.get("ratelimit-remaining") ?? "");
  if (limit === null && remaining === null) return undefined;
  const source = headers.get("docker-ratelimit-source");
  return {
    ...(limit === null ? {} : { limit: Number(limit[1]) }),
    ...(remaining === null ? {} : { remaining: Number(remaining[1]) }),
    ...(limit?.[2] === undefined ? {} : { windowSeconds: Number(limit[2]) }),
    ...(source === null ? {} : { source: cleanText(source, { maxChars: 80 }) }),
  };
}
