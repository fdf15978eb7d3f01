/**
 * Tests of lib/cli/arguments.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments, wantedOutput } from "../../lib/cli/arguments.ts";
import { findCommand } from "../../lib/cli/commands.ts";
import { AppError } from "../../lib/core/errors.ts";

/** The error of a command line, as a person reads it. */
function failure(...argv: string[]): string {
  try {
    parseArguments(argv);
  } catch (thrown) {
    assert.ok(thrown instanceof AppError);
    return `${thrown.code}: ${thrown.message}. ${thrown.hint}`;
  }
  return "no error";
}

Deno.test("parseArguments() serves when there is no command", () => {
  assert.deepEqual(parseArguments([]), { kind: "serve", flags: {} });
  assert.deepEqual(parseArguments(["--transport", "http", "--port=0"]), {
    kind: "serve",
    flags: { transport: "http", port: "0" },
  });
});

Deno.test("parseArguments() takes long flags with one dash, as the older Go server did", () => {
  assert.deepEqual(parseArguments(["-port", "9000"]).flags, { port: "9000" });
  assert.deepEqual(parseArguments(["-port=9000", "-transport", "http"]).flags, {
    port: "9000",
    transport: "http",
  });
});

Deno.test("parseArguments() maps a short command to its tool", () => {
  assert.deepEqual(
    parseArguments(["tags", "alpine", "3.*", "--limit", "5", "--include-digest-tags", "--all"]),
    {
      kind: "tool",
      command: "tags",
      tool: "list_tags",
      arguments: {
        repository: "alpine",
        pattern: "3.*",
        limit: "5",
        include_digest_tags: true,
      },
      output: "table",
      show: "facts",
      all: true,
      flags: { limit: "5", "include-digest-tags": true, all: true },
    },
  );
});

Deno.test("parseArguments() takes a sentence without quotes, where a command asks for one", () => {
  const find = { arguments: {}, ...parseArguments(["find", "a", "postgres", "db", "--official"]) };
  assert.deepEqual(find.arguments, { query: "a postgres db", official: true });
  const search = { arguments: {}, ...parseArguments(["search", "web", "server"]) };
  assert.deepEqual(search.arguments, { query: "web server" });
  const filters = {
    arguments: {},
    ...parseArguments(["list", "--category", "database", "--category=cloud", "--key", "false"]),
  };
  assert.deepEqual(filters.arguments, {
    categories: ["database", "cloud"],
    requires_api_key: "false",
  });
});

Deno.test("parseArguments() keeps words as texts, whatever they look like", () => {
  const { arguments: given } = { arguments: {}, ...parseArguments(["inspect", "1.20"]) };
  assert.deepEqual(given, { image_ref: "1.20" });
});

Deno.test("parseArguments() takes global flags before and after the command", () => {
  const expected = { "log-level": "debug", toolsets: ["oci", "hub"] };
  assert.deepEqual(
    parseArguments(["--log-level", "debug", "tools", "--toolsets", "oci", "--toolsets", "hub"])
      .flags,
    expected,
  );
});

Deno.test("parseArguments() reads name=value pairs and --json for call", () => {
  const invocation = parseArguments([
    "call",
    "t",
    "a=b=c",
    "n=5",
    "--json",
    '{"n":1,"deep":{"x":[1]}}',
  ]);
  assert.ok(invocation.kind === "tool");
  assert.deepEqual(invocation.arguments, { n: "5", deep: { x: [1] }, a: "b=c" });
});

Deno.test("parseArguments() shows help and the version", () => {
  assert.deepEqual(parseArguments(["--version"]).kind, "version");
  assert.deepEqual(parseArguments(["-V"]).kind, "version");
  for (const argv of [["--help"], ["-h"], ["help"], ["help", "help"]]) {
    const invocation = parseArguments(argv);
    assert.ok(invocation.kind === "help");
    assert.equal(invocation.command, undefined);
  }
  for (const argv of [["tags", "--help"], ["help", "tags"]]) {
    const invocation = parseArguments(argv);
    assert.ok(invocation.kind === "help");
    assert.equal(invocation.command?.name, "tags");
  }
});

Deno.test("parseArguments() names what is wrong and the next step", async (t) => {
  await t.assertSnapshot([
    failure("tags"),
    failure("tags", ""),
    failure("frob"),
    failure("help", "frob"),
    failure("inspec", "x"),
    failure("list_tags", "x"),
    failure("--nope"),
    failure("tags", "x", "--nope"),
    failure("tags", "x", "-z"),
    failure("tags", "x", "--include-digest-tag"),
    failure("tags", "x", "--port", "1"),
    failure("tags", "x", "--limit"),
    failure("tags", "x", "--limit", "0"),
    failure("tags", "x", "--limit", "many"),
    failure("tags", "x", "--sort", "newest"),
    failure("find", "x", "--launch", "podman", "--launch", "docker"),
    failure("exec", "memory_search", "wharf"),
    failure("config-set", "a/b", "=x"),
    failure("add", "a/b", "--env", "KEY=1", "--env", "KEY"),
    failure("tags", "x", "y", "z"),
    failure("tags", "x", "--output", "xml"),
    failure("call"),
    failure("call", "t", "value"),
    failure("call", "t", "=value"),
    failure("call", "t", "--json", "{"),
    failure("call", "t", "--json", "[1]"),
  ]);
});

Deno.test("parseArguments() takes a client to connect, or none to list them", () => {
  assert.deepEqual(parseArguments(["connect", "cursor", "--dry-run", "--toolsets", "oci,hub"]), {
    kind: "connect",
    client: "cursor",
    output: "table",
    flags: { toolsets: ["oci,hub"], "dry-run": true },
  });
  assert.deepEqual(parseArguments(["connect", "--output", "json"]), {
    kind: "connect",
    client: undefined,
    output: "json",
    flags: { output: "json" },
  });
  assert.match(failure("connect", "cursor", "zed"), /^INVALID_ARGUMENT: Cannot use "zed"/);
  assert.match(failure("connect", "--transport", "http"), /wharf connect has no such flag/);
});

Deno.test("parseArguments() tells an empty value from none, where it says something", () => {
  for (const argv of [["add", "a/b", "--prefix", ""], ["add", "a/b", "--prefix="]]) {
    const invocation = parseArguments(argv);
    assert.ok(invocation.kind === "tool");
    assert.deepEqual(invocation.arguments, { id: "a/b", prefix: "" });
  }
  for (const argv of [["add", "a/b", "--prefix"], ["add", "a/b", "--prefix", "--yes"]]) {
    assert.throws(() => parseArguments(argv), /its value is missing/);
  }
  assert.throws(() => parseArguments(["add", "a/b", "--url", ""]), /its value is missing/);
});

Deno.test("wantedOutput() knows the form of an error, however wrong the rest is", () => {
  for (const flag of [["--output", "json"], ["--output=json"], ["-output", "json"]]) {
    assert.equal(wantedOutput(["frob", ...flag, "--nope"]), "json");
  }
  assert.equal(wantedOutput(["frob", "json", "--output", "table"]), "table");
});

Deno.test("doctor takes the flags of serve that what is needed depends on", () => {
  const of = (name: string) => findCommand(name)?.flags ?? assert.fail(name);
  const serve = new Map(of("serve").map((flag) => [flag.name, flag]));
  const shared = of("doctor").filter(({ name }) => serve.has(name));
  for (const flag of shared) assert.deepEqual(flag, serve.get(flag.name));
  // A file that is named, and a host that is asked, have to be granted.
  for (const { name, value } of serve.values()) {
    const isNeeded = value === "FILE" ||
      ["host", "port", "transport", "oauth-issuer"].includes(name);
    assert.equal(isNeeded && !shared.some((flag) => flag.name === name), false, name);
  }
});
