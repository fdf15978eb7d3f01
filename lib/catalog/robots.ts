/**
 * robots.txt (RFC 9309): which paths of a site a crawler may fetch, and how
 * slowly it should. Needs no permission.
 *
 * @example
 * ```ts
 * import { parseRobots } from "./robots.ts";
 *
 * const robots = parseRobots("User-agent: *\nDisallow: /private", { agent: "wharf" });
 * robots.allows("/private/x"); // false
 * ```
 *
 * @module
 */

/** What a site asks of a crawler. */
export interface Robots {
  /**
   * Whether a path may be fetched.
   *
   * @param path Path and query, beginning with `/`.
   */
  allows(path: string): boolean;
  /** Time to wait between requests, in milliseconds, when the site names one (not in the RFC, but usual). */
  readonly crawlDelayMs?: number;
  /** Addresses of sitemaps. */
  readonly sitemaps: readonly string[];
}

/** The least that a crawler has to read (RFC 9309, 2.5). */
const MAX_CHARS = 500 * 1024;

/** Most rules that are kept. */
const MAX_RULES = 2000;

/** Longest delay that is honoured; a site that asks for more is left out by its operator, not by waiting. */
const MAX_DELAY_MS = 60_000;

interface Rule {
  readonly allow: boolean;
  readonly pattern: string;
}

interface Group {
  readonly agents: string[];
  readonly rules: Rule[];
  delayMs?: number;
}

/**
 * Parses a robots.txt.
 *
 * @param text The file; an empty one allows everything.
 * @param options The product token of the crawler, such as `wharf`, without a version.
 * @returns The rules of the groups that name the crawler, else of the groups for `*`.
 */
export function parseRobots(text: string, options: { readonly agent: string }): Robots {
  const groups: Group[] = [];
  const sitemaps: string[] = [];
  let group: Group | undefined;
  let open = false;
  for (const line of text.slice(0, MAX_CHARS).split(/\r\n|\r|\n/)) {
    const bare = line.replace(/#.*$/, "");
    const colon = bare.indexOf(":");
    if (colon === -1) continue;
    const key = bare.slice(0, colon).trim().toLowerCase();
    const value = bare.slice(colon + 1).trim();
    if (key === "user-agent") {
      // Several agents may share the rules that follow.
      if (group === undefined || !open) {
        group = { agents: [], rules: [] };
        groups.push(group);
      }
      group.agents.push(value.toLowerCase());
      open = true;
    } else if (key === "sitemap") sitemaps.push(value);
    else if (group !== undefined && readRule(group, key, value)) open = false;
  }
  const agent = options.agent.toLowerCase();
  const named = groups.filter(({ agents }) => agents.includes(agent));
  const applied = named.length > 0 ? named : groups.filter(({ agents }) => agents.includes("*"));
  const rules = applied.flatMap((one) => one.rules).slice(0, MAX_RULES);
  const delayMs = applied.map((one) => one.delayMs).find((delay) => delay !== undefined);
  return {
    allows: (path) => isAllowed(rules, path),
    sitemaps,
    ...(delayMs === undefined ? {} : { crawlDelayMs: delayMs }),
  };
}

/** Whether the line is part of a group. */
function readRule(group: Group, key: string, value: string): boolean {
  if (key === "allow" || key === "disallow") {
    // An empty rule says nothing (RFC 9309, 2.2.2).
    if (value !== "") group.rules.push({ allow: key === "allow", pattern: value });
    return true;
  }
  if (key !== "crawl-delay") return false;
  const seconds = Number(value);
  if (Number.isFinite(seconds) && seconds >= 0) {
    group.delayMs = Math.min(seconds * 1000, MAX_DELAY_MS);
  }
  return true;
}

/** The longest pattern that matches decides; of two equal ones, allow (RFC 9309, 2.2.2). */
function isAllowed(rules: readonly Rule[], path: string): boolean {
  if (path === "/robots.txt") return true;
  let best: Rule | undefined;
  for (const rule of rules) {
    if (!matches(rule.pattern, path)) continue;
    const longer = best === undefined || rule.pattern.length > best.pattern.length;
    const equal = best !== undefined && rule.pattern.length === best.pattern.length;
    if (longer || (equal && rule.allow)) best = rule;
  }
  return best?.allow ?? true;
}

/** Matches from the beginning; `*` is any text, `$` at the end the end. Greedy from the left, so linear per part. */
function matches(pattern: string, path: string): boolean {
  const anchored = pattern.endsWith("$");
  const parts = (anchored ? pattern.slice(0, -1) : pattern).split("*");
  const [first = "", ...rest] = parts;
  if (!path.startsWith(first)) return false;
  let at = first.length;
  for (const [index, part] of rest.entries()) {
    const last = index === rest.length - 1;
    if (last && anchored) return path.length - part.length >= at && path.endsWith(part);
    const found = path.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return !anchored || at === path.length;
}
