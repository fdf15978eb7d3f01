/**
 * The official conformance suite against Wharf over HTTP. Needs all permissions, and npm for the
 * suite.
 *
 * @module
 */

import assert from "node:assert/strict";
import { startWharf } from "./wharf.ts";

const SUITE = "npm:@modelcontextprotocol/conformance@0.1.16";

/** Scenarios that a server can pass without the suite's own tools, prompts and resources. */
const APPLICABLE: readonly string[] = [
  "server-initialize",
  "ping",
  "tools-list",
  "prompts-list",
  "resources-list",
  "completion-complete",
  "logging-set-level",
  "dns-rebinding-protection",
  "server-sse-polling",
  "server-sse-multiple-streams",
];

/** Those that need what only the suite's own server has, and what that is. */
const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  "tools-call-simple-text": "tool test_simple_text",
  "tools-call-image": "tool test_image_content",
  "tools-call-audio": "tool test_audio_content",
  "tools-call-embedded-resource": "tool test_embedded_resource",
  "tools-call-mixed-content": "tool test_multiple_content_types",
  "tools-call-with-logging": "tool test_tool_with_logging",
  "tools-call-error": "tool test_error_handling",
  "tools-call-with-progress": "tool test_tool_with_progress",
  "tools-call-sampling": "tool test_sampling",
  "tools-call-elicitation": "tool test_elicitation",
  "json-schema-2020-12": "tool json_schema_2020_12_tool",
  "elicitation-sep1034-defaults": "tool test_elicitation_sep1034_defaults",
  "elicitation-sep1330-enums": "tool test_elicitation_sep1330_enums",
  "resources-read-text": "resource test://static-text",
  "resources-read-binary": "resource test://static-binary",
  "resources-templates-read": "template test://template/{id}/data",
  "resources-subscribe": "subscriptions; Wharf's resources are looked up when they are read",
  "resources-unsubscribe": "subscriptions; Wharf's resources are looked up when they are read",
  "prompts-get-simple": "prompt test_simple_prompt",
  "prompts-get-with-args": "prompt test_prompt_with_arguments",
  "prompts-get-embedded-resource": "prompt test_prompt_with_embedded_resource",
  "prompts-get-with-image": "prompt test_prompt_with_image",
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

Deno.test("every server scenario of the suite is run or has a reason not to", async () => {
  const { output } = await suite(["list"]);
  const server = output.slice(
    output.indexOf("Server scenarios"),
    output.indexOf("Client scenarios"),
  );
  const names = [...server.matchAll(/^\s+- (\S+)/gm)].map((match) => match[1] ?? "");
  assert.deepEqual(names.toSorted(), [...APPLICABLE, ...Object.keys(NOT_APPLICABLE)].toSorted());
});

Deno.test("the scenarios of the conformance suite that apply pass", async (t) => {
  await using server = await startWharf();
  for (const scenario of APPLICABLE) {
    await t.step(scenario, async () => {
      const { code, output } = await suite([
        "server",
        "--url",
        server.mcp.href,
        "--scenario",
        scenario,
      ]);
      assert.equal(code, 0, output.slice(-2000));
      assert.match(output, /0 failed/);
    });
  }
});
