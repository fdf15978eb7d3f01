/** Tests of the lint plugin: one broken rule each, and what must not be reported. @module */

import assert from "node:assert/strict";
import plugin from "../../tools/architecture_lint.ts";

const DOC = "/** Does one thing. @module */\n";

/** What the plugin says about a file, as `rule: message`. */
function lint(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source)
    .map(({ id, message }) => `${id.replace("architecture/", "")}: ${message}`);
}

const BROKEN: readonly { what: string; file: string; code: string; says: string }[] = [
  {
    what: "a unit that imports one it may not",
    file: "lib/oci/tags.ts",
    code: `import { A } from "../mcp/mod.ts"; A;`,
    says: "layers: oci may not import mcp",
  },
  {
    what: "a type import against the table",
    file: "lib/core/text.ts",
    code: `import type { A } from "../oci/mod.ts"; export type B = A;`,
    says: "layers: core may not import oci",
  },
  {
    what: "a dynamic import against the table",
    file: "lib/http/app.ts",
    code: `await import("../oci/mod.ts");`,
    says: "layers: http may not import oci",
  },
  {
    what: "a re-export against the table",
    file: "lib/store.ts",
    code: `export { A } from "./oci/mod.ts";`,
    says: "layers: store may not import oci",
  },
  {
    what: "anything but main.ts that imports host",
    file: "lib/app.ts",
    code: `import { openNet } from "./host/net.ts"; openNet;`,
    says: "layers: app may not import host",
  },
  {
    what: "the public API that imports host",
    file: "mod.ts",
    code: `export { openNet } from "./lib/host/net.ts";`,
    says: "layers: mod may not import host",
  },
  {
    what: "a unit that reaches past a door",
    file: "lib/mcp/tools/oci.ts",
    code: `import { A } from "../../oci/tags.ts"; A;`,
    says: "layers: mcp reaches into oci past its door",
  },
  {
    what: "the app that reaches past a door",
    file: "lib/app.ts",
    code: `import { A } from "./mcp/server.ts"; A;`,
    says: "layers: app reaches into mcp past its door",
  },
  {
    what: "a unit without a row",
    file: "lib/surprise/mod.ts",
    code: "export const a = 1;",
    says: "layers: lib/surprise has no row in the layer table",
  },
  {
    what: "lib code that imports development code",
    file: "lib/oci/tags.ts",
    code: `import { A } from "../../tools/deno.ts"; A;`,
    says: "layers: lib/oci/tags.ts may not import tools/deno.ts, which is outside of lib",
  },
  {
    what: "a wildcard export",
    file: "lib/oci/mod.ts",
    code: `export * from "./tags.ts";`,
    says: "wildcards: Export by name, not by wildcard",
  },
  {
    what: "a package imported by a second file",
    file: "lib/mcp/server.ts",
    code: `import { Server } from "@modelcontextprotocol/sdk/server/index.js"; Server;`,
    says: 'packages: lib/mcp/server.ts may not import "@modelcontextprotocol/sdk/server/index.js"',
  },
  {
    what: "a package loaded late by a second file",
    file: "lib/catalog/merge.ts",
    code: `await import("linkedom");`,
    says: 'packages: lib/catalog/merge.ts may not import "linkedom"',
  },
  {
    what: "a package that nobody has decided on",
    file: "lib/oci/tags.ts",
    code: `import { A } from "left-pad"; A;`,
    says: 'packages: lib/oci/tags.ts may not import "left-pad"',
  },
  {
    what: "a package whose name only begins like a known one",
    file: "lib/oci/tags.ts",
    code: `import { A } from "zod-extra"; A;`,
    says: 'packages: lib/oci/tags.ts may not import "zod-extra"',
  },
  {
    what: "a module of Node with effects",
    file: "lib/oci/tags.ts",
    code: `import { readFile } from "node:fs/promises"; readFile;`,
    says: 'packages: oci may not import "node:fs/promises"',
  },
  {
    what: "a module of Node that is for the host",
    file: "lib/oci/tags.ts",
    code: `import { join } from "node:path"; join;`,
    says: 'packages: oci may not import "node:path"',
  },
  {
    what: "Deno",
    file: "lib/oci/tags.ts",
    code: `Deno.cwd();`,
    says: 'ambient: oci may not use the ambient "Deno"',
  },
  {
    what: "a type of Deno",
    file: "lib/oci/tags.ts",
    code: `export type A = Deno.Conn;`,
    says: 'ambient: oci may not use the ambient "Deno"',
  },
  {
    what: "fetch as a default value",
    file: "mod.ts",
    code: `export function a(get = fetch): void { get("x"); }`,
    says: 'ambient: mod may not use the ambient "fetch"',
  },
  {
    what: "a computed member named by a global",
    file: "lib/cli/run.ts",
    code: `export const a = { b: 1 }[performance];`,
    says: 'ambient: cli may not use the ambient "performance"',
  },
  {
    what: "a global in shorthand",
    file: "lib/app.ts",
    code: `export const a = { setTimeout };`,
    says: 'ambient: app may not use the ambient "setTimeout"',
  },
  {
    what: "the clock",
    file: "lib/oci/tags.ts",
    code: `Date.now();`,
    says: 'ambient: oci may not use the ambient "Date.now"',
  },
  {
    what: "the clock behind a constructor",
    file: "lib/oci/tags.ts",
    code: `export const a = new Date();`,
    says: 'ambient: oci may not use the ambient "new Date()"',
  },
  {
    what: "a random number",
    file: "lib/oci/tags.ts",
    code: `Math.random();`,
    says: 'ambient: oci may not use the ambient "Math.random"',
  },
  {
    what: "a timer behind a signal",
    file: "lib/oci/tags.ts",
    code: `AbortSignal.timeout(5);`,
    says: 'ambient: oci may not use the ambient "AbortSignal.timeout"',
  },
  {
    what: "a bare error thrown",
    file: "lib/oci/tags.ts",
    code: `throw new Error("Cannot go on");`,
    says: "errors: Use AppError, not Error",
  },
  {
    what: "a bare error made without new",
    file: "main.ts",
    code: `throw TypeError("Cannot go on");`,
    says: "errors: Use AppError, not TypeError",
  },
  {
    what: "an error message that does not begin with Cannot",
    file: "lib/core/json.ts",
    code: `throw new AppError("NOT_FOUND", "No such tag");`,
    says: 'errors: An error\'s message begins with "Cannot "',
  },
  {
    what: "an error template that begins with a value",
    file: "lib/oci/tags.ts",
    code: "throw new AppError('NOT_FOUND', `${what} is missing`);",
    says: 'errors: An error\'s message begins with "Cannot "',
  },
  {
    what: "an error message with a period",
    file: "lib/oci/tags.ts",
    code: `throw new AppError("NOT_FOUND", "Cannot list: nothing there.");`,
    says: "errors: An error's message ends without a period",
  },
  {
    what: "an error template with a period",
    file: "lib/oci/tags.ts",
    code: "throw new AppError('NOT_FOUND', `Cannot list \"${what}\": nothing there.`);",
    says: "errors: An error's message ends without a period",
  },
  {
    what: "a period in one branch of a message",
    file: "lib/oci/tags.ts",
    code: `throw new AppError("NOT_FOUND", many ? "Cannot list: many" : "Cannot list: none.");`,
    says: "errors: An error's message ends without a period",
  },
  {
    what: "a period at the end of a sum",
    file: "lib/oci/tags.ts",
    code: `throw new AppError("NOT_FOUND", "Cannot list " + what + ".");`,
    says: "errors: An error's message ends without a period",
  },
];

for (const { what, file, code, says } of BROKEN) {
  Deno.test(`architecture lint reports ${what}`, () => {
    assert.deepEqual(lint(file, DOC + code), [says]);
  });
}

Deno.test("architecture lint reports a file without a module comment at its top", () => {
  const says = "module-doc: A file begins with a /** … @module */ comment";
  for (
    const source of [
      "export const a = 1;",
      "/** No tag. */\nexport const a = 1;",
      "/* Not a doc comment. @module */\nexport const a = 1;",
      "// @module\nexport const a = 1;",
      "export const a = 1;\n/** Too late. @module */",
    ]
  ) {
    assert.deepEqual(lint("lib/oci/tags.ts", source), [says], source);
    assert.deepEqual(lint("main.ts", source), [says], source);
  }
});

const SOUND: readonly { what: string; file: string; code: string }[] = [
  {
    what: "units imported through their doors",
    file: "lib/mcp/inventory.ts",
    code: `import { A } from "../oci/mod.ts"; import { B } from "../core/errors.ts"; A; B;`,
  },
  {
    what: "files of the same unit",
    file: "lib/mcp/tools/oci.ts",
    code: `import { A } from "../tool.ts"; A;`,
  },
  {
    what: "units that are one file",
    file: "lib/app.ts",
    code: `import { A } from "./store.ts"; import { B } from "./config.ts"; A; B;`,
  },
  {
    what: "the composition root that imports the host, deno.json and uses Deno",
    file: "main.ts",
    code: `import config from "./deno.json" with { type: "json" };
import { openNet } from "./lib/host/net.ts"; openNet(config); Deno.exit();`,
  },
  {
    what: "effects in the host",
    file: "lib/host/net.ts",
    code: `import { lookup } from "node:dns/promises"; lookup; Deno.cwd(); fetch("x"); Date.now();`,
  },
  {
    what: "packages in their one importer",
    file: "lib/mcp/sdk.ts",
    code: `export { Server } from "@modelcontextprotocol/sdk/server/index.js"; import "zod";`,
  },
  {
    what: "names that only look like globals",
    file: "lib/oci/tags.ts",
    code: `export interface A { fetch(): void; console: string }
export class B { fetch(): void {} process = 1; }
export const c = { fetch: 1, ["a"]: 2 };
net.fetch(x); const { fetch: get } = net; get(new Date(5)); Date.parse("x"); Math.max(1);`,
  },
  {
    what: "errors in the grammar",
    file: "lib/oci/tags.ts",
    code: 'const cannot = `Cannot list "${a}"`;\n' +
      "throw new AppError('X', b ? `Cannot list \"${a}\": gone` : `${cannot}: gone`);\n" +
      "throw new AppError('X', message);",
  },
  {
    what: "bare errors in core, whose AppError extends one",
    file: "lib/core/errors.ts",
    code: `export const a = new Error("x");`,
  },
  {
    what: "files outside of lib",
    file: "tests/oci/tags_test.ts",
    code: `import { A } from "../../lib/oci/tags.ts"; throw new Error(Deno.cwd() + A);`,
  },
];

for (const { what, file, code } of SOUND) {
  Deno.test(`architecture lint accepts ${what}`, () => {
    assert.deepEqual(lint(file, DOC + code), []);
  });
}

Deno.test("architecture lint knows a file by its absolute path as well", () => {
  const root = new URL("../../", import.meta.url).pathname;
  assert.deepEqual(lint(`${root}lib/oci/tags.ts`, `${DOC}Date.now();`), [
    'ambient: oci may not use the ambient "Date.now"',
  ]);
});

Deno.test("architecture lint accepts a shebang before the module comment", () => {
  assert.deepEqual(lint("main.ts", `#!/usr/bin/env -S deno run\n${DOC}`), []);
});
