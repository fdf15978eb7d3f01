/**
 * Every command of README.md and `docs/` is run, in a world on loopback that has what they name.
 * Needs all permissions, podman and a real registry.
 *
 * @module
 */

import assert from "node:assert/strict";
import { blocksOf, commandsOf, readPages } from "./docs_text.ts";
import { openDocsWorld, WORLD_NEEDS } from "./docs_world.ts";
import { integrationTest } from "./needs.ts";

/** Commands that are not run here, each with its reason. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "npx -y deno@2.9.6 task test": "it runs this test; .ci/run runs it from a clean clone",
  "npx -y @modelcontextprotocol/inspector --cli http://127.0.0.1:8080/mcp --method tools/call --tool-name get_image_info --tool-arg image_ref=alpine":
    "fetches another project's program; serve_test.ts asks the same with the SDK's client",
  "curl -LO https://github.com/wharf/wharf/releases/latest/download/wharf-linux-x64":
    "fetches a release",
  "curl -LO https://github.com/wharf/wharf/releases/latest/download/wharf-linux-x64.sha256":
    "fetches a release",
  "sha256sum -c wharf-linux-x64.sha256":
    "checks a release that was fetched; bundle_test.ts checks a checksum of ours",
  "gh attestation verify wharf-linux-x64 --repo wharf/wharf": "asks GitHub about a release",
  "install -m 755 wharf-linux-x64 ~/.local/bin/wharf":
    "writes a release into the home directory of whoever runs the tests",
  "podman run -i --rm ghcr.io/wharf/wharf serve":
    "the image is made by a release; image_test.ts builds and starts it",
  "podman run -d --read-only --cap-drop=all -e MCP_AUTH_TOKEN -p 127.0.0.1:8080:8080 ghcr.io/wharf/wharf":
    "the image is made by a release; image_test.ts builds and starts it",
  "podman login registry.example.com": "asks for a password; the world has the file that it writes",
};

const pages = await readPages();
const blocks = blocksOf(pages, "sh");

Deno.test("the commands that are not run are in the documentation", () => {
  const written = new Set(blocks.flatMap(({ text }) => commandsOf(text)));
  for (const command of Object.keys(NOT_RUN)) assert.ok(written.has(command), command);
});

Deno.test("no command writes into the home directory of whoever runs the tests", () => {
  for (const command of blocks.flatMap(({ text }) => commandsOf(text))) {
    const [, client = ""] = /^wharf connect ([a-z-]+)/.exec(command) ?? [];
    const isMoved = ["", "claude-code", "codex", "gemini"].includes(client);
    const writes = !command.includes("--dry-run") && !Object.hasOwn(NOT_RUN, command);
    assert.ok(isMoved || !writes, `${command}: add --dry-run`);
    assert.ok(!writes || !/[\s=>]~\//.test(command), command);
  }
});

integrationTest("every command of the documentation does what it says", {
  needs: WORLD_NEEDS,
}, async (t) => {
  let count = 0;
  await using world = await openDocsWorld();
  for (const [index, { page, text }] of blocks.entries()) {
    const commands = commandsOf(text).filter((command) => !Object.hasOwn(NOT_RUN, command));
    if (commands.length === 0) continue;
    await t.step(`${page}, block ${index + 1}: ${commands[0]}`, async () => {
      const { ended, output } = await world.run(commands);
      assert.equal(ended, commands.length, `${commands[ended]}\n${output}`);
      count += ended;
    });
  }
  assert.deepEqual(world.missed, []);
  const all = blocks.flatMap(({ text }) => commandsOf(text)).length;
  assert.equal(count, all - Object.keys(NOT_RUN).length);
});
