/**
 * Makes one run of many calls: a server that announces a change a thousand times is asked once.
 * Needs no permission.
 *
 * @module
 */

import type { Clock } from "./host.ts";

/** How a {@linkcode Burst} behaves. */
export interface BurstOptions<Item> {
  /** Measures the waits. */
  readonly clock: Clock;
  /** Time from the first call to the run, in milliseconds. @default {100} */
  readonly delayMs?: number;
  /** Time from the end of one run to the next, in milliseconds. @default {1000} */
  readonly spacingMs?: number;
  /**
   * Does the work; must not reject.
   *
   * @param items What was added since the last run, each once.
   * @param signal Aborts when the burst is disposed of.
   */
  run(items: ReadonlySet<Item>, signal: AbortSignal): Promise<void>;
}

/** Collects calls, and runs once for all of them. Disposing it drops what waits. */
export class Burst<Item> implements Disposable {
  readonly #options: BurstOptions<Item>;
  readonly #over = new AbortController();
  #items = new Set<Item>();
  #isRunning = false;

  /** @param options What to run, and when. */
  constructor(options: BurstOptions<Item>) {
    this.#options = options;
  }

  /**
   * Asks for a run.
   *
   * @param item What it is for.
   */
  add(item: Item): void {
    if (this.#over.signal.aborted) return;
    this.#items.add(item);
    if (!this.#isRunning) void this.#run();
  }

  [Symbol.dispose](): void {
    this.#items.clear();
    this.#over.abort();
  }

  async #run(): Promise<void> {
    const { clock, delayMs = 100, spacingMs = 1_000 } = this.#options;
    const { signal } = this.#over;
    this.#isRunning = true;
    try {
      await clock.sleep(delayMs, signal);
      while (this.#items.size > 0) {
        const items = this.#items;
        this.#items = new Set();
        await this.#options.run(items, signal);
        await clock.sleep(spacingMs, signal);
      }
    } catch {
      // It was disposed of.
    }
    this.#isRunning = false;
  }
}
