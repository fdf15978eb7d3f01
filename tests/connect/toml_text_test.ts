/**
 * Tests of lib/connect/toml_text.ts through lib/connect/edit.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { loadToml } from "../../lib/connect/toml_text.ts";
import { connected, problem, removed } from "./texts.ts";
import { tomlDocument } from "./toml_texts.ts";

const format = await loadToml();
const target = { format, path: { map: "mcp_servers", name: "wharf" } };
const entry = { command: "/usr/local/bin/wharf", args: ["--toolsets", "oci"] };

Deno.test("connect and remove leave every byte of a TOML file as it was", () => {
  fc.assert(
    fc.property(tomlDocument, (text) => {
      const written = connected(text, target, entry);
      assert.equal(removed(written, target, [text]), text);
      assert.equal(removed(written, target), text);
    }),
    { seed: 20261121, numRuns: 1500 },
  );
});

const BLOCK = `[mcp_servers.wharf]
command = "/usr/local/bin/wharf"
args = ["--toolsets", "oci"]
`;

Deno.test("connect appends a table, one blank line after what is there", () => {
  assert.equal(connected(undefined, target, entry), BLOCK);
  assert.equal(connected("", target, entry), BLOCK);
  const text = 'model = "o3" # mine\n\n[mcp_servers.other]\ncommand = "x"\n';
  assert.equal(connected(text, target, entry), `${text}\n${BLOCK}`);
  assert.equal(connected("a = 1", target, entry), `a = 1\n\n${BLOCK.trimEnd()}`);
  assert.equal(
    connected("a = 1\r\n", target, entry),
    `a = 1\n\n${BLOCK}`.replaceAll("\n", "\r\n"),
  );
});

Deno.test("connect replaces an entry in each form that TOML has", () => {
  const forms: Readonly<Record<string, readonly [before: string, after: string]>> = {
    "a table with a table below it": [
      '# top\n[mcp_servers.wharf]\ncommand = "old"\n# in it\n[mcp_servers.wharf.env]\nA = "b"\n# below\n[z]\n',
      `# top\n${BLOCK}# below\n[z]\n`,
    ],
    "a table at the end, without a line end": [
      '[mcp_servers.wharf]\ncommand = "old"',
      BLOCK.trimEnd(),
    ],
    "quoted keys": ['["mcp_servers" . \'wharf\']\nurl = "old"\n[z]\n', `${BLOCK}[z]\n`],
    "an inline table in a table": [
      '[mcp_servers]\nwharf = { command = "old" } # mine\nother = { command = "x" }\n',
      '[mcp_servers]\nwharf = { command = "/usr/local/bin/wharf", args = ["--toolsets", "oci"] } # mine\nother = { command = "x" }\n',
    ],
    "an inline table in an inline table": [
      'mcp_servers = { wharf = { command = "}" }, other = { command = "x" } }\n',
      'mcp_servers = { wharf = { command = "/usr/local/bin/wharf", args = ["--toolsets", "oci"] }, other = { command = "x" } }\n',
    ],
    "dotted keys": [
      'mcp_servers.wharf.command = "old"\na = 1\nmcp_servers.wharf.args = [\n  "x",\n]\n[z]\n',
      `a = 1\n[z]\n\n${BLOCK}`,
    ],
    "dotted keys in a table": [
      '[mcp_servers]\nwharf.command = "old"\nother.command = "x"\n',
      `[mcp_servers]\nother.command = "x"\n\n${BLOCK}`,
    ],
    "tables that are apart": [
      '[mcp_servers.wharf.env]\nA = "b"\n[z]\n[mcp_servers.wharf]\ncommand = "old"\n',
      `[z]\n\n${BLOCK}`,
    ],
    "lists of tables below it": [
      '[mcp_servers.wharf]\ncommand = "old"\n[[mcp_servers.wharf.list]]\na = 1\n[[mcp_servers.wharf.list]]\na = 2\n[z]\n',
      `${BLOCK}[z]\n`,
    ],
  };
  for (const [name, [before, after]] of Object.entries(forms)) {
    assert.equal(connected(before, target, entry), after, name);
    assert.equal(connected(after, target, entry), after, name);
  }
});

Deno.test("remove takes out each form, and the comments of others stay", () => {
  const forms: Readonly<Record<string, readonly [before: string, after: string]>> = {
    "a table between others": [
      `a = 1\n\n# mine\n${BLOCK}\n# z\n[z]\n`,
      "a = 1\n\n# mine\n\n# z\n[z]\n",
    ],
    "a table with its table": [`${BLOCK}\n[mcp_servers.wharf.env]\nA = "b"\n\n[z]\n`, "\n[z]\n"],
    "the first of an inline table": [
      "mcp_servers = { wharf = { a = 1 }, other = { b = 2 } }\n",
      "mcp_servers = { other = { b = 2 } }\n",
    ],
    "dotted parts of an inline table": [
      'mcp_servers = { wharf.command = "x", other = { b = 2 }, wharf.args = ["y"] }\n',
      "mcp_servers = { other = { b = 2 } }\n",
    ],
    "dotted keys": ['mcp_servers.wharf.command = "x"\na = 1\n', "a = 1\n"],
  };
  for (const [name, [before, after]] of Object.entries(forms)) {
    assert.equal(removed(before, target), after, name);
  }
});

Deno.test("connect writes a path of Windows so that it can be read, and every other text safely", () => {
  const args = ['a"b', "tab\t\u007f", "it's \\ here", "Ü 🚢"];
  const written = connected(undefined, target, { command: "C:\\Program Files\\wharf.exe", args });
  assert.equal(
    written,
    "[mcp_servers.wharf]\ncommand = 'C:\\Program Files\\wharf.exe'\n" +
      'args = ["a\\"b", "tab\\t\\u007f", "it\'s \\\\ here", "Ü 🚢"]\n',
  );
});

Deno.test("connect leaves a TOML file as it is that is broken or has another meaning", () => {
  const texts: Readonly<Record<string, RegExp>> = {
    'a = "open\nb = 1': /^is not valid TOML \(.+\) at 1:/,
    "a = 1\na = 2\n": /^is not valid TOML \(.+\) at 2:1$/,
    "[mcp_servers\n": /^is not valid TOML/,
    "mcp_servers = 1\n": /^has something else than a table in "mcp_servers"$/,
    "[[mcp_servers]]\nname = 'x'\n": /^has something else than a table in "mcp_servers"$/,
    // An inline table cannot be added to by halves.
    'mcp_servers = { wharf.command = "x", wharf.args = [] }\n': /only a person/,
  };
  for (const [text, expected] of Object.entries(texts)) {
    assert.match(problem(text, target, entry), expected, text);
  }
  // What a secret line says is in no message.
  assert.doesNotMatch(problem('token = "s3cret\n', target, entry), /s3cret/);
});

Deno.test("conceal() hides what other entries say, and keeps the lines", () => {
  const text = `key = "s3cret" # s3cret too
list = ["s3cret", """
s3cret
"""]
[mcp_servers.other.env]
"quoted key" = 's3cret'
[mcp_servers.wharf]
command = "/bin/wharf" # s3cret
args = ["--auth-token", "s3cret", "--api-key=s3cret", "plain"]
env = { A = "s3cret" }
url = "https://user:s3cret@host/"
bearer_token_env_var = "MCP_AUTH_TOKEN"
[mcp_servers.wharf.http_headers]
X = "s3cret"
`;
  const opened = format.open(text, target.path);
  assert.ok("conceal" in opened);
  const shown = opened.conceal();
  assert.doesNotMatch(shown, /s3cret/);
  assert.equal(shown.split("\n").length, text.split("\n").length);
  for (const part of ['"/bin/wharf"', '"plain"', '"MCP_AUTH_TOKEN"', "quoted key"]) {
    assert.ok(shown.includes(part), part);
  }
});
