import assert from "node:assert/strict";
import { AppError } from "../../../lib/core/errors.ts";
import { officialSource } from "../../../lib/catalog/sources/official.ts";
import { memoryTree, type SourceTree } from "../../../lib/catalog/source.ts";
import type { Entry } from "../../../lib/catalog/entry.ts";
import { bytesOf } from "../make.ts";

const context = { source: "official", refreshed: "2026-01-02T03:04:05Z" };
const META = "io.modelcontextprotocol.registry/official";

/** An item of a page. */
function item(
  server: Readonly<Record<string, unknown>>,
  meta: Readonly<Record<string, unknown>> = {},
) {
  return {
    server: { version: "1.0.0", ...server },
    _meta: { [META]: { isLatest: true, ...meta } },
  };
}

function page(servers: readonly unknown[], metadata: unknown = {}) {
  const url = new URL("https://registry.example/v0.1/servers?version=latest&limit=100");
  return officialSource.kind === "api"
    ? officialSource.readPage(bytesOf(JSON.stringify({ servers, metadata })), url, context)
    : assert.fail();
}

function entryOf(server: Readonly<Record<string, unknown>>, meta = {}): Entry {
  const { entries, problems } = page([item({ name: "io.github.acme/x", ...server }, meta)]);
  assert.deepEqual(problems, []);
  const [entry] = entries;
  assert.ok(entry);
  return entry;
}

Deno.test("officialSource.firstPage() asks for the latest versions, or for changes", () => {
  const first = (location: string, options = {}) =>
    officialSource.kind === "api" ? officialSource.firstPage(new URL(location), options).href : "";
  assert.equal(
    first("https://r.example"),
    "https://r.example/v0.1/servers?version=latest&limit=100",
  );
  assert.equal(
    first("https://r.example/v0.1/", { updatedSince: "2026-01-01T00:00:00Z" }),
    "https://r.example/v0.1/servers?version=latest&limit=100&updated_since=2026-01-01T00%3A00%3A00Z",
  );
  assert.match(first("https://r.example/base/servers"), /\/base\/servers\?/);
});

Deno.test("officialSource.readPage() follows the cursor as it is, to the very end", () => {
  const next = page([], { nextCursor: "a.b/c:1&2", count: 0 }).next;
  assert.equal(next?.searchParams.get("cursor"), "a.b/c:1&2");
  assert.equal(next?.searchParams.get("version"), "latest");
  for (const metadata of [{}, { nextCursor: null }, { nextCursor: "" }, null, undefined]) {
    assert.equal(page([], metadata).next, undefined);
  }
  assert.equal(page([], { next_cursor: "x" }).next?.searchParams.get("cursor"), "x");
});

Deno.test("officialSource.readPage() handles removals, deprecation and older versions", () => {
  const read = page([
    item({ name: "io.github.acme/gone" }, { status: "deleted" }),
    item({ name: "io.github.acme/old" }, { status: "deprecated", statusMessage: "use new" }),
    item({ name: "io.github.acme/x", version: "0.1.0" }, { isLatest: false }),
    item({ name: "io.github.acme/x" }),
    item({}),
    { server: null },
  ]);
  assert.deepEqual(
    read.entries.map(({ id, status, statusMessage }) => [id, status, statusMessage]),
    [
      ["official/io.github.acme/old", "deprecated", "use new"],
      ["official/io.github.acme/x", "active", undefined],
    ],
  );
  assert.deepEqual(read.removed, ["official/io.github.acme/gone"]);
  assert.equal(read.skipped, 2);
  assert.deepEqual(read.problems.map(({ where }) => where), [
    "/v0.1/servers#4",
    "/v0.1/servers#5",
  ]);
});

Deno.test("officialSource.readPage() refuses what is no page", () => {
  const url = new URL("https://registry.example/v0.1/servers");
  for (const body of ["{}", "[]", "<html>", `{"servers":${"[".repeat(200)}${"]".repeat(200)}}`]) {
    assert.throws(
      () => officialSource.kind === "api" && officialSource.readPage(bytesOf(body), url, context),
      (thrown) => thrown instanceof AppError && thrown.code === "BAD_RESPONSE",
      body.slice(0, 20),
    );
  }
});

Deno.test("an official record becomes an entry", () => {
  const entry = entryOf({
    title: "Acme",
    description: "Does\nthings",
    websiteUrl: "https://acme.example",
    repository: { url: "https://github.com/Acme/x.git", source: "github", subfolder: "./mcp/" },
    packages: [{
      registryType: "npm",
      identifier: "@acme/x",
      version: "1.0.0",
      registryBaseUrl: "https://registry.npmjs.org",
      transport: { type: "stdio" },
      fileSha256: "nope",
    }],
  }, { updatedAt: "2026-01-01T00:00:00Z" });
  assert.equal(entry.id, "official/io.github.acme/x");
  assert.deepEqual([entry.name, entry.title, entry.description], ["x", "Acme", "Does things"]);
  assert.deepEqual([entry.repoUrl, entry.repoFolder], ["https://github.com/Acme/x", "mcp"]);
  assert.equal(entry.homepage, "https://acme.example");
  assert.equal(entry.verified, true);
  assert.deepEqual(entry.launchMethods, ["stdio-proxy"]);
  assert.deepEqual(entry.requiresApiKey, { value: false, evidence: "its packages name no secret" });
  assert.deepEqual([entry.sources[0]?.version, entry.sources[0]?.updated], [
    "1.0.0",
    "2026-01-01T00:00:00Z",
  ]);
  assert.match(entry.sources[0]?.url ?? "", /servers\/io\.github\.acme%2Fx\/versions\/latest$/);
});

Deno.test("an official record without anything to start says so", () => {
  const entry = entryOf({ repository: {}, packages: null });
  assert.equal(entry.repoUrl, undefined);
  assert.equal(entry.verified, undefined);
  assert.equal(entry.notLaunchable, "no source says how to start it");
  assert.equal(entry.requiresApiKey.value, "unknown");
});

Deno.test("the name space of an official record is compared with repository and hosts", () => {
  const other = { repository: { url: "https://github.com/somebody/x" } };
  assert.equal(entryOf(other).verified, false);
  assert.equal(entryOf({ repository: { url: "https://gitlab.com/acme/x" } }).verified, undefined);
  const remote = (url: string) => ({ name: "com.acme/x", remotes: [{ type: "sse", url }] });
  assert.equal(entryOf(remote("https://mcp.acme.com/sse")).verified, true);
  assert.equal(entryOf(remote("https://acme.com.evil.example/sse")).verified, undefined);
});

Deno.test("a template's description that was never filled in is no description", () => {
  const text = "An MCP server that provides [describe what your server does]";
  assert.equal(entryOf({ description: text }).description, "");
});

Deno.test("official headers become settings, and undeclared placeholders secrets", () => {
  const [remote] = entryOf({
    remotes: [{
      type: "streamable-http",
      url: "https://{tenant}.acme.example/mcp",
      headers: [
        { name: "Authorization", value: "Bearer {acme_token}", isSecret: true },
        { name: "X-Region", choices: ["eu", "us"], default: "eu" },
        { name: "X-API-Key", description: "the key", isSecret: true },
        { name: "", value: "x" },
        {
          name: "X-Fixed",
          value: "App {KEY}",
          variables: { KEY: { isRequired: true, isSecret: true, description: "key" } },
        },
      ],
    }],
  }).remotes;
  const facts = remote?.settings.map(({ name, kind, required, secret, value }) =>
    [name, kind, required, secret, value].join(" ")
  );
  assert.deepEqual(facts, [
    "acme_token variable true true ",
    "Authorization header true true Bearer {acme_token}",
    "X-Region header false false ",
    "X-API-Key header true true ",
    "KEY variable true true ",
    "X-Fixed header false false App {KEY}",
    "tenant variable true false ",
  ]);
  assert.deepEqual(remote?.settings[2]?.choices, ["eu", "us"]);
});

Deno.test("a key is needed, optional or unsaid as the official record has it", () => {
  const withEnv = (facts: Readonly<Record<string, unknown>>) =>
    entryOf({
      packages: [{
        registryType: "pypi",
        identifier: "x",
        transport: { type: "stdio" },
        environmentVariables: [{ name: "ACME_KEY", ...facts }],
      }],
    }).requiresApiKey.value;
  assert.equal(withEnv({ isSecret: true, isRequired: true }), true);
  assert.equal(withEnv({ isSecret: true, isRequired: false }), false);
  assert.equal(withEnv({ isSecret: true }), "unknown");
  // 104 variables of the real data are credentials by name alone.
  assert.equal(withEnv({ isRequired: true }), true);
  assert.equal(withEnv({ isSecret: false, isRequired: true }), false);
  const open = entryOf({ remotes: [{ type: "sse", url: "https://a.example/sse" }] });
  assert.equal(open.requiresApiKey.value, "unknown");
});

Deno.test("official arguments become templates over settings", () => {
  const [item] = entryOf({
    packages: [{
      registryType: "npm",
      identifier: "x",
      transport: { type: "stdio" },
      packageArguments: [
        { type: "positional", value: "mcp" },
        { type: "named", name: "--mode", value: "static" },
        { type: "named", name: "port", default: "8080", format: "number", isRequired: true },
        { type: "named", name: "--verbose" },
        { type: "named", name: "--loud", description: "be loud", format: "boolean" },
        { type: "", name: "diagram", valueHint: "/path/to/x", isRequired: true },
        { type: "named", name: "--directory <path>" },
        { type: "positional", valueHint: "config_path", format: "filepath", isRepeated: true },
        { type: "named", name: "--token", isSecret: true, isRequired: false, value: "<token>" },
        {
          type: "positional",
          value: "{item}",
          isRepeated: true,
          variables: { item: { isRequired: true } },
        },
        { type: "positional", description: "3 odd words!" },
      ],
    }],
  }).packages;
  assert.deepEqual(item?.args, [
    { value: "mcp" },
    { name: "--mode", value: "static" },
    { name: "--port", value: "{port}" },
    { name: "--verbose" },
    { name: "--loud", value: "{loud}" },
    { name: "--diagram", value: "{diagram}" },
    { name: "--directory", value: "{directory}" },
    { value: "{config_path}", each: "config_path" },
    { name: "--token", value: "{token}" },
    { value: "{item}", each: "item" },
    { value: "{odd_words}" },
  ]);
  const byName = new Map(item?.settings.map((setting) => [setting.name, setting]));
  assert.deepEqual([byName.get("port")?.default, byName.get("port")?.format], ["8080", "number"]);
  assert.equal(byName.get("config_path")?.format, "list");
  assert.equal(byName.get("loud")?.format, "boolean");
  assert.equal(byName.get("token")?.secret, true);
});

Deno.test("arguments for docker run become environment and volumes, dangerous ones are reported", () => {
  const entry = entryOf({
    packages: [{
      registryType: "oci",
      identifier: "ghcr.io/acme/x:1.0",
      version: "1.0",
      transport: { type: "stdio" },
      environmentVariables: [{ name: "REGION", value: "<your region>" }],
      runtimeArguments: [
        { type: "positional", value: "run" },
        { type: "named", name: "-i", value: "true", format: "boolean" },
        { type: "named", name: "--rm" },
        { type: "named", name: "-p", value: "127.0.0.1:8085:8085" },
        {
          type: "named",
          name: "-e",
          description: "a token",
          value: "ACME_TOKEN={token}",
          variables: { token: { isRequired: false, isSecret: true } },
        },
        { type: "named", name: "-e", value: "WORKSPACE=/workspace" },
        { type: "named", name: "-e", isRepeated: true },
        { type: "positional", value: "ACME_URL", valueHint: "env_var_name" },
        { type: "named", name: "-e", value: "REGION" },
        {
          type: "named",
          name: "-v",
          value: "{workspace}:/workspace:ro",
          variables: { workspace: { isRequired: true, default: "/", description: "code" } },
        },
        { type: "named", name: "--user", value: "{uid}" },
        { type: "positional", value: "ghcr.io/acme/x" },
      ],
    }],
  });
  const [item] = entry.packages;
  assert.equal(item?.identifier, "ghcr.io/acme/x:1.0");
  assert.equal(item?.version, undefined);
  assert.deepEqual(item?.runtimeArgs, ["-p 127.0.0.1:8085:8085"]);
  assert.deepEqual(item?.run?.volumes, [
    { source: "{workspace}", target: "/workspace", kind: "host", readOnly: true },
  ]);
  const byName = new Map(item?.settings.map((setting) => [setting.name, setting]));
  assert.deepEqual(byName.get("ACME_TOKEN"), {
    name: "ACME_TOKEN",
    kind: "env",
    required: false,
    secret: true,
    description: "a token",
  });
  assert.equal(byName.get("WORKSPACE")?.value, "/workspace");
  assert.equal(byName.get("ACME_URL")?.value, undefined);
  assert.equal(byName.get("REGION")?.example, "<your region>");
  // The path of the user's machine is asked for, whatever the record suggests.
  assert.deepEqual(
    [
      byName.get("workspace")?.required,
      byName.get("workspace")?.default,
      byName.get("workspace")?.example,
    ],
    [true, undefined, "/"],
  );
  assert.equal(byName.get("uid")?.kind, "variable");
});

Deno.test("official packages of other registries and transports are kept, and say why they do not start", () => {
  const entry = entryOf({
    packages: [
      {
        registryType: "oci",
        identifier: "acme/x",
        transport: { type: "sse", url: "http://localhost" },
      },
      { registryType: "mcpb", identifier: "https://x.example/a.mcpb", fileSha256: "a".repeat(64) },
      { registryType: "npm", transport: {} },
    ],
  });
  assert.deepEqual(entry.packages.map(({ type }) => type), ["oci", "mcpb"]);
  assert.equal(entry.notLaunchable, "its oci package serves sse and not stdio");
});

Deno.test("older forms of official records are read", () => {
  const { entries } = page([
    {
      name: "io.github.acme/old",
      description: "old form",
      version_detail: { version: "0.9", release_date: "2025-05-01T00:00:00Z", is_latest: true },
      repository: { url: "https://github.com/acme/old", source: "github", id: "1" },
      status: "deprecated",
      packages: [
        {
          registry_name: "unknown",
          name: "acme-old",
          version: "0.9",
          runtime_hint: "uvx",
          environment_variables: [{ name: "OLD_KEY", is_required: true, is_secret: true }],
          package_arguments: [{
            type: "named",
            name: "--a",
            value: "{b_c}",
            variables: { b_c: {} },
          }],
        },
        { registry_name: "docker", name: "acme/old", version: "0.9" },
        { registry_name: "unknown", name: "nobody-knows" },
        {
          registry_type: "oci",
          registry_base_url: "https://ghcr.io",
          identifier: "acme/y",
          version: "2",
        },
      ],
      remotes: [{ transport_type: "sse", url: "https://old.example/sse" }],
    },
    { name: "io.github.acme/old", version_detail: { version: "0.1", is_latest: false } },
    { server: { name: "io.github.acme/meta", _meta: { [META]: { is_latest: false } } } },
  ]);
  const [entry, another] = entries;
  assert.equal(another, undefined);
  assert.equal(entry?.status, "deprecated");
  assert.equal(entry?.sources[0]?.version, "0.9");
  assert.deepEqual(entry?.packages.map(({ type, identifier }) => [type, identifier]), [
    ["pypi", "acme-old"],
    ["oci", "docker.io/acme/old:0.9"],
    ["oci", "ghcr.io/acme/y:2"],
  ]);
  // Names inside of variables belong to the publisher.
  assert.equal(entry?.packages[0]?.settings.find(({ kind }) => kind === "variable")?.name, "b_c");
  assert.equal(entry?.remotes[0]?.type, "sse");
  assert.equal(entry?.requiresApiKey.value, true);
});

Deno.test("what publishers add is taken where it has a form", () => {
  const publisher = {
    categories: ["Databases", "Prompt Engineering"],
    keywords: ["graph"],
    tags: "none",
    capabilities: { tools: [{ name: "query", description: "asks" }, { broken: 1 }] },
    "io.github.stacklok": { "ghcr.io/a/b": { tags: ["sql"], tools: ["one"] } },
  };
  const { entries } = page([{
    server: {
      name: "io.github.acme/x",
      _meta: { "io.modelcontextprotocol.registry/publisher-provided": publisher },
    },
  }]);
  assert.deepEqual(entries[0]?.categories, ["database"]);
  assert.deepEqual(entries[0]?.tags, ["sql", "graph", "databases", "prompt-engineering"]);
  assert.deepEqual(entries[0]?.tools, [{ name: "query", description: "asks" }]);
});

Deno.test("officialSource.readTree() reads pages, dumps of all versions and single files", async () => {
  const versions = {
    servers: [
      item({ name: "io.github.acme/x", version: "1" }, { isLatest: false }),
      item({ name: "io.github.acme/x", version: "2" }),
      {
        server: { name: "io.github.acme/y", version: "1" },
        _meta: { [META]: { publishedAt: "2026-01-02" } },
      },
      {
        server: { name: "io.github.acme/y", version: "2" },
        _meta: { [META]: { publishedAt: "2026-01-03" } },
      },
      {
        server: { name: "io.github.acme/y", version: "0" },
        _meta: { [META]: { publishedAt: "2026-01-01" } },
      },
    ],
  };
  const tree = memoryTree({
    "all.json": JSON.stringify(versions),
    "list.JSON": JSON.stringify([{ name: "io.github.acme/z", version: "3" }]),
    "one.server.json": JSON.stringify({ name: "io.github.acme/one" }),
    "broken.json": "{",
    "notes.txt": "x",
    "deep/more.json": "{}",
  });
  const { entries, problems, skipped } = await officialSource.readTree(tree, context);
  assert.deepEqual(entries.map(({ name, sources }) => [name, sources[0]?.version]), [
    ["x", "2"],
    ["y", "2"],
    ["z", "3"],
    ["one", undefined],
  ]);
  assert.equal(skipped, 3);
  assert.deepEqual(problems.map(({ where }) => where), ["broken.json"]);
});

Deno.test("officialSource.readTree() refuses a folder or file that holds no record", async () => {
  for (const files of [{}, { "a.json": "{}" }, { "a.json": "[]" }, { "a.json": "{" }]) {
    await assert.rejects(
      officialSource.readTree(memoryTree(files), context),
      (thrown) => thrown instanceof AppError && thrown.code === "BAD_RESPONSE",
    );
  }
});

Deno.test("officialSource.readTree() refuses a file of 100 MB before it is read", async () => {
  let asked = 0;
  const tree: SourceTree = {
    list: () => Promise.resolve([{ name: "dump.json", kind: "file" }]),
    read: (path, { maxBytes }) => {
      asked = maxBytes;
      return Promise.reject(new AppError("TOO_LARGE", `Cannot read "${path}": it is too large`));
    },
  };
  await assert.rejects(
    officialSource.readTree(tree, context),
    (thrown) => thrown instanceof AppError && thrown.code === "TOO_LARGE",
  );
  assert.ok(asked > 0 && asked < 100 * 1024 * 1024);
});

Deno.test("officialSource.readTree() stops when it is told to", async () => {
  const signal = AbortSignal.abort();
  const tree = memoryTree({ "a.json": JSON.stringify({ name: "io.github.acme/x" }) });
  await assert.rejects(officialSource.readTree(tree, { ...context, signal }));
});
