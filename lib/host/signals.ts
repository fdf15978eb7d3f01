/**
 * The wish of a person or a service manager that Wharf ends. Needs no permission.
 *
 * @module
 */

import type { Clock } from "../core/host.ts";

/** Exit code of a process that SIGINT ended, as shells count it. */
const INTERRUPTED = 130;

/** A terminal signals every process of a group, and what started this one passes it on again. */
const SAME_WISH_MS = 500;

/**
 * Aborts at the first SIGINT or SIGTERM. Another one ends the process at once, unless it comes with
 * the first.
 *
 * @param clock Tells the two apart.
 */
export function stopSignal(clock: Pick<Clock, "now">): AbortSignal {
  const controller = new AbortController();
  const stop = stopper(clock, { begin: () => controller.abort(), end: Deno.exit });
  Deno.addSignalListener("SIGINT", stop);
  // Windows knows SIGINT and SIGBREAK only.
  Deno.addSignalListener(Deno.build.os === "windows" ? "SIGBREAK" : "SIGTERM", stop);
  return controller.signal;
}

/**
 * What a signal does.
 *
 * @param clock Tells a second wish from an echo of the first.
 * @param ways How to begin to end, and how to end at once, with an exit code.
 * @returns To be called at each signal.
 */
export function stopper(
  clock: Pick<Clock, "now">,
  ways: { readonly begin: () => void; readonly end: (code: number) => void },
): () => void {
  let first: number | undefined;
  return () => {
    const now = clock.now();
    if (first === undefined) {
      first = now;
      ways.begin();
    } else if (now - first >= SAME_WISH_MS) ways.end(INTERRUPTED);
  };
}
