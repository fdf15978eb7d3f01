/**
 * Where sources lie. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { placeSources } from "../../lib/catalog/places.ts";

/** The places by source. */
function places(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    placeSources(settings).map(({ source, place }) => [
      source.id,
      place.kind === "builtin"
        ? "builtin"
        : `${place.kind} ${place.kind === "local" ? place.path : place.url.href}`,
    ]),
  );
}

Deno.test("placeSources() gives Wharf's own sources their own places", () => {
  assert.deepEqual(places({}), {
    builtin: "builtin",
    docker: "git https://github.com/docker/mcp-registry.git",
    official: "api https://registry.modelcontextprotocol.io/",
    mcpservers: "site https://mcpservers.org/",
    awesome: "git https://github.com/TensorBlock/awesome-mcp-servers.git",
  });
});

Deno.test("placeSources() takes addresses and paths in every form", () => {
  assert.deepEqual(
    places({
      none: "none",
      docker: "../mirror",
      awesome: "http://127.0.0.1:8000/list",
      official: "https://mirror.example/v0.1",
      mcpservers: "file:///srv/a%20b",
      ours: "https://example.com/servers.json",
      forge: "git+https://example.com/catalogue",
      theirs: "https://example.com/catalogue.git",
      pages: "https://registry.example/v0.1/servers",
      drive: "C:\\catalogue",
    }),
    {
      builtin: "builtin",
      docker: "local ../mirror",
      official: "api https://mirror.example/v0.1",
      mcpservers: "local /srv/a b",
      awesome: "git http://127.0.0.1:8000/list",
      ours: "file https://example.com/servers.json",
      forge: "git https://example.com/catalogue",
      theirs: "git https://example.com/catalogue.git",
      pages: "api https://registry.example/v0.1/servers",
      drive: "local C:\\catalogue",
    },
  );
});

Deno.test("placeSources() switches sources off, one by one or all but the built-in", () => {
  assert.deepEqual(Object.keys(places({ none: "none" })), ["builtin"]);
  assert.deepEqual(Object.keys(places({ none: "none", docker: "/d" })), ["builtin", "docker"]);
  assert.deepEqual(Object.keys(places({ docker: "none", builtin: "none", ours: "none" })), [
    "official",
    "mcpservers",
    "awesome",
  ]);
});

Deno.test("placeSources() gives another place other files", () => {
  const key = (where: string) => placeSources({ none: "none", docker: where })[1]?.key;
  assert.notEqual(key("/a"), key("/b"));
  assert.equal(key("/a"), key("/a"));
  assert.match(key("/a") ?? "", /^docker-[0-9a-f]{12}$/);
});

Deno.test("placeSources() refuses what it cannot read, naming it", () => {
  const refused = (settings: Record<string, string>, message: RegExp) =>
    assert.throws(
      () => placeSources(settings),
      (error) =>
        error instanceof AppError && error.code === "INVALID_ARGUMENT" &&
        error.hint !== undefined && message.test(error.message),
    );
  refused({ docker: "git@github.com:docker/mcp-registry.git" }, /git is read over https only/);
  refused({ docker: "ssh://git@example.com/x" }, /git is read over https only/);
  refused({ docker: "ftp://example.com/x" }, /"ftp:\/\/example.com\/x".*no address/);
  refused({ docker: " " }, /it is empty/);
  refused({ Ours: "/a" }, /"Ours" as a source/);
  refused({ toolhive: "/a" }, /"toolhive" as a source/);
  refused(Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`s${n}`, "/a"])), /51 sources/);
});

Deno.test("placeSources() never repeats a password of an address", () => {
  assert.throws(
    () => placeSources({ ours: "https://me:hunter2@example.com/servers.json" }),
    (error) =>
      error instanceof AppError && !error.message.includes("hunter2") &&
      /"example.com".*holds a name or password/.test(error.message),
  );
});
