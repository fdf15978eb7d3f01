/**
 * What `wharf --version` says. Needs no permission.
 *
 * @example
 * ```ts
 * import { versionText } from "./version.ts";
 *
 * versionText({ version: "1.2.3", deno: "2.9.6", target: "aarch64-apple-darwin", build: undefined });
 * // "wharf 1.2.3 (from source; deno 2.9.6, aarch64-apple-darwin)"
 * ```
 *
 * @module
 */

/** What a binary or bundle was built of; `tools/bundle.ts` puts it in. */
export interface BuildFacts {
  /** The commit, as git writes it; `-dirty` follows where files differed from it. */
  readonly commit: string;
  /** The day, `YYYY-MM-DD` in UTC. */
  readonly date: string;
}

/** What a version line tells. */
export interface VersionFacts {
  /** Wharf's version. */
  readonly version: string;
  /** What was built, or `undefined` where the source is run. */
  readonly build: BuildFacts | undefined;
  /** Deno's version. */
  readonly deno: string;
  /** The platform, as Deno names it. */
  readonly target: string;
}

/** Digits of a commit that people compare. */
const COMMIT_DIGITS = 12;

/**
 * The version in one line.
 *
 * @returns Such as `wharf 1.2.3 (commit 0123456789ab, built 2026-11-21; deno 2.9.6, …)`.
 */
export function versionText({ version, build, deno, target }: VersionFacts): string {
  const origin = build === undefined
    ? "from source"
    : `commit ${shortened(build.commit)}, built ${build.date}`;
  return `wharf ${version} (${origin}; deno ${deno}, ${target})`;
}

/** Keeps the remark that the tree was changed. */
function shortened(commit: string): string {
  const dash = commit.indexOf("-");
  const [digits, remark] = dash === -1 ? [commit, ""] : [commit.slice(0, dash), commit.slice(dash)];
  return `${digits.slice(0, COMMIT_DIGITS)}${remark}`;
}
