import assert from "node:assert/strict";
import { groupSameServers } from "../../lib/catalog/identity.ts";
import type { Entry } from "../../lib/catalog/entry.ts";
import { type EntryFacts, makeEntry } from "./make.ts";

/** Groups of more than one, as lists of ids. */
function joined(...entries: readonly Entry[]): readonly (readonly string[])[] {
  return groupSameServers(entries).groups.filter((group) => group.length > 1)
    .map((group) => group.map(({ id }) => id));
}

const npm = (identifier: string, ...args: readonly string[]): EntryFacts => ({
  packages: [{ type: "npm", identifier, args: args.map((value) => ({ value })) }],
});
const repo = (path: string, folder?: string): EntryFacts => ({
  repo: `https://github.com/${path}`,
  ...(folder === undefined ? {} : { folder }),
});
const remote = (...urls: readonly string[]): EntryFacts => ({
  remotes: urls.map((url) => ({ url })),
});

Deno.test("groupSameServers() joins by a repository that occurs once in each source", () => {
  assert.deepEqual(
    joined(
      makeEntry("docker/a", repo("Acme/Tool")),
      makeEntry("awesome/acme/tool", repo("acme/tool")),
      makeEntry("official/io.github.acme/tool", repo("ACME/tool", "mcp")),
    ),
    [["awesome/acme/tool", "docker/a", "official/io.github.acme/tool"]],
  );
});

Deno.test("groupSameServers() never joins two servers of one mono-repository", () => {
  const root = makeEntry("awesome/acme/mono", repo("acme/mono"));
  const one = makeEntry("docker/one", repo("acme/mono", "src/one"));
  const two = makeEntry("docker/two", repo("acme/mono", "src/two"));
  const other = makeEntry("official/com.acme/three", repo("acme/mono", "src/three"));
  assert.deepEqual(joined(root, one, two), []);
  assert.deepEqual(joined(one, other), []);
  assert.deepEqual(joined(root, one, other), []);
  // The same folder is the same server, however it is spelled.
  const again = makeEntry("official/com.acme/one", repo("Acme/Mono", "./SRC/one/"));
  assert.deepEqual(joined(one, two, again), [["docker/one", "official/com.acme/one"]]);
});

Deno.test("groupSameServers() keeps a mono-repository's servers apart through a third entry too", () => {
  const shared = {
    packages: [{ type: "npm", identifier: "@acme/a" }, { type: "oci", identifier: "acme/b" }],
  };
  const groups = joined(
    makeEntry("docker/a", { ...repo("acme/mono", "a"), ...npm("@acme/a") }),
    makeEntry("docker/b", {
      ...repo("acme/mono", "b"),
      packages: [{ type: "oci", identifier: "acme/b" }],
    }),
    makeEntry("official/com.acme/hub", shared),
  );
  assert.deepEqual(groups, [["docker/b", "official/com.acme/hub"]]);
});

Deno.test("groupSameServers() joins by package and image, whatever the version and spelling", () => {
  assert.deepEqual(
    joined(
      makeEntry("official/a.b/c", { packages: [{ type: "pypi", identifier: "Acme_MCP" }] }),
      makeEntry("official/io.github.x/c", { packages: [{ type: "pypi", identifier: "acme.mcp" }] }),
      makeEntry("docker/d", { packages: [{ type: "oci", identifier: "acme/d:1" }] }),
      makeEntry("official/d.e/f", { packages: [{ type: "oci", identifier: "docker.io/acme/d" }] }),
    ),
    [["docker/d", "official/d.e/f"], ["official/a.b/c", "official/io.github.x/c"]],
  );
});

Deno.test("groupSameServers() leaves a package apart that starts several servers", () => {
  assert.deepEqual(
    joined(
      makeEntry("official/a.b/weather", npm("@acme/multi", "weather")),
      makeEntry("official/a.b/maps", npm("@acme/multi", "maps")),
    ),
    [],
  );
  const many = ["a", "b", "c", "d"].map((name) => makeEntry(`official/x.y/${name}`, npm("runner")));
  assert.deepEqual(joined(...many, makeEntry("docker/z", npm("runner"))), []);
});

Deno.test("groupSameServers() joins by a remote, but not by that of a hub or of every machine", () => {
  const url = "https://mcp.acme.example/mcp";
  const mine = makeEntry("docker/a", remote(`${url}/`));
  assert.deepEqual(joined(mine, makeEntry("official/b.c/d", remote(url))), [
    ["docker/a", "official/b.c/d"],
  ]);
  const hub = makeEntry("official/b.c/hub", remote(url, ...[1, 2, 3].map((n) => `${url}/${n}`)));
  assert.deepEqual(joined(mine, hub), []);
  // A hub does not keep the others apart either.
  assert.deepEqual(joined(mine, hub, makeEntry("builtin/a", remote(url))), [
    ["builtin/a", "docker/a"],
  ]);
  for (
    const local of [
      "http://localhost:8080/mcp",
      "http://127.0.0.1/mcp",
      "http://[::1]/mcp",
      "https://{host}.example/mcp",
      "http://10.0.0.1/mcp",
    ]
  ) {
    assert.deepEqual(
      joined(makeEntry("docker/a", remote(local)), makeEntry("official/b.c/d", remote(local))),
      [],
      local,
    );
  }
});

Deno.test("groupSameServers() never joins by name or title", () => {
  assert.deepEqual(
    joined(
      makeEntry("docker/mcp-server", { ...repo("a/mcp-server"), title: "MCP Server" }),
      makeEntry("awesome/b/mcp-server", { ...repo("b/mcp-server"), title: "MCP Server" }),
    ),
    [],
  );
});

Deno.test("groupSameServers() does not believe prose against another repository", () => {
  const real = makeEntry("official/com.acme/a", { ...repo("acme/a"), ...npm("@acme/a") });
  const image = makeEntry("docker/a", npm("@acme/a"));
  const readme = makeEntry("mcpservers/x/y", { ...repo("x/y"), ...npm("@acme/a") });
  assert.deepEqual(joined(real, readme), []);
  // Nor does it keep the others apart.
  assert.deepEqual(joined(real, image, readme), [["docker/a", "official/com.acme/a"]]);
  const bare = makeEntry("mcpservers/a", npm("@acme/a"));
  assert.deepEqual(joined(real, bare), [["mcpservers/a", "official/com.acme/a"]]);
});

Deno.test("groupSameServers() lets no crowd of lists keep a server's records apart", () => {
  const crowd = Array.from(
    { length: 2000 },
    (_, index) => makeEntry(`awesome/x/${index}`, { ...repo(`x/${index}`), ...npm("@acme/a") }),
  );
  assert.deepEqual(
    joined(makeEntry("builtin/a", npm("@acme/a")), makeEntry("docker/a", npm("@acme/a")), ...crowd),
    [["builtin/a", "docker/a"]],
  );
});

Deno.test("groupSameServers() counts joins and keys that were left apart by rule", () => {
  const { joins, leftApart } = groupSameServers([
    makeEntry("docker/a", repo("acme/a")),
    makeEntry("awesome/acme/a", repo("acme/a")),
    makeEntry("docker/b", repo("acme/mono")),
    makeEntry("docker/c", repo("acme/mono")),
  ]);
  assert.deepEqual(joins, { image: 0, package: 0, remote: 0, folder: 0, repository: 1 });
  assert.deepEqual(leftApart, { image: 0, package: 0, remote: 0, folder: 0, repository: 1 });
});
