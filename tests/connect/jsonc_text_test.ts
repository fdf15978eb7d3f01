/**
 * Tests of lib/connect/jsonc_text.ts through lib/connect/edit.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { merged } from "../../lib/connect/format.ts";
import { loadJsonc } from "../../lib/connect/jsonc_text.ts";
import { connected, jsonDocument, jsonDocumentWithEntry, problem, removed } from "./texts.ts";

const format = await loadJsonc();
const target = { format, path: { map: "mcpServers", name: "wharf" } };
const entry = { command: "/usr/local/bin/wharf", args: ["--toolsets", "oci"] };

Deno.test("connect and remove leave every byte of a file as it was", () => {
  fc.assert(
    fc.property(jsonDocument, ({ text, servers }) => {
      const written = connected(text, target, entry);
      // With the backup, always.
      assert.equal(removed(written, target, [text]), text);
      // Without one, what the text tells is enough where there are other servers.
      if (servers > 0) assert.equal(removed(written, target), text);
    }),
    { seed: 20261121, numRuns: 1000 },
  );
});

const BLOCK = `"wharf": {
      "command": "/usr/local/bin/wharf",
      "args": ["--toolsets", "oci"]
    }`;

Deno.test("connect makes a file of its own where there is none, or an empty one", () => {
  const text = `{\n  "mcpServers": {\n    ${BLOCK}\n  }\n}\n`;
  for (const before of [undefined, "", "\n \n"]) {
    assert.equal(connected(before, target, entry), text);
  }
  assert.equal(connected("{}", target, entry), text.trimEnd());
});

Deno.test("connect keeps comments, trailing commas and the layout", () => {
  const forms: Readonly<Record<string, readonly [before: string, after: string]>> = {
    "a comment behind the last server": [
      '{\n  "mcpServers": {\n    "a": {} // of a\n    // below\n  }\n}',
      `{\n  "mcpServers": {\n    "a": {}, // of a\n    ${BLOCK}\n    // below\n  }\n}`,
    ],
    "a trailing comma": [
      '{\n  "mcpServers": {\n    "a": {}, // of a\n  },\n}',
      `{\n  "mcpServers": {\n    "a": {}, // of a\n    ${BLOCK},\n  },\n}`,
    ],
    "no servers yet": [
      '{\n  // theme\n  "theme": "dark" /* mine */\n}\n',
      `{\n  // theme\n  "theme": "dark", /* mine */\n  "mcpServers": {\n    ${BLOCK}\n  }\n}\n`,
    ],
    "only a comment inside": [
      '{\n  "mcpServers": {\n    // none yet\n  }\n}',
      `{\n  "mcpServers": {\n    // none yet\n    ${BLOCK}\n  }\n}`,
    ],
    "tabs": [
      '{\n\t"mcpServers": {\n\t\t"a": {}\n\t}\n}',
      '{\n\t"mcpServers": {\n\t\t"a": {},\n\t\t"wharf": {\n\t\t\t"command": "/usr/local/bin/wharf",\n\t\t\t"args": ["--toolsets", "oci"]\n\t\t}\n\t}\n}',
    ],
    "one line": [
      '{ "mcpServers": { "a": {} } }',
      '{ "mcpServers": { "a": {}, "wharf": { "command": "/usr/local/bin/wharf", "args": ["--toolsets", "oci"] } } }',
    ],
    "no white space": [
      '{"mcpServers":{},"z":1}',
      '{"mcpServers":{"wharf":{"command":"/usr/local/bin/wharf","args":["--toolsets","oci"]}},"z":1}',
    ],
  };
  for (const [name, [before, after]] of Object.entries(forms)) {
    assert.equal(connected(before, target, entry), after, name);
    assert.equal(connected(after, target, entry), after, name);
    if (name !== "no servers yet") assert.equal(removed(after, target), before, name);
    const windows = connected(`\uFEFF${before.replaceAll("\n", "\r\n")}`, target, entry);
    assert.equal(windows, `\uFEFF${after.replaceAll("\n", "\r\n")}`, name);
  }
});

Deno.test("connect changes an entry of the same name where it is, and keeps what was added to it", () => {
  const before = `{
  "mcpServers": {
    // ours
    "wharf": {
      // the old one
      "command": "old", // where it was
      "env": { "A": "b" }, // mine
      "url": "http://x"
    },
    "z": {}
  }
}`;
  assert.equal(
    connected(before, target, entry),
    `{
  "mcpServers": {
    // ours
    "wharf": {
      // the old one
      "command": "/usr/local/bin/wharf", // where it was
      "env": { "A": "b" }, // mine
      "args": ["--toolsets", "oci"]
    },
    "z": {}
  }
}`,
  );
  assert.equal(
    connected(before, target, { url: "http://y" }),
    `{
  "mcpServers": {
    // ours
    "wharf": {
      // the old one // where it was // mine
      "url": "http://y"
    },
    "z": {}
  }
}`,
  );
  for (const old of ["1", "null", "[]", "{}", '"x"', '{"command":{},"args":null}']) {
    assert.equal(
      connected(`{"mcpServers":{"wharf":${old}}}`, target, entry),
      '{"mcpServers":{"wharf":{"command":"/usr/local/bin/wharf","args":["--toolsets","oci"]}}}',
    );
  }
});

Deno.test("connect keeps the meaning of everything else, whatever the entry was", () => {
  fc.assert(
    fc.property(jsonDocumentWithEntry, ({ text, value, old }) => {
      for (const wanted of [entry, { url: "http://x", headers: { A: "b" } }]) {
        const written = connected(text, target, wanted);
        const opened = format.open(written.replace(/^\uFEFF/, ""), target.path);
        assert.ok("value" in opened);
        assert.deepEqual(opened.value, {
          ...value,
          mcpServers: { ...value["mcpServers"], wharf: merged(old, wanted) },
        });
        assert.equal(connected(written, target, wanted), written);
        const without = format.open(removed(written, target).replace(/^\uFEFF/, ""), target.path);
        assert.ok("value" in without);
        assert.equal(without.entry, undefined);
      }
    }),
    { seed: 20261121, numRuns: 500 },
  );
});

Deno.test("remove takes an entry out wherever it stands", () => {
  const forms: Readonly<Record<string, readonly [before: string, after: string]>> = {
    "the first of several": [
      '{\n  "mcpServers": {\n    "wharf": {},\n    "a": {}\n  }\n}',
      '{\n  "mcpServers": {\n    "a": {}\n  }\n}',
    ],
    "the first of several, on one line": [
      '{"mcpServers":{"wharf":{},"a":{}}}',
      '{"mcpServers":{"a":{}}}',
    ],
    "between others, on one line": [
      '{ "mcpServers": { "a": {}, "wharf": {}, "b": {} } }',
      '{ "mcpServers": { "a": {}, "b": {} } }',
    ],
    "beside another that would end up in a comment": [
      '{"mcpServers": { // c\n  "wharf": {}, "a": {}\n}}',
      '{"mcpServers": { // c\n  "a": {}\n}}',
    ],
    "last, with the brace on its line": [
      '{"mcpServers": {\n  "a": {}, // c\n  "wharf": {} }}',
      '{"mcpServers": {\n  "a": {} // c\n   }}',
    ],
    "alone": ['{\n  "mcpServers": {\n    "wharf": {}\n  }\n}', '{\n  "mcpServers": {}\n}'],
    "alone among comments": [
      '{"mcpServers": {\n  // one\n  "wharf": {}, // two\n}}',
      '{"mcpServers": {\n  // one // two\n}}',
    ],
    "of a form that Wharf does not write": [
      '{"mcpServers":{"wharf":{"timeout":5,"nested":{"a":[1]}},"a":1}}',
      '{"mcpServers":{"a":1}}',
    ],
    "not there": ['{"mcpServers":{"a":{}}}', '{"mcpServers":{"a":{}}}'],
  };
  for (const [name, [before, after]] of Object.entries(forms)) {
    assert.equal(removed(before, target), after, name);
  }
});

Deno.test("connect leaves a file as it is that is broken or has another meaning", () => {
  const texts: Readonly<Record<string, string>> = {
    '{\n  "mcpServers": {\n    "a": {}\n    "b": {}\n  }\n}':
      "is not valid JSON (comma expected) at 4:5",
    "{": "is not valid JSON (close brace expected) at 1:2",
    '{"a": tru}': "is not valid JSON (invalid symbol) at 1:7",
    "{} {}": "is not valid JSON (end of file expected) at 1:4",
    "[]": "holds no object at 1:1",
    "null": "holds no object at 1:1",
    '{"mcpServers": []}': 'has something else than an object in "mcpServers" at 1:16',
    '{"mcpServers": null}': 'has something else than an object in "mcpServers" at 1:16',
    '{"mcpServers": {},\n"mcpServers": {}}': 'has "mcpServers" twice at 2:1',
    '{"mcpServers": {"wharf": 1, "wharf": 2}}': 'has "wharf" twice at 1:29',
    [`{"a":${"[".repeat(300)}${"]".repeat(300)}}`]: "is nested deeper than 200 levels",
  };
  for (const [text, expected] of Object.entries(texts)) {
    assert.equal(problem(text, target, entry), expected);
  }
});

Deno.test("connect takes names that mean something to JavaScript for plain names", () => {
  const text =
    '{"__proto__": {"mcpServers": 1}, "mcpServers": {"__proto__": {}, "constructor": {}}}';
  const written = connected(text, target, entry);
  assert.equal(removed(written, target), text);
});

Deno.test("conceal() hides what other entries and comments say, and keeps the lines", () => {
  const text = `{
  // s3cret
  "apiKey": "s3cret", /* s3cret
  s3cret */
  "http://key": ["s3cret"],
  "mcpServers": {
    "other": { "env": { "T": "s3cret" }, "url": "https://h/?key=s3cret" },
    "wharf": {
      "command": "/bin/wharf", // s3cret
      "args": ["--auth-token", "s3cret", "--api-key=s3cret", "plain"],
      "url": "https://user:s3cret@host/",
      "serverUrl": "https://host/?token=s3cret",
      "headers": { "Authorization": "Bearer \${env:TOKEN}", "X": "s3cret" }
    }
  }
}
`;
  const opened = format.open(text, target.path);
  assert.ok("conceal" in opened);
  const shown = opened.conceal();
  assert.doesNotMatch(shown, /s3cret/);
  assert.equal(shown.split("\n").length, text.split("\n").length);
  for (const part of ['"/bin/wharf"', '"plain"', "Bearer ${env:TOKEN}", '"http://key"']) {
    assert.ok(shown.includes(part), part);
  }
});
