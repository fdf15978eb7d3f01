/**
 * The official conformance suite, run as its users run it: all server scenarios against one
 * address, with what each of them found. Needs all permissions, and npm for the suite.
 *
 * @example
 * ```ts ignore
 * const results = await runServerScenarios(new URL("http://127.0.0.1:8080/mcp"));
 * results.get("ping")?.failed; // 0
 * ```
 *
 * @module
 */

import assert from "node:assert/strict";

const SUITE = "npm:@modelcontextprotocol/conformance@0.1.16";

/** All scenarios take a second; one that gets no answer takes the SDK's minute. */
const TIMEOUT_MS = 240_000;

/** Scenarios in which the suite warns of a server that it asks directly, how often, and why. */
export const WARNED: Readonly<Record<string, { readonly warnings: number; readonly why: string }>> =
  {
    "server-sse-polling": {
      warnings: 2,
      why:
        "the suite says that it speaks 2025-03-26, which has no events to begin a stream with, " +
        "so that the SDK sends none",
    },
  };

/** What a scenario found. */
export interface ScenarioResult {
  /** Checks that it made. */
  readonly passed: number;
  /** Checks that failed: with one, the scenario has failed. */
  readonly failed: number;
  /** Checks of what a server should do, not must. */
  readonly warnings: number;
  /** What failed and was warned of, in the suite's words. */
  readonly reasons: readonly string[];
}

interface Check {
  readonly status: string;
  readonly description: string;
  readonly errorMessage?: string;
}

/**
 * Runs every scenario for servers, one after the other.
 *
 * @param url The server; the suite wants it on loopback.
 * @returns What each scenario found, in the suite's order.
 */
export async function runServerScenarios(
  url: URL,
): Promise<ReadonlyMap<string, ScenarioResult>> {
  return await withFolder(async (folder) => {
    const output = await suite(
      ["server", "--suite", "all", "--url", url.href, "--output-dir", `${folder}/results`],
      folder,
    );
    const results = new Map<string, ScenarioResult>();
    for (const [, name = "", saved = ""] of output.matchAll(RUN)) {
      results.set(name, resultOf(JSON.parse(await Deno.readTextFile(`${saved}/checks.json`))));
    }
    assert.ok(results.size > 0, output.slice(-2000));
    return results;
  });
}

/** A scenario's heading, and the folder that its checks are in. */
const RUN = /^=== Running scenario: (\S+) ===\n(?:.*\n)*?Results saved to (.+)$/gm;

/** Names of all scenarios for servers, as the suite lists them. */
export async function serverScenarios(): Promise<readonly string[]> {
  const output = await withFolder((folder) => suite(["list", "--server"], folder));
  return [...output.matchAll(/^\s+- (\S+)/gm)].map((match) => match[1] ?? "");
}

/**
 * Runs the suite.
 *
 * @param args Its command line.
 * @param cwd Where it may write.
 * @returns All that it wrote.
 */
export async function suite(args: readonly string[], cwd: string): Promise<string> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), TIMEOUT_MS);
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", "--no-lock", "--no-config", SUITE, ...args],
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
      signal: late.signal,
    }).output();
    const decoder = new TextDecoder();
    return decoder.decode(stdout) + decoder.decode(stderr);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs something with a folder that is gone afterwards. */
export async function withFolder<Result>(
  body: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await Deno.makeTempDir({ prefix: "wharf-conformance-" });
  try {
    return await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function resultOf(checks: readonly Check[]): ScenarioResult {
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  return {
    passed: count("SUCCESS"),
    failed: count("FAILURE"),
    warnings: count("WARNING"),
    reasons: checks
      .filter(({ status }) => status === "FAILURE" || status === "WARNING")
      .map(({ description, errorMessage }) => errorMessage ?? description),
  };
}
