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

Deno.test("connect changes an entry in each form that TOML has, and keeps what was added to it", () => {
  const args = 'args = ["--toolsets", "oci"]';
  const command = 'command = "/usr/local/bin/wharf"';
  const forms: Readonly<Record<string, readonly [before: string, after: string]>> = {
    "a table with a table below it": [
      '# top\n[mcp_servers.wharf]\n  command = "old" # here\n# in it\ntimeout = 1.0\n[mcp_servers.wharf.env]\nA = "b"\n# below\n[z]\n',
      `# top\n[mcp_servers.wharf]\n  ${command} # here\n# in it\ntimeout = 1.0\n${args}\n[mcp_servers.wharf.env]\nA = "b"\n# below\n[z]\n`,
    ],
    "another way to reach it": [
      '[mcp_servers.wharf]\nurl = "old"\nbearer_token_env_var = "T"\nenabled = false\n[mcp_servers.wharf.http_headers]\nA = "b"\n[mcp_servers.wharf.tools.x]\na = 1\n',
      `[mcp_servers.wharf]\nenabled = false\n${command}\n${args}\n[mcp_servers.wharf.tools.x]\na = 1\n`,
    ],
    "a table at the end, without a line end": [
      '[mcp_servers.wharf]\nurl = "old"',
      `[mcp_servers.wharf]\n${command}\n${args}\n`,
    ],
    "a table that ends with the text": [
      '[mcp_servers.wharf]\ncommand = "old"',
      `[mcp_servers.wharf]\n${command}\n${args}`,
    ],
    "quoted keys": [
      '["mcp_servers" . \'wharf\']\n"command" = "old"\n[z]\n',
      `["mcp_servers" . 'wharf']\n"command" = "/usr/local/bin/wharf"\n${args}\n[z]\n`,
    ],
    "an inline table in a table": [
      '[mcp_servers]\nwharf = { command = "old", "env" = { A = "b" } } # mine\nother = { command = "x" }\n',
      `[mcp_servers]\nwharf = { ${command}, ${args}, "env" = { A = "b" } } # mine\nother = { command = "x" }\n`,
    ],
    "an inline table in an inline table": [
      'mcp_servers = { wharf = { url = "}", timeout = 1 }, other = { command = "x" } }\n',
      `mcp_servers = { wharf = { ${command}, ${args}, timeout = 1 }, other = { command = "x" } }\n`,
    ],
    "dotted keys": [
      'mcp_servers.wharf.command = "old"\na = 1\nmcp_servers.wharf.env.A = "b"\n[z]\n',
      `mcp_servers.wharf.${command}\nmcp_servers.wharf.${args}\na = 1\nmcp_servers.wharf.env.A = "b"\n[z]\n`,
    ],
    "dotted keys in a table": [
      '[mcp_servers]\n  wharf.args = [\n    "x",\n  ] # list\nother.command = "x"\n',
      `[mcp_servers]\n  wharf.${args} # list\n  wharf.${command}\nother.command = "x"\n`,
    ],
    "a table below it that comes first": [
      '[mcp_servers.wharf.env]\nA = "b"\n[z]\n[mcp_servers.wharf]\ncommand = "old"\n',
      `[mcp_servers.wharf.env]\nA = "b"\n[z]\n[mcp_servers.wharf]\n${command}\n${args}\n`,
    ],
    "only a table below it": [
      '[mcp_servers.wharf.env]\nA = "b"\n',
      `[mcp_servers.wharf.env]\nA = "b"\n\n${BLOCK}`,
    ],
    "lists of tables below it": [
      '[mcp_servers.wharf]\ncommand = "old"\n[[mcp_servers.wharf.list]]\na = 1\n[[mcp_servers.wharf.list]]\na = 2\n[z]\n',
      `[mcp_servers.wharf]\n${command}\n${args}\n[[mcp_servers.wharf.list]]\na = 1\n[[mcp_servers.wharf.list]]\na = 2\n[z]\n`,
    ],
    "no table at all": [
      "[mcp_servers]\nwharf = 1 # what\n",
      `[mcp_servers]\nwharf = { ${command}, ${args} } # what\n`,
    ],
    "a list of tables": ["[[mcp_servers.wharf]]\na = 1\n", BLOCK],
    "parts of another kind": [
      '[mcp_servers.wharf]\nenabled = true\n[mcp_servers.wharf.args]\nA = "b"\n',
      `[mcp_servers.wharf]\nenabled = true\n${command}\n${args}\n`,
    ],
  };
  for (const [name, [before, after]] of Object.entries(forms)) {
    assert.equal(connected(before, target, entry), after, name);
    assert.equal(connected(after, target, entry), after, name);
    const windows = before.replaceAll("\n", "\r\n");
    if (before.endsWith("\n")) {
      assert.equal(connected(windows, target, entry), after.replaceAll("\n", "\r\n"), name);
    }
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
