/**
 * The official conformance suite against what Wharf reaches remote servers with: sessions, streams
 * that are resumed, and signing in at the suite's own authorization servers. Needs all
 * permissions, and npm for the suite.
 *
 * @module
 */

import assert from "node:assert/strict";

const SUITE = "npm:@modelcontextprotocol/conformance@0.1.16";
const CHILD = new URL("./remote_client_child.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Scenarios for a client that Wharf has to pass. */
const APPLICABLE: readonly string[] = [
  "initialize",
  "tools_call",
  "sse-retry",
  "auth/metadata-default",
  "auth/metadata-var1",
  "auth/metadata-var2",
  "auth/metadata-var3",
  "auth/scope-from-www-authenticate",
  "auth/scope-from-scopes-supported",
  "auth/scope-omitted-when-undefined",
  "auth/scope-step-up",
  "auth/scope-retry-limit",
  "auth/token-endpoint-auth-basic",
  "auth/token-endpoint-auth-post",
  "auth/token-endpoint-auth-none",
  "auth/pre-registration",
  "auth/2025-03-26-oauth-metadata-backcompat",
  "auth/2025-03-26-oauth-endpoint-fallback",
  "auth/resource-mismatch",
  "auth/offline-access-scope",
  "auth/offline-access-not-supported",
];

/** Those that are about something else, and why. */
const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  "elicitation-sep1034-client-defaults": "questions are passed on to Wharf's own client",
  "auth/basic-cimd": "a program that people install has no web site for its metadata",
  "auth/client-credentials-jwt": "an extension for clients without a person",
  "auth/client-credentials-basic": "an extension for clients without a person",
  "auth/cross-app-access-complete-flow": "an extension for enterprises",
};

async function suite(args: readonly string[]): Promise<{ code: number; output: string }> {
  const directory = await Deno.makeTempDir({ prefix: "wharf-conformance-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", "--no-lock", "--no-config", SUITE, ...args],
      cwd: directory,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("every client scenario of the suite is run or has a reason not to", async () => {
  const { output } = await suite(["list"]);
  const client = output.slice(output.indexOf("Client scenarios"));
  const names = [...client.matchAll(/^\s+- (\S+)/gm)].map((match) => match[1] ?? "");
  assert.deepEqual(names.toSorted(), [...APPLICABLE, ...Object.keys(NOT_APPLICABLE)].toSorted());
});

Deno.test("remote servers are reached and signed in to as the conformance suite has it", async (t) => {
  const command = `"${Deno.execPath()}" run -A -q --no-check --config "${CONFIG}" "${CHILD}"`;
  for (const scenario of APPLICABLE) {
    await t.step(scenario, async () => {
      const { code, output } = await suite([
        "client",
        "--command",
        command,
        "--scenario",
        scenario,
      ]);
      assert.equal(code, 0, output.slice(-2000));
      assert.match(output, /Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/);
    });
  }
});
