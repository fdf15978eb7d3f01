/**
 * What this process has of the machine's memory. Needs no permission.
 *
 * @module
 */

import type { MemoryUse } from "../core/host.ts";

/** Looks it up. */
export function memoryUse(): MemoryUse {
  const { rss, heapUsed } = Deno.memoryUsage();
  return { residentBytes: rss, heapBytes: heapUsed };
}
