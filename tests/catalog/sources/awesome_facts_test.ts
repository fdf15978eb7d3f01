import assert from "node:assert/strict";
import { readFacts } from "../../../lib/catalog/sources/awesome_facts.ts";

function packagesOf(text: string): readonly (readonly [string, string])[] {
  return readFacts(text).packages.map(({ type, identifier }) => [type, identifier] as const);
}

Deno.test("readFacts() reads commands in backticks", () => {
  assert.deepEqual(packagesOf("Install: `npx -y @acme/a` or `pip install acme-a`."), [
    ["npm", "@acme/a"],
    ["pypi", "acme-a"],
  ]);
  assert.deepEqual(packagesOf("Local stdio via `uvx acme-a`; also `uvx acme-a --x`."), [
    ["pypi", "acme-a"],
  ]);
  assert.deepEqual(packagesOf("Install: `docker run --rm -i ghcr.io/acme/a:1`."), [
    ["oci", "ghcr.io/acme/a:1"],
  ]);
});

Deno.test("readFacts() does not take an installation for the server's without a word of it", () => {
  assert.deepEqual(packagesOf("Needs `pip install torch`."), []);
  assert.deepEqual(packagesOf("Install: `curl -fsSL https://x.example/i.sh | sh`."), []);
  assert.deepEqual(packagesOf("Install: `brew install acme`."), []);
});

Deno.test("readFacts() reads endpoints that are called so", () => {
  const remotes = (text: string) => readFacts(text).remotes.map(({ url, type }) => [url, type]);
  assert.deepEqual(remotes("Streamable HTTP endpoint at `https://a.example/mcp`."), [
    ["https://a.example/mcp", "streamable-http"],
  ]);
  assert.deepEqual(remotes("Transport: SSE. Endpoint: https://a.example/x."), [
    ["https://a.example/x", "sse"],
  ]);
  assert.deepEqual(remotes("Remote: `https://a.example/mcp`. See https://b.example."), [
    ["https://a.example/mcp", "streamable-http"],
  ]);
  assert.deepEqual(
    remotes(
      "Endpoint: `https://a.example/mcp`. Connect: `claude mcp add --transport http a https://a.example/mcp`.",
    ),
    [["https://a.example/mcp", "streamable-http"]],
  );
  assert.deepEqual(remotes("Docs at https://a.example/mcp"), []);
});

Deno.test("readFacts() reads the licence from its label or as a word of its own", () => {
  const license = (text: string) => readFacts(text).license;
  assert.equal(license("A tool. License: Apache-2.0. Not MIT."), "Apache-2.0");
  assert.equal(license("A tool. MIT."), "MIT");
  assert.equal(license("A tool, MIT-licensed."), "MIT");
  assert.equal(license("Made at MITRE."), undefined);
  assert.equal(license("Licence: proprietary."), undefined);
});

Deno.test("readFacts() reads names of variables in backticks", () => {
  const { settings } = readFacts("Set `ACME_API_KEY` and `ACME_REGION`; `not_this`, `HTTP`.");
  assert.deepEqual(settings.map(({ name, secret }) => [name, secret]), [
    ["ACME_API_KEY", true],
    ["ACME_REGION", false],
  ]);
});

Deno.test("readFacts() judges the need of a key by the words that are used", () => {
  const need = (text: string) => readFacts(text).requiresApiKey?.value;
  assert.equal(need("Auth: none. MIT."), false);
  assert.equal(need("Auth: API key. MIT."), true);
  assert.equal(need("Auth: account e-mail and password."), true);
  assert.equal(need("Auth: optional for anonymous publishing."), "unknown");
  assert.equal(need("Works without an API key."), false);
  assert.equal(need("Stdio transport, no auth."), false);
  assert.equal(need("Supports OAuth."), "unknown");
  assert.equal(need("Counts words."), undefined);
  assert.match(readFacts("Needs an API key").requiresApiKey?.evidence ?? "", /API key/);
});
