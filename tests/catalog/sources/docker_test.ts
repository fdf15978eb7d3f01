import assert from "node:assert/strict";
import { AppError } from "../../../lib/core/errors.ts";
import { dockerEntry } from "../../../lib/catalog/sources/docker.ts";
import { readDockerRecord, readDockerTools } from "../../../lib/catalog/sources/docker_record.ts";
import type { Entry } from "../../../lib/catalog/entry.ts";

const beside = { folder: "acme", tools: [] };
const context = { source: "docker" };

function entry(value: unknown, extra: Partial<Parameters<typeof dockerEntry>[2]> = {}): Entry {
  return dockerEntry(value, context, { ...beside, ...extra });
}

Deno.test("dockerEntry() makes a container of a server", () => {
  const made = entry({
    name: "acme",
    type: "server",
    image: "mcp/acme",
    longLived: true,
    meta: { category: "Fintech", tags: ["Location Presence", 3] },
    about: { title: "Acme (Archived)", description: "Does\nthings", icon: "x" },
    source: {
      project: "https://github.com/Acme/Servers",
      commit: "abc",
      dockerfile: "src/acme/Dockerfile",
    },
  }, { url: "https://example.com/acme" });
  assert.equal(made.id, "docker/acme");
  assert.equal(made.title, "Acme");
  assert.equal(made.status, "archived");
  assert.equal(made.description, "Does things");
  assert.deepEqual(made.categories, ["finance"]);
  assert.deepEqual(made.tags, ["location-presence"]);
  assert.deepEqual([made.repoUrl, made.repoFolder, made.repoRef], [
    "https://github.com/Acme/Servers",
    "src/acme",
    "abc",
  ]);
  assert.equal(made.containerImage, "docker.io/mcp/acme");
  assert.equal(made.dockerBuilt, true);
  assert.deepEqual(made.launchMethods, ["podman"]);
  assert.equal(made.packages[0]?.run?.longLived, true);
  assert.deepEqual(made.requiresApiKey, { value: false, evidence: "its record lists no secret" });
  assert.equal(made.sources[0]?.url, "https://example.com/acme");
});

Deno.test("dockerEntry() names the original where Docker builds from a fork", () => {
  const made = entry({
    name: "acme",
    type: "server",
    image: "ghcr.io/acme/x",
    source: {
      project: "https://github.com/fork/x",
      upstream: "https://github.com/acme/x",
      commit: "of-the-fork",
      directory: "/src/",
    },
  });
  assert.deepEqual([made.repoUrl, made.repoRef, made.repoFolder], [
    "https://github.com/acme/x",
    undefined,
    "src",
  ]);
  assert.equal(made.containerImage, "ghcr.io/acme/x");
  assert.equal(made.dockerBuilt, false);
});

Deno.test("dockerEntry() makes a remote, with its sign-in", () => {
  const made = entry({
    name: "acme",
    type: "remote",
    remote: { transport_type: "sse", url: "https://mcp.acme.example/sse" },
    oauth: [{ provider: "acme", secret: "acme.token", env: "ACME_TOKEN" }, { provider: "b" }, 1],
  });
  assert.equal(made.remotes[0]?.type, "sse");
  assert.deepEqual(made.remotes[0]?.oauth, [
    { provider: "acme", setting: "ACME_TOKEN" },
    { provider: "b" },
  ]);
  assert.equal(made.requiresApiKey.value, true);
  const http = entry({
    name: "acme",
    type: "remote",
    remote: { transport_type: "http", url: "https://mcp.acme.example/mcp" },
  });
  assert.equal(http.remotes[0]?.type, "streamable-http");
});

Deno.test("dockerEntry() says why a poci record is no server", () => {
  const made = entry({
    name: "acme",
    type: "poci",
    tools: [{ name: "run", description: "runs", container: { image: "x" } }, { broken: true }],
  });
  assert.deepEqual(made.launchMethods, []);
  assert.match(made.notLaunchable ?? "", /poci/);
  assert.deepEqual(made.tools, [{ name: "run", description: "runs" }]);
});

Deno.test("dockerEntry() fills a missing description from what lies beside", () => {
  const record = { name: "acme", type: "server", image: "mcp/acme", about: { title: "Acme" } };
  const readme = "# Acme\n\n![badge](x)\n\nDoes things well.\n\nMore.";
  assert.equal(entry(record, { readme }).description, "Does things well.");
  assert.equal(entry(record).description, "Acme");
  const docs = entry(record, { readme: "Docs: https://docs.acme.example/mcp\n" });
  assert.equal(docs.homepage, "https://docs.acme.example/mcp");
  assert.equal(docs.description, "Acme");
});

Deno.test("dockerEntry() lists tools that are known, and none where the list is empty", () => {
  const record = { name: "acme", type: "server", image: "mcp/acme" };
  const tools = readDockerTools([
    { name: "Summarize Detection", description: "x", arguments: [] },
    { name: "b" },
    { description: "nameless" },
  ]);
  assert.deepEqual(entry(record, { tools }).tools, [
    { name: "Summarize Detection", description: "x" },
    { name: "b" },
  ]);
  assert.equal(entry(record, { tools: readDockerTools({}) }).tools, undefined);
});

Deno.test("dockerEntry() refuses a record without what every record has", () => {
  const broken: [unknown, RegExp][] = [
    [null, /the record is missing or wrong/],
    [{ type: "server" }, /name is missing or wrong/],
    [{ name: "acme", type: "spaceship" }, /type is missing or wrong/],
    [{ name: "acme", type: "server" }, /a server without image/],
    [{ name: "acme", type: "remote", remote: {} }, /a remote without remote.url/],
  ];
  for (const [value, message] of broken) {
    assert.throws(
      () => entry(value),
      (thrown) => thrown instanceof AppError && message.test(thrown.message),
    );
  }
});

Deno.test("readDockerRecord() takes a field of a wrong type as missing", () => {
  const record = readDockerRecord({
    name: "acme",
    type: "server",
    image: 3,
    meta: "none",
    about: [],
    source: "x",
    config: [],
    run: "x",
    oauth: {},
    tools: "x",
    longLived: "yes",
  });
  assert.ok(!("fault" in record));
  assert.equal(record.image, undefined);
  assert.deepEqual([record.config.secrets, record.run.command, record.oauth, record.meta.tags], [
    [],
    [],
    [],
    [],
  ]);
});
