import assert from "node:assert/strict";
import { configKeyNeed, readClientConfig } from "../../../lib/catalog/sources/client_config.ts";

Deno.test("readClientConfig() reads the block with and without outer braces", () => {
  const inner =
    `"mcpServers": { "a": { "command": "npx", "args": ["-y", "@acme/a", 7], "env": { "ACME_KEY": "k", "MODE": 1, "X": {} } } }`;
  for (const text of [`{ ${inner} }`, inner, `// remark\n{ ${inner}, }`]) {
    const { packages, remotes } = readClientConfig(text);
    assert.deepEqual(remotes, []);
    assert.equal(packages[0]?.identifier, "@acme/a", text);
    assert.deepEqual(packages[0]?.args, [{ value: "7" }]);
    assert.deepEqual(
      packages[0]?.settings?.map(({ name, secret, example }) => [name, secret, example]),
      [
        ["ACME_KEY", true, undefined],
        ["MODE", false, "1"],
        ["X", false, undefined],
      ],
    );
  }
});

Deno.test("readClientConfig() reads remotes and the names of their headers", () => {
  const text = JSON.stringify({
    mcp: {
      servers: {
        a: {
          type: "http",
          url: "https://a.example/mcp",
          headers: { Authorization: "Bearer abc", "X-Mode": "1" },
        },
        b: { serverUrl: "https://b.example/sse" },
        c: { command: "uvx", args: ["mcp-remote"] },
      },
    },
  });
  const { remotes } = readClientConfig(text);
  assert.deepEqual(remotes.map(({ url, type }) => [url, type]), [
    ["https://a.example/mcp", "streamable-http"],
    ["https://b.example/sse", "sse"],
  ]);
  assert.deepEqual(remotes[0]?.settings, [
    { name: "Authorization", kind: "header", required: true, secret: true },
    { name: "X-Mode", kind: "header", required: false, secret: false },
  ]);
});

Deno.test("readClientConfig() reads a server without a list, and a command in one word", () => {
  assert.equal(readClientConfig(`{"command": "uvx acme-a"}`).packages[0]?.identifier, "acme-a");
  assert.equal(
    readClientConfig(`{"a": {"command": "docker", "args": ["run", "-i", "acme/a"]}}`).packages[0]
      ?.identifier,
    "acme/a",
  );
});

Deno.test("readClientConfig() finds nothing in other blocks", () => {
  for (
    const text of [
      "npm install",
      `{"name": "x"}`,
      `"command": broken`,
      `{"mcpServers": []}`,
      `{"mcpServers": {"a": "x", "b": {"command": 7}, "c": {"command": "node"}}}`,
      `{"command": "x", "deep": ${"[".repeat(40)}${"]".repeat(40)}}`,
    ]
  ) assert.deepEqual(readClientConfig(text), { packages: [], remotes: [] }, text.slice(0, 40));
});

Deno.test("configKeyNeed() takes a key in an example for a wanted one", () => {
  const config = readClientConfig(`{"a": {"command": "npx", "args": ["a"], "env": {"A_KEY": ""}}}`);
  assert.deepEqual(configKeyNeed(config), {
    value: true,
    evidence: "its example configuration sets A_KEY",
  });
  assert.equal(
    configKeyNeed(readClientConfig(`{"command": "npx", "args": ["a"]}`))?.value,
    "unknown",
  );
  assert.equal(configKeyNeed({ packages: [], remotes: [] }), undefined);
});
