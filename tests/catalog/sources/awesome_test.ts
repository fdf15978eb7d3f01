import assert from "node:assert/strict";
import { AppError } from "../../../lib/core/errors.ts";
import { awesomeSource } from "../../../lib/catalog/sources/awesome.ts";
import { memoryTree } from "../../../lib/catalog/source.ts";

const context = { source: "awesome", commit: "abc123" };

async function read(lines: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const page = ["## 🗄️ Databases", "", "Servers for data.", "", ...lines].join("\n");
  return await awesomeSource.readTree(memoryTree({ "docs/databases.md": page, ...files }), context);
}

Deno.test("awesomeSource.readTree() reads one server a line", async () => {
  const { entries, problems } = await read([
    "- [acme/data-mcp](https://github.com/acme/data-mcp): Queries data. MIT.",
  ]);
  const [entry] = entries;
  assert.deepEqual(problems, []);
  assert.deepEqual([entry?.id, entry?.name, entry?.title], [
    "awesome/acme/data-mcp",
    "data-mcp",
    "acme/data-mcp",
  ]);
  assert.deepEqual([entry?.description, entry?.categories, entry?.license], [
    "Queries data. MIT.",
    ["database"],
    "MIT",
  ]);
  assert.equal(entry?.repoUrl, "https://github.com/acme/data-mcp");
  assert.equal(entry?.homepage, undefined);
  assert.equal(entry?.sources[0]?.place, "docs/databases.md:5");
  assert.equal(
    entry?.sources[0]?.url,
    "https://github.com/TensorBlock/awesome-mcp-servers/blob/abc123/docs/databases.md?plain=1#L5",
  );
  assert.deepEqual(entry?.launchMethods, []);
});

Deno.test("awesomeSource.readTree() gives ids to folders, other forges and other pages", async () => {
  const { entries } = await read([
    "- [acme/mono](https://github.com/acme/mono/tree/main/servers/time): One of many.",
    "- [lab/tool](https://gitlab.com/group/lab/tool): On another forge.",
    "- [Acme](https://www.acme.example/mcp?utm_source=x): A page.",
    "- [owner](https://github.com/owner): An owner only.",
    "- [`@acme/pkg`](https://www.npmjs.com/package/@acme/pkg): A package.",
    "- [data](https://pypi.org/project/acme-data/): Another. Install: `pip install acme-data`.",
  ]);
  assert.deepEqual(entries.map(({ id, name }) => [id, name]), [
    ["awesome/acme/mono/servers/time", "mono"],
    ["awesome/gitlab.com/group/lab/tool", "tool"],
    ["awesome/acme.example/mcp", "Acme"],
    ["awesome/github.com/owner", "owner"],
    ["awesome/npmjs.com/package/@acme/pkg", "pkg"],
    ["awesome/pypi.org/project/acme-data", "data"],
  ]);
  assert.equal(entries[0]?.repoFolder, "servers/time");
  assert.equal(entries[2]?.homepage, "https://www.acme.example/mcp?utm_source=x");
  assert.deepEqual(
    entries.slice(4).map(({ packages }) => packages.map(({ identifier }) => identifier)),
    [
      ["@acme/pkg"],
      ["acme-data"],
    ],
  );
});

Deno.test("awesomeSource.readTree() counts lines that it cannot read, and goes on", async () => {
  const { entries, problems } = await read([
    "- not a link",
    "- [acme/a](https://github.com/acme/a): A.",
    "$UNIFIED",
    "",
    "- [acme/b](javascript:alert): B.",
    "- [acme/A](https://github.com/acme/A): The same.",
    "- [acme/c](https://github.com/acme/c): C.",
  ]);
  assert.deepEqual(entries.map(({ id }) => id), ["awesome/acme/a", "awesome/acme/c"]);
  assert.deepEqual(problems.map(({ where }) => where), [
    "docs/databases.md:5",
    "docs/databases.md:7",
    "docs/databases.md:9",
    "docs/databases.md:10",
  ]);
});

Deno.test("awesomeSource.readTree() reads the pages that the README links to", async () => {
  const files = {
    "README.md":
      "| [A](docs/databases.md) | 1 | [Browse](docs/databases.md) |\n- [x/y](https://github.com/x/y): no.",
    "docs/index-api.md": "- [x/api](https://github.com/x/api): no.",
    "docs/extra.md": "- [x/extra](https://github.com/x/extra): no.",
  };
  const lines = ["- [acme/a](https://github.com/acme/a): A."];
  assert.deepEqual((await read(lines, files)).entries.map(({ id }) => id), ["awesome/acme/a"]);
  const { "README.md": _readme, ...bare } = files;
  assert.deepEqual((await read(lines, bare)).entries.map(({ id }) => id), [
    "awesome/acme/a",
    "awesome/x/extra",
  ]);
});

Deno.test("awesomeSource.readTree() refuses a tree without a list", async () => {
  await assert.rejects(
    awesomeSource.readTree(memoryTree({ "README.md": "# x" }), context),
    (thrown) => thrown instanceof AppError && thrown.code === "BAD_RESPONSE",
  );
});

Deno.test("awesomeSource.readTree() lets an oversized page cost itself only", async () => {
  const { entries, problems } = await read(["- [acme/a](https://github.com/acme/a): A."], {
    "docs/huge.md": "x".repeat(9 * 1024 * 1024),
  });
  assert.equal(entries.length, 1);
  assert.deepEqual(problems.map(({ where }) => where), ["docs/huge.md"]);
});
