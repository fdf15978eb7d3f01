/**
 * Line coverage per folder of `lib`, read from LCOV, and the folders that must not fall below a
 * share. Needs no permission.
 *
 * @module
 */

/** Covered and coverable lines. */
export interface Share {
  /** Lines that a test ran. */
  readonly hit: number;
  /** Lines that could run. */
  readonly found: number;
}

/** One row of the report. */
export interface FolderCoverage extends Share {
  /** `lib/oci`, `lib` for its own files, or `all`. */
  readonly folder: string;
  /** Least share of lines in percent, where the folder has one. */
  readonly leastPercent?: number;
}

/**
 * Least share of lines in percent. `lib/host` has none and does not count in `all`: its code is
 * effects, which unit tests may not have; the integration tests run it.
 */
export const LEAST_PERCENT: Readonly<Record<string, number>> = {
  "lib/oci": 90,
  "lib/catalog": 90,
  "lib/gateway": 90,
  "all": 85,
};

const WITHOUT_UNIT_TESTS = "lib/host";

/**
 * Adds up an LCOV report by folder.
 *
 * @param lcov The report, as `deno coverage --lcov` writes it.
 * @param root Path of the repository with a closing slash, as the report writes it.
 * @returns A row per folder in alphabetical order, then `all`.
 */
export function coverageByFolder(lcov: string, root: string): readonly FolderCoverage[] {
  const rows = new Map<string, Share>();
  let all: Share = { hit: 0, found: 0 };
  for (const record of lcov.split("end_of_record")) {
    const source = /^SF:(.+)$/m.exec(record)?.[1]?.replaceAll("\\", "/") ?? "";
    const prefix = `${root}lib/`;
    if (!source.startsWith(prefix)) continue;
    const inside = source.slice(prefix.length).split("/");
    const share = { hit: number(record, "LH"), found: number(record, "LF") };
    const folder = inside.length === 1 ? "lib" : `lib/${inside[0]}`;
    rows.set(folder, plus(rows.get(folder), share));
    if (folder !== WITHOUT_UNIT_TESTS) all = plus(all, share);
  }
  return [...[...rows].sort(([a], [b]) => a < b ? -1 : 1), ["all", all] as const]
    .map(([folder, share]) => {
      const leastPercent = LEAST_PERCENT[folder];
      return { folder, ...share, ...(leastPercent === undefined ? {} : { leastPercent }) };
    });
}

/**
 * Covered lines in percent.
 *
 * @param share Lines hit and found; nothing to cover is fully covered.
 */
export function percent(share: Share): number {
  return share.found === 0 ? 100 : share.hit / share.found * 100;
}

/**
 * Whether a folder has fallen below its least share.
 *
 * @param row A row of the report.
 */
export function isTooLow(row: FolderCoverage): boolean {
  return row.leastPercent !== undefined && percent(row) < row.leastPercent;
}

/**
 * The report for people.
 *
 * @param rows The rows.
 * @returns One line each.
 */
export function formatCoverage(rows: readonly FolderCoverage[]): readonly string[] {
  return rows.map((row) => {
    const least = row.leastPercent === undefined ? "" : `  least ${row.leastPercent} %`;
    const verdict = isTooLow(row) ? "  TOO LOW" : "";
    return `${row.folder.padEnd(14)}${percent(row).toFixed(1).padStart(6)} % of ${
      String(row.found).padStart(5)
    } lines${least}${verdict}`;
  });
}

function plus(a: Share | undefined, b: Share): Share {
  return { hit: (a?.hit ?? 0) + b.hit, found: (a?.found ?? 0) + b.found };
}

function number(record: string, key: string): number {
  return Number(new RegExp(`^${key}:(\\d+)$`, "m").exec(record)?.[1] ?? 0);
}
