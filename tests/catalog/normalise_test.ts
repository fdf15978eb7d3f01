import assert from "node:assert/strict";
import fc from "fast-check";
import {
  foldId,
  imageKey,
  normaliseFolder,
  packageKey,
  parseRepository,
  qualifyImage,
  remoteKey,
  repositoryKey,
  repositoryUrl,
  slug,
  webUrl,
} from "../../lib/catalog/normalise.ts";

function keyOf(url: string): string | undefined {
  const place = parseRepository(url, { anyHost: true });
  return place === undefined ? undefined : repositoryKey(place);
}

Deno.test("parseRepository() reads one repository in all its spellings", () => {
  for (
    const url of [
      "https://github.com/Acme/Servers",
      "http://www.github.com/acme/servers/",
      "https://github.com/acme/servers.git",
      "git+https://github.com/acme/servers.git#main",
      "git@github.com:acme/servers.git",
      "ssh://git@github.com/acme/servers",
      "git://github.com/acme/servers.git",
      "  https://github.com/ACME/servers?tab=readme#install ",
      "https://github.com/acme/servers/issues/3",
    ]
  ) assert.equal(keyOf(url), "github.com/acme/servers", url);
});

Deno.test("parseRepository() keeps the folder and the ref of a tree or file URL", () => {
  const tree = parseRepository("https://github.com/acme/servers/tree/v1/src/time/");
  assert.deepEqual(tree, {
    host: "github.com",
    path: "acme/servers",
    ref: "v1",
    folder: "src/time",
  });
  assert.equal(parseRepository("https://github.com/a/b/tree/main")?.folder, undefined);
  assert.equal(
    parseRepository("https://github.com/a/b/blob/main/src/time/README.md")?.folder,
    "src/time",
  );
  assert.equal(tree && repositoryUrl(tree), "https://github.com/acme/servers");
});

Deno.test("parseRepository() keeps the groups of GitLab", () => {
  const place = parseRepository("https://gitlab.com/group/sub/tool/-/tree/main/mcp");
  assert.deepEqual(place, {
    host: "gitlab.com",
    path: "group/sub/tool",
    ref: "main",
    folder: "mcp",
  });
});

Deno.test("parseRepository() refuses what names no repository", () => {
  for (
    const url of [
      "",
      "https://github.com/acme",
      "https://github.com/",
      "https://github.com/topics/mcp",
      "https://example.com/a/b",
      "javascript:alert(1)",
      "/etc/passwd",
      "x".repeat(5000),
      "https://github.com/a/.git",
    ]
  ) assert.equal(parseRepository(url), undefined, url.slice(0, 60));
  assert.equal(keyOf("https://git.example.com/a/b"), "git.example.com/a/b");
});

Deno.test("normaliseFolder() folds folders and never leaves the repository", () => {
  assert.equal(normaliseFolder("./src/time/"), "src/time");
  assert.equal(normaliseFolder("src/time/Dockerfile", { dockerfile: true }), "src/time");
  assert.equal(normaliseFolder("Dockerfile", { dockerfile: true }), undefined);
  assert.equal(normaliseFolder("../x"), undefined);
  assert.equal(normaliseFolder("/"), undefined);
});

Deno.test("qualifyImage() names the registry, and leaves one that is there", () => {
  const cases: Record<string, string | undefined> = {
    "mcp/time": "docker.io/mcp/time",
    "alpine": "docker.io/library/alpine",
    "ghcr.io/Acme/Server:1.2": "ghcr.io/acme/server:1.2",
    "localhost:5000/x": "localhost:5000/x",
    "localhost/x": "localhost/x",
    "index.docker.io/mcp/x": "docker.io/mcp/x",
    "docker://mcp/x": "docker.io/mcp/x",
    "ghcr.io/a/b:${VERSION}": "ghcr.io/a/b",
    [`a/b@sha256:${"a".repeat(64)}`]: `docker.io/a/b@sha256:${"a".repeat(64)}`,
    "--privileged": undefined,
    "a b": undefined,
    "a/../b": undefined,
    "": undefined,
  };
  for (const [given, wanted] of Object.entries(cases)) {
    assert.equal(qualifyImage(given), wanted, given);
  }
  assert.equal(qualifyImage(`a${"/b".repeat(400)}`), undefined);
});

Deno.test("keys fold what does not tell things apart", () => {
  assert.equal(imageKey("docker.io/mcp/time:1.2@sha256:abc"), "docker.io/mcp/time");
  assert.equal(imageKey("localhost:5000/x"), "localhost:5000/x");
  assert.equal(packageKey("npm", "@Acme/MCP"), "npm:@acme/mcp");
  assert.equal(packageKey("pypi", "MCP_Server.time"), "pypi:mcp-server-time");
  assert.equal(packageKey("oci", "ghcr.io/a/b:2"), "oci:ghcr.io/a/b");
  assert.equal(packageKey("mcpb", "https://x/Y.mcpb"), "mcpb:https://x/Y.mcpb");
  assert.equal(packageKey("nuget", "Azure.Mcp"), "nuget:azure.mcp");
  assert.equal(remoteKey("https://MCP.example.com/Mcp/?a=b#c"), "https://mcp.example.com/Mcp");
  assert.equal(remoteKey("{base}/mcp"), "{base}/mcp");
  assert.equal(foldId("docker/SQLite"), "docker/sqlite");
});

Deno.test("webUrl() takes http and https without user information only", () => {
  assert.equal(webUrl("https://example.com"), "https://example.com");
  assert.equal(webUrl(" https://Example.com/a?b#c "), "https://example.com/a?b#c");
  assert.equal(webUrl("http://example.com/"), "http://example.com/");
  for (
    const bad of [
      "javascript:alert(1)",
      "file:///etc/passwd",
      "ftp://x/y",
      "https://u:p@x/",
      "x",
      "",
    ]
  ) {
    assert.equal(webUrl(bad), undefined, bad);
  }
});

Deno.test("webUrl() keeps placeholders where templates are allowed", () => {
  const url = "https://{tenant}.example.com/mcp/{id}";
  assert.equal(webUrl(url, { templates: true }), url);
  assert.equal(webUrl("{base}/mcp", { templates: true }), undefined);
  assert.equal(webUrl("https://x/{a} b", { templates: true }), undefined);
  assert.equal(webUrl("https://{a}:{b}@x/", { templates: true }), undefined);
});

Deno.test("slug() gives harmless ids whatever the text is", () => {
  assert.equal(slug("io.github.acme/time"), "io.github.acme/time");
  assert.equal(slug("a b//../../etc/./x"), "a-b/etc/x");
  assert.equal(slug("/-rf/.hidden/"), "rf/hidden");
  assert.equal(slug("中文"), "");
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      const made = slug(text);
      assert.match(made, /^[A-Za-z0-9._/@-]*$/);
      assert.ok(made === "" || made.split("/").every((part) => part !== "" && !/^\.+$/.test(part)));
    }),
    { seed: 20260101, numRuns: 500 },
  );
});
