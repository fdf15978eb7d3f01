/**
 * Addresses of remotes whose entries write them as templates. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { renderUrl } from "../../lib/gateway/render_url.ts";
import { hostileText, setting, valuesOf } from "./hostile.ts";

const SETTINGS = [setting("x"), setting("key", { secret: true }), setting("port")];

function refusal(template: string, given: Record<string, string>): string {
  try {
    renderUrl(template, valuesOf(SETTINGS, given));
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown.message;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("renderUrl() percent-encodes values where they stand", () => {
  const cases = [
    ["https://a.example/mcp", {}, "https://a.example/mcp"],
    ["https://a.example/{x}/mcp", { x: "a b/c?d" }, "https://a.example/a%20b%2Fc%3Fd/mcp"],
    [
      "https://a.example/mcp?k={x}",
      { x: "1&admin=1#" },
      "https://a.example/mcp?k=1%26admin%3D1%23",
    ],
    ["https://{x}.example/mcp", { x: "Tenant-1" }, "https://tenant-1.example/mcp"],
    ["https://{x}/mcp", { x: "h.example:8443" }, "https://h.example:8443/mcp"],
    ["http://localhost:{port}/mcp", { port: "9000" }, "http://localhost:9000/mcp"],
  ] as const;
  for (const [template, given, url] of cases) {
    assert.equal(renderUrl(template, valuesOf(SETTINGS, given)).url, url);
  }
});

Deno.test("renderUrl() refuses values that would lead elsewhere", () => {
  for (const x of ["evil.example/", "evil.example#", "u@evil.example", "a b", "", "-a", "a:b"]) {
    assert.match(refusal("https://{x}.a.example/mcp", { x }), /no name of a host$/, x);
  }
  assert.match(refusal("https://{x}.a.example/mcp", { x: "evil.example:80" }), /no http or https/);
  for (const port of ["80@evil.example", "x", "", "123456"]) {
    assert.match(refusal("https://a.example:{port}/", { port }), /no port$/, port);
  }
  assert.match(refusal("https://a.example:{port}/", { port: "99999" }), /no http or https/);
  for (const x of [".", ".."]) {
    assert.match(refusal("https://a.example/{x}/mcp", { x }), /another part of the server$/, x);
  }
  assert.match(refusal("https://a.example/{x}", {}), /a setting in it has no value$/);
  assert.match(refusal("ftp://a.example/", {}), /no http or https address$/);
});

Deno.test("renderUrl() says which secrets are in an address, and hides what is not to be known", () => {
  assert.deepEqual(renderUrl("https://a.example/?k={key}", valuesOf(SETTINGS, { key: "v" })), {
    url: "https://a.example/?k=v",
    host: "a.example",
    isHidden: false,
    secrets: ["key"],
  });
  const hidden = { key: { kind: "hidden" }, x: { kind: "hidden" } } as const;
  assert.deepEqual(renderUrl("https://A.example/?k={key}", valuesOf(SETTINGS, hidden)), {
    url: "https://A.example/?k=<key>",
    host: "a.example",
    isHidden: true,
    secrets: ["key"],
  });
  assert.equal(renderUrl("https://{x}.example/", valuesOf(SETTINGS, hidden)).host, undefined);
  assert.throws(
    () =>
      renderUrl(
        "https://a.example/{x}",
        valuesOf(SETTINGS, { x: { kind: "podman-secret", name: "s" } }),
      ),
    /podman secret can only become a whole variable/,
  );
});

Deno.test("renderUrl() leads to the host and path of the template, whatever the value", () => {
  fc.assert(
    fc.property(hostileText, (x) => {
      let url: URL;
      try {
        url = new URL(
          renderUrl("https://a.example/v1/{x}/mcp?q={x}", valuesOf(SETTINGS, { x })).url,
        );
      } catch (thrown) {
        assert.ok(thrown instanceof AppError, String(thrown));
        return;
      }
      assert.equal(url.origin, "https://a.example");
      assert.match(url.pathname, /^\/v1\/[^/]*\/mcp$/);
      assert.deepEqual([...url.searchParams.entries()], [["q", x]]);
      assert.equal(url.hash, "");
    }),
    { seed: 42, numRuns: 1000 },
  );
  fc.assert(
    fc.property(hostileText, (x) => {
      try {
        const { host } = renderUrl("https://{x}.a.example/mcp", valuesOf(SETTINGS, { x }));
        assert.ok(host?.endsWith(".a.example"));
      } catch (thrown) {
        assert.ok(thrown instanceof AppError, String(thrown));
      }
    }),
    { seed: 43, numRuns: 1000 },
  );
});
