/** Tests of the pure parts of making binaries. @module */

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import {
  bakedOptions,
  binaryName,
  buildDate,
  checksumLine,
  compileArgs,
  compileConfig,
  entryText,
  missingRuntime,
  suffix,
  TARGETS,
} from "../../tools/release.ts";

Deno.test("binaryName() gives each platform a name of its own, with what Windows wants", () => {
  assert.deepEqual(Object.keys(TARGETS).map(binaryName), [
    "wharf-linux-x64",
    "wharf-linux-arm64",
    "wharf-macos-x64",
    "wharf-macos-arm64",
    "wharf-windows-x64.exe",
  ]);
  assert.deepEqual(Object.keys(TARGETS).map(suffix), ["", "", "", "", ".exe"]);
});

Deno.test("entryText() quotes what it puts in", () => {
  const text = entryText('file:///a"b/main.ts', { commit: "abc", date: "2026-11-21" });
  assert.match(text, /^const \{ main \} = await import\("file:\/\/\/a\\"b\/main\.ts"\);$/m);
  assert.match(
    text,
    /^Deno\.exit\(await main\(Deno\.args, \{"commit":"abc","date":"2026-11-21"\}\)\);$/m,
  );
});

Deno.test("compileConfig() puts the widest set in, and nothing else of the config", () => {
  assert.deepEqual(JSON.parse(compileConfig(config)), {
    lock: false,
    permissions: { full: config.permissions.full },
  });
});

Deno.test("compileArgs() bakes the permissions in, and that nobody is asked", () => {
  const args = compileArgs("aarch64-apple-darwin", "/out/wharf");
  for (const flag of ["-P=full", "--no-prompt"]) assert.ok(args.includes(flag), flag);
  assert.match(args.join(" "), /--target aarch64-apple-darwin --output \/out\/wharf bundle\/wharf/);
});

Deno.test("buildDate() takes the day of a repeatable build where one is given", () => {
  const now = new Date("2026-11-21T23:30:00-05:00");
  assert.equal(buildDate(undefined, now), "2026-11-22");
  assert.equal(buildDate("86400", now), "1970-01-02");
  for (const wrong of ["", "x", "-1", "1e9"]) assert.equal(buildDate(wrong, now), "2026-11-22");
});

Deno.test("checksumLine() is a line that sha256sum reads", () => {
  assert.equal(checksumLine("ab12", "wharf"), "ab12  wharf\n");
});

const OFFLINE = `Download https://dl.deno.land/release/v2.9.6/denort-x86_64-unknown-linux-gnu.zip
error: Writing deno compile executable to temporary file 'wharf.tmp'
    0: Setting up base binary.
    1: error sending request for url (https://dl.deno.land/release/v2.9.6/denort.zip): dns error`;

Deno.test("missingRuntime() says in one sentence what could not be had, and the way out", () => {
  const asked = { target: "x86_64-unknown-linux-gnu", version: "2.9.6" };
  const own = missingRuntime(OFFLINE, { ...asked, isOwn: true }) ?? "";
  assert.match(
    own,
    /^Cannot compile for x86_64-unknown-linux-gnu: denort-x86_64\S+\.zip could not/,
  );
  assert.match(own, /set DENORT_BIN to the denort in it$/);
  assert.doesNotMatch(own, /\n/);
  const other = missingRuntime(OFFLINE, { ...asked, isOwn: false }) ?? "";
  assert.match(other, /put it into dl\/release\/v2\.9\.6 of DENO_DIR/);
});

Deno.test("missingRuntime() leaves other failures as they are", () => {
  const asked = { target: "x86_64-unknown-linux-gnu", version: "2.9.6", isOwn: true };
  for (const text of ["", "error: Module not found", "denort: permission denied"]) {
    assert.equal(missingRuntime(text, asked), undefined, text);
  }
});

function binary(text: string): Uint8Array {
  return new TextEncoder().encode(`\x7fELF {"argv": 1} ${text} {"argv":[`);
}

Deno.test("bakedOptions() reads back what a binary carries", () => {
  const baked = {
    argv: [],
    permissions: { prompt: false, note: 'a } and a " and a \\' },
    "v8_flags": ["--x"],
    "entrypoint_key": "wharf.js",
  };
  assert.deepEqual(bakedOptions(binary(`${JSON.stringify(baked)}}}`)), baked);
});

Deno.test("bakedOptions() finds nothing where nothing is, or where it is cut", () => {
  assert.equal(bakedOptions(new Uint8Array()), undefined);
  assert.equal(bakedOptions(binary("")), undefined);
  assert.equal(bakedOptions(new TextEncoder().encode('{"argv":[],"permissions":{}')), undefined);
  assert.equal(bakedOptions(new TextEncoder().encode('{"argv":[],"permissions":{}}')), undefined);
});
