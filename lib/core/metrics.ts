/**
 * Counters, gauges and histograms, and their text for Prometheus (its text format 0.0.4). Labels
 * are for names that Wharf or its operator chose, never for what callers send; where there are too
 * many all the same, the rest counts as `other`. Needs no permission.
 *
 * @example
 * ```ts
 * import { Metrics } from "./metrics.ts";
 *
 * const metrics = new Metrics();
 * const requests = metrics.counter("wharf_requests_total", "Requests", ["route"]);
 * requests.add({ route: "/mcp" });
 * metrics.text(); // "# HELP wharf_requests_total Requests\n# TYPE …"
 * ```
 *
 * @module
 */

/** The labels of one sample. */
export type Labels<Name extends string> = Readonly<Record<Name, string>>;

/** A number that only grows. */
export interface Counter<Name extends string> {
  /**
   * Adds to it.
   *
   * @param labels Which of its samples.
   * @param amount Not below 0. @default {1}
   */
  add(labels: Labels<Name>, amount?: number): void;
}

/** A number that is set. */
export interface Gauge<Name extends string> {
  /** Sets one of its samples. */
  set(labels: Labels<Name>, value: number): void;
}

/** How often values fell below bounds. */
export interface Histogram<Name extends string> {
  /** Takes a value. */
  observe(labels: Labels<Name>, value: number): void;
}

/** Samples of one metric; past it they count as `other`. */
const MAX_SAMPLES = 200;

/** The label of what is one too many. */
const OTHER = "other";

const MAX_LABEL_CHARS = 120;

/** Bounds for times in seconds, from a cache's to a container's. */
const TIME_BOUNDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Metrics by name, in the order in which they were made. */
export class Metrics {
  readonly #families: { readonly name: string; lines(): readonly string[] }[] = [];

  /**
   * Makes a counter.
   *
   * @param name By Prometheus's custom it ends in `_total`.
   * @param help One line.
   * @param labels Names of its labels. @default none
   */
  counter<const Name extends string = never>(
    name: string,
    help: string,
    labels: readonly Name[] = [],
  ): Counter<Name> {
    const samples = new Samples(labels, () => ({ value: 0 }));
    this.#add(name, { help, type: "counter" }, () => valueLines(name, samples));
    return {
      add(given, amount = 1) {
        samples.of(given).value += amount;
      },
    };
  }

  /**
   * Makes a gauge that is set.
   *
   * @param name Its name.
   * @param help One line.
   * @param labels Names of its labels. @default none
   */
  gauge<const Name extends string = never>(
    name: string,
    help: string,
    labels: readonly Name[] = [],
  ): Gauge<Name> {
    const samples = new Samples(labels, () => ({ value: 0 }));
    this.#add(name, { help, type: "gauge" }, () => valueLines(name, samples));
    return {
      set(given, value) {
        samples.of(given).value = value;
      },
    };
  }

  /**
   * Makes a gauge that is looked up when it is asked for.
   *
   * @param name Its name.
   * @param help One line.
   * @param read Gives its value.
   */
  reading(name: string, help: string, read: () => number): void {
    this.#add(name, { help, type: "gauge" }, () => [`${name} ${numberText(read())}`]);
  }

  /**
   * Makes a histogram of times in seconds.
   *
   * @param name By Prometheus's custom it ends in `_seconds`.
   * @param help One line.
   * @param labels Names of its labels. @default none
   */
  histogram<const Name extends string = never>(
    name: string,
    help: string,
    labels: readonly Name[] = [],
  ): Histogram<Name> {
    const samples = new Samples(labels, () => ({
      counts: TIME_BOUNDS.map(() => 0),
      count: 0,
      sum: 0,
    }));
    this.#add(
      name,
      { help, type: "histogram" },
      () =>
        samples.all().flatMap(([text, { counts, count, sum }]) => [
          ...TIME_BOUNDS.map((bound, index) =>
            `${name}_bucket${braced(text, `le="${bound}"`)} ${counts[index]}`
          ),
          `${name}_bucket${braced(text, 'le="+Inf"')} ${count}`,
          `${name}_sum${braced(text)} ${numberText(sum)}`,
          `${name}_count${braced(text)} ${count}`,
        ]),
    );
    return {
      observe(given, value) {
        const sample = samples.of(given);
        sample.count++;
        sample.sum += value;
        for (const [index, bound] of TIME_BOUNDS.entries()) {
          if (value <= bound) sample.counts[index] = (sample.counts[index] ?? 0) + 1;
        }
      },
    };
  }

  /** All of it, as Prometheus reads it. */
  text(): string {
    return this.#families.flatMap(({ lines }) => lines()).map((line) => `${line}\n`).join("");
  }

  #add(
    name: string,
    { help, type }: { readonly help: string; readonly type: string },
    lines: () => readonly string[],
  ): void {
    const head = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    this.#families.push({ name, lines: () => [...head, ...lines()] });
  }
}

/** The samples of one metric, by the text of their labels. */
class Samples<Name extends string, Sample> {
  readonly #names: readonly Name[];
  readonly #make: () => Sample;
  readonly #samples = new Map<string, Sample>();

  constructor(names: readonly Name[], make: () => Sample) {
    this.#names = names;
    this.#make = make;
  }

  of(labels: Readonly<Record<Name, string>>): Sample {
    const text = this.#text((name) => labels[name]);
    const found = this.#samples.get(text);
    if (found !== undefined) return found;
    const key = this.#samples.size < MAX_SAMPLES ? text : this.#text(() => OTHER);
    const sample = this.#samples.get(key) ?? this.#make();
    this.#samples.set(key, sample);
    return sample;
  }

  all(): readonly (readonly [string, Sample])[] {
    return [...this.#samples];
  }

  #text(value: (name: Name) => string): string {
    return this.#names.map((name) => `${name}="${escaped(value(name))}"`).join(",");
  }
}

function valueLines<Name extends string>(
  name: string,
  samples: Samples<Name, { readonly value: number }>,
): readonly string[] {
  return samples.all().map(([text, { value }]) => `${name}${braced(text)} ${numberText(value)}`);
}

function braced(...parts: readonly string[]): string {
  const inner = parts.filter((part) => part !== "").join(",");
  return inner === "" ? "" : `{${inner}}`;
}

function escaped(value: string): string {
  return value.slice(0, MAX_LABEL_CHARS).replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}
