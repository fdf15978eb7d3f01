import assert from "node:assert/strict";
import { resolveConfig } from "../lib/config.ts";
import type { Flags } from "../lib/flags.ts";
import { withAuthToken } from "../lib/serving.ts";

function serve(flags: Flags, env: Readonly<Record<string, string>> = {}) {
  return resolveConfig(flags, env, "linux").serve;
}

Deno.test("resolveServe() takes an issuer with its audiences, and neither alone", () => {
  const issuer = "https://auth.example";
  assert.equal(serve({}).oauth, undefined);
  assert.deepEqual(
    serve({ "oauth-issuer": issuer, "oauth-audience": ["https://w.example/mcp", "api://w"] }).oauth,
    { issuer, audiences: ["https://w.example/mcp", "api://w"] },
  );
  assert.throws(() => serve({ "oauth-issuer": issuer }), /without an audience a token for any/);
  assert.throws(() => serve({ "oauth-audience": ["api://w"] }), /no issuer is named/);
});

Deno.test("resolveServe() binds beyond loopback with a token file or an issuer too", () => {
  const beyond = { transport: "http", host: "0.0.0.0" };
  assert.equal(serve({ ...beyond, "auth-token-file": "/t" }).authTokenFile, "/t");
  assert.ok(serve({ ...beyond, "oauth-issuer": "https://a.example", "oauth-audience": "api://w" }));
  assert.throws(() => serve(beyond), /beyond loopback anyone could use Wharf/);
});

Deno.test("resolveServe() takes an address of IPv6 with and without brackets", () => {
  assert.equal(serve({ transport: "http", host: "[::1]" }).hostname, "::1");
  assert.equal(serve({ transport: "http", host: "::1" }).hostname, "::1");
  const beyond = { transport: "http", host: "[fd00::2]" };
  assert.throws(() => serve(beyond), /Cannot serve on "fd00::2": beyond loopback/);
  assert.deepEqual(serve({ ...beyond, "auth-token": "a-token" }).allowedHosts, ["fd00::2"]);
});

Deno.test("resolveServe() reads the token of the file that was named, not of the environment", () => {
  const env = { MCP_AUTH_TOKEN: "of-the-environment" };
  assert.equal(serve({ "auth-token-file": "/t" }, env).authToken, undefined);
  assert.equal(serve({ "auth-token-file": "/t", "auth-token": "flag" }, env).authToken, "flag");
});

Deno.test("resolveServe() refuses a token that no client could send, without a word of it", () => {
  for (const token of ["correct horse", "correct-h\u00f6rse", "correct\thorse"]) {
    assert.throws(
      () => serve({ transport: "http" }, { MCP_AUTH_TOKEN: token }),
      { message: "Cannot use the token: no header can carry it" },
    );
    assert.equal(serve({}, { MCP_AUTH_TOKEN: token }).transport, "stdio");
  }
  const spaced = serve({ transport: "http" }, { MCP_AUTH_TOKEN: " correct-horse\n" });
  assert.equal(spaced.authToken, "correct-horse");
});

Deno.test("resolveServe() takes limits in the units that people use, and refuses what does not fit", () => {
  const { ratePerMinute, maxSessions, sessionIdleMs, maxBodyBytes } = serve({});
  assert.deepEqual([ratePerMinute, maxSessions, sessionIdleMs, maxBodyBytes], [
    0,
    1000,
    30 * 60_000,
    4 * 1024 * 1024,
  ]);
  const beyond = { host: "0.0.0.0", "allow-unauthenticated": true };
  assert.equal(serve(beyond).ratePerMinute, 3000);
  assert.equal(serve({ "auth-token": "a-token" }).ratePerMinute, 3000);
  const flags = { "rate-limit": "6", "max-sessions": "7", "session-idle": "5", "max-request": "1" };
  const own = serve(flags);
  assert.deepEqual(
    [own.ratePerMinute, own.maxSessions, own.sessionIdleMs, own.maxBodyBytes],
    [6, 7, 300_000, 1024 * 1024],
  );
  for (
    const [name, value] of [
      ["rate-limit", "-1"],
      ["rate-limit", "1e3"],
      ["max-sessions", "0"],
      ["session-idle", "x"],
      ["session-idle", "99999"],
      ["max-request", "2.5"],
      ["max-request", "2000"],
    ] as const
  ) {
    assert.throws(() => serve({ [name]: value }), new RegExp(`Cannot use --${name} "${value}"`));
  }
});

Deno.test("withAuthToken() takes the first line, and no file without a token", () => {
  const settings = serve({ "auth-token-file": "/t" });
  const read = (text: string) => withAuthToken(settings, new TextEncoder().encode(text)).authToken;
  assert.equal(read("correct-horse\n"), "correct-horse");
  assert.equal(read("  correct-horse \r\nmore"), "correct-horse");
  for (
    const bad of ["", "\n", "short", "two words here", "\ncorrect-horse", "correct-h\u00f6rse"]
  ) {
    assert.throws(() => read(bad), /Cannot read the token file "\/t": its first line is no token/);
  }
  assert.throws(() => withAuthToken(settings, undefined), { code: "NOT_FOUND" });
});

Deno.test("resolveServe() serves https with a certificate and its key, and with neither alone", () => {
  const flags = { "tls-cert": "/c.pem", "tls-key": "/k.pem" };
  assert.deepEqual(serve(flags).tls, { certFile: "/c.pem", keyFile: "/k.pem" });
  assert.equal(serve({}).tls, undefined);
  assert.throws(() => serve({ "tls-cert": "/c.pem" }), { hint: /Add --tls-key/ });
  assert.throws(() => serve({ "tls-key": "/k.pem" }), { hint: /Add --tls-cert/ });
});
