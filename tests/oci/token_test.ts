/**
 * Token servers: what they are asked, what they answer, and which of them are refused.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { UrlOrigin } from "../../lib/core/http.ts";
import type { Credential } from "../../lib/oci/auth_file.ts";
import { parseChallenges } from "../../lib/oci/challenge.ts";
import { type Authorization, Authorizer, TokenRefused } from "../../lib/oci/token.ts";
import {
  type Handler,
  InProcessStage,
  json,
  ScriptedHost,
  SkippingClock,
} from "./scripted_registry.ts";

const BEARER = 'Bearer realm="https://auth.test/token",service="reg"';
const SCOPE = "repository:app:pull";
const PERSON: Credential = { kind: "basic", username: "mé", password: "pä:ß" };

/** A token server, and what asks it. */
class Bench {
  readonly unmatched: string[] = [];
  readonly clock = new SkippingClock();
  readonly stage = new InProcessStage(this.unmatched);
  readonly auth = this.host("auth");
  readonly #authorizer = new Authorizer({ net: this.stage.net, clock: this.clock });

  host(name: string, kind: "public" | "loopback" = "public"): ScriptedHost {
    const host = new ScriptedHost("https://unset.test", kind, this.unmatched);
    this.stage.enter(name, host);
    return host;
  }

  authorize(
    options: {
      readonly challenge?: string;
      readonly credential?: Credential;
      readonly scope?: string;
      readonly url?: string;
      readonly origin?: UrlOrigin;
    } = {},
  ): Promise<Authorization | undefined> {
    const { credential } = options;
    return this.#authorizer.authorize({
      registry: "registry.test",
      scope: options.scope ?? SCOPE,
      challenges: parseChallenges(options.challenge ?? BEARER),
      url: new URL(options.url ?? "https://registry.test/v2/app/x"),
      origin: options.origin ?? "derived",
      found: credential === undefined ? undefined : { credential, source: "a file" },
    }, new AbortController().signal);
  }
}

const query = (bench: Bench, index = 0) => {
  const [, path = ""] = (bench.auth.lines[index] ?? "").split(" ");
  return [...new URL(path, "https://auth.test").searchParams];
};

Deno.test("authorize() asks the realm for the challenge's scope first, then for its own", async () => {
  const bench = new Bench();
  bench.auth.on("GET /token", () => json({ token: "t" }));
  await bench.authorize({ challenge: `${BEARER},scope="aws"` });
  assert.deepEqual(query(bench), [["service", "reg"], ["scope", "aws"], ["scope", SCOPE]]);
  await bench.authorize({ challenge: `${BEARER},scope="${SCOPE}"` });
  assert.deepEqual(query(bench, 1), [["service", "reg"], ["scope", SCOPE]]);
  await bench.authorize({
    challenge: 'bearer realm="/token"',
    scope: "",
    url: "https://auth.test",
  });
  assert.deepEqual(query(bench, 2), []);
});

Deno.test("authorize() keeps what the realm's own query says", async () => {
  const bench = new Bench();
  bench.auth.on("GET /token", () => json({ token: "t" }));
  await bench.authorize({ challenge: 'Bearer realm="https://auth.test/token?account=a"' });
  assert.deepEqual(query(bench), [["account", "a"], ["scope", SCOPE]]);
});

Deno.test("authorize() sends name and password to the realm in UTF-8", async () => {
  const bench = new Bench();
  bench.auth.on("GET /token", () => json({ token: "t" }));
  const authorization = await bench.authorize({ credential: PERSON });
  const sent = bench.auth.authorizations[0]?.slice("Basic ".length) ?? "";
  const bytes = Uint8Array.from(atob(sent), (character) => character.charCodeAt(0));
  assert.equal(new TextDecoder().decode(bytes), "mé:pä:ß");
  assert.deepEqual(
    [authorization?.header, authorization?.scheme, authorization?.source],
    ["Bearer t", "bearer", "a file"],
  );
});

Deno.test("authorize() asks anonymously without a credential", async () => {
  const bench = new Bench();
  bench.auth.on("GET /token", () => json({ token: "t" }));
  const authorization = await bench.authorize();
  assert.deepEqual(bench.auth.authorizations, []);
  assert.equal(authorization?.source, undefined);
});

Deno.test("authorize() chooses Bearer before Basic and knows no other scheme", async () => {
  const bench = new Bench();
  bench.auth.on("GET /token", () => json({ token: "t" }));
  const both = await bench.authorize({
    challenge: `Basic realm="b", ${BEARER}`,
    credential: PERSON,
  });
  assert.equal(both?.scheme, "bearer");
  const negotiate = { challenge: "Negotiate, Digest realm=x", credential: PERSON };
  assert.equal(await bench.authorize(negotiate), undefined);
  assert.equal(await bench.authorize({ challenge: "", credential: PERSON }), undefined);
  assert.equal(await bench.authorize({ challenge: 'Basic realm="b"' }), undefined);
  // A bearer challenge without a realm cannot be answered.
  assert.equal(await bench.authorize({ challenge: 'Bearer service="b"' }), undefined);
});

const START = new SkippingClock().now();
const at = (seconds: number) => new Date(START + seconds * 1000).toISOString();
const ANSWERS: readonly [what: string, answer: unknown, header: string, seconds: number][] = [
  ["token", { token: "a", expires_in: 300 }, "Bearer a", 295],
  ["access_token", { access_token: "b", expires_in: 300 }, "Bearer b", 295],
  ["both", { token: "a", access_token: "b" }, "Bearer a", 55],
  ["an empty token and an access_token", { token: "", access_token: "b" }, "Bearer b", 55],
  ["null and an access_token", { token: null, access_token: "b" }, "Bearer b", 55],
  ["no life", { token: "a" }, "Bearer a", 55],
  ["a life in a string", { token: "a", expires_in: "300" }, "Bearer a", 295],
  ["a life of nothing", { token: "a", expires_in: "soon" }, "Bearer a", 55],
  ["a short life", { token: "a", expires_in: 1 }, "Bearer a", 55],
  ["a negative life", { token: "a", expires_in: -5 }, "Bearer a", 55],
  ["issued before", { token: "a", expires_in: 300, issued_at: at(-100) }, "Bearer a", 195],
  ["issued too long ago", { token: "a", expires_in: 300, issued_at: at(-301) }, "Bearer a", 295],
  ["issued in the future", { token: "a", expires_in: 300, issued_at: at(3600) }, "Bearer a", 295],
  ["issued never", { token: "a", expires_in: 300, issued_at: "x" }, "Bearer a", 295],
];

for (const [what, answer, header, seconds] of ANSWERS) {
  Deno.test(`authorize() reads an answer with ${what}`, async () => {
    const bench = new Bench();
    bench.auth.on("GET /token", () => json(answer));
    const authorization = await bench.authorize();
    assert.equal(authorization?.header, header);
    assert.equal(authorization?.expiresMs, START + seconds * 1000);
  });
}

const BAD: readonly [what: string, handler: Handler][] = [
  ["without a token", () => json({ expires_in: 1 })],
  ["with a line feed in the token", () => json({ token: "a\nx-evil: 1" })],
  ["that is no object", () => json("token")],
  ["that is no JSON", () => new Response("<html>")],
];

for (const [what, handler] of BAD) {
  Deno.test(`authorize() refuses an answer ${what}`, async () => {
    const bench = new Bench();
    bench.auth.on("GET /token", handler);
    await assert.rejects(bench.authorize(), { code: "BAD_RESPONSE" });
  });
}

Deno.test("authorize() reads no token answer beyond 256 KiB", async () => {
  const bench = new Bench();
  bench.auth.on("GET /token", () => json({ token: "a".repeat(256 * 1024) }));
  await assert.rejects(bench.authorize(), { code: "TOO_LARGE" });
});

Deno.test("authorize() exchanges an identity token by a form", async () => {
  const bench = new Bench();
  bench.auth.on("POST /token", () => json({ access_token: "t" }));
  await bench.authorize({
    credential: { kind: "identity", token: "r=1&x" },
    challenge: `${BEARER},scope="aws"`,
  });
  const [request] = bench.auth.requests;
  assert.equal(request?.headers.get("content-type"), "application/x-www-form-urlencoded");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(request?.body)), {
    grant_type: "refresh_token",
    client_id: "wharf",
    refresh_token: "r=1&x",
    service: "reg",
    scope: `aws ${SCOPE}`,
  });
  assert.deepEqual(bench.auth.authorizations, []);
});

for (const status of [400, 401, 404, 405]) {
  Deno.test(`authorize() falls back from POST to an anonymous GET on status ${status}`, async () => {
    const bench = new Bench();
    bench.auth.on("POST /token", () => new Response("no", { status }))
      .on("GET /token", () => json({ token: "t" }));
    const authorization = await bench.authorize({ credential: { kind: "identity", token: "r" } });
    assert.equal(authorization?.header, "Bearer t");
    assert.deepEqual(bench.auth.authorizations, []);
  });
}

Deno.test("authorize() keeps a refresh token that the server rotates, until it is refused", async () => {
  const bench = new Bench();
  let isRefused = false;
  bench.auth.on(
    "POST /token",
    (_, count) =>
      isRefused
        ? new Response("", { status: 400 })
        : json({ access_token: "t", refresh_token: `r${count}` }),
  )
    .on("GET /token", () => json({ token: "anonymous" }));
  const credential: Credential = { kind: "identity", token: "r0" };
  const used = () =>
    bench.auth.requests.filter(({ method }) => method === "POST").map(({ body }) =>
      new URLSearchParams(body).get("refresh_token")
    );
  await bench.authorize({ credential });
  await bench.authorize({ credential });
  isRefused = true;
  await bench.authorize({ credential });
  isRefused = false;
  await bench.authorize({ credential });
  assert.deepEqual(used(), ["r0", "r1", "r2", "r0"]);
  // After a new login the old chain is not used.
  await bench.authorize({ credential: { kind: "identity", token: "new" } });
  assert.equal(used().at(-1), "new");
});

Deno.test("authorize() rejects with the token server's refusal", async () => {
  const bench = new Bench();
  bench.auth.on("GET /token", () => new Response("no", { status: 403 }));
  await assert.rejects(bench.authorize({ credential: PERSON }), (thrown) => {
    assert.ok(thrown instanceof TokenRefused);
    assert.deepEqual([thrown.refusal.status, thrown.source], [403, "a file"]);
    assert.equal(new TextDecoder().decode(thrown.refusal.body), "no");
    return true;
  });
});

const UNSAFE: readonly [realm: string, registry: string][] = [
  ["http://auth.test/token", "https://registry.test/v2/"],
  ["ftp://auth.test/token", "http://registry.test/v2/"],
  ["https://user:pass@auth.test/token", "https://registry.test/v2/"],
  ["https://", "https://registry.test/v2/"],
];

for (const [realm, url] of UNSAFE) {
  Deno.test(`authorize() refuses the realm ${realm} of ${url}`, async () => {
    const bench = new Bench();
    await assert.rejects(
      bench.authorize({ challenge: `Bearer realm="${realm}"`, url, credential: PERSON }),
      { code: "ADDRESS_REFUSED" },
    );
    assert.equal(bench.auth.requests.length, 0);
  });
}

Deno.test("authorize() takes an http realm from a registry that is spoken to over http", async () => {
  const bench = new Bench();
  const realm = bench.host("http://127.0.0.2:5001").on("GET /token", () => json({ token: "t" }));
  const challenge = 'Bearer realm="http://127.0.0.2:5001/token"';
  const url = "http://127.0.0.1:5000/v2/";
  await bench.authorize({ challenge, url, origin: "named", credential: PERSON });
  assert.equal(realm.authorizations.length, 1);
});

for (
  const realm of ["https://127.0.0.1/t", "https://10.0.0.1/t", "https://[::1]/t", "https://0/t"]
) {
  Deno.test(`authorize() refuses the inside address ${realm} from a public registry`, async () => {
    const bench = new Bench();
    const challenge = `Bearer realm="${realm}"`;
    await assert.rejects(bench.authorize({ challenge, credential: PERSON }), {
      code: "ADDRESS_REFUSED",
    });
  });
}

Deno.test("authorize() refuses the metadata address from anybody", async () => {
  const challenge = 'Bearer realm="http://169.254.169.254/token"';
  const url = "http://127.0.0.1:5000/v2/";
  await assert.rejects(new Bench().authorize({ challenge, url, origin: "named" }), {
    code: "ADDRESS_REFUSED",
  });
});

Deno.test("authorize() follows the token server's redirects without the credential", async () => {
  const bench = new Bench();
  const to = (location: string) => () => new Response(null, { status: 302, headers: { location } });
  bench.auth.on("GET /token", to("/moved")).on("GET /moved", to("https://other.test/t"));
  const other = bench.host("other").on("GET /t", () => json({ token: "t" }));
  await bench.authorize({ credential: PERSON });
  assert.equal(bench.auth.authorizations.length, 2);
  assert.deepEqual(other.authorizations, []);
});

Deno.test("authorize() refuses a token server's redirect inside, to http, or in a circle", async () => {
  for (
    const [location, code] of [
      ["https://10.0.0.1/t", "ADDRESS_REFUSED"],
      ["http://auth.test/t", "ADDRESS_REFUSED"],
      ["/token", "BAD_RESPONSE"],
    ] as const
  ) {
    const bench = new Bench();
    bench.auth.on("GET /token", () => new Response(null, { status: 302, headers: { location } }));
    await assert.rejects(bench.authorize(), (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(thrown.code, code);
      return true;
    });
    assert.ok(bench.auth.requests.length <= 4);
  }
});

Deno.test("authorize() treats what a public token server leads to as derived, whoever named it", async () => {
  const bench = new Bench();
  bench.auth.on(
    "GET /token",
    () => new Response(null, { status: 302, headers: { location: "https://127.0.0.1/t" } }),
  );
  await assert.rejects(bench.authorize({ origin: "named" }), { code: "ADDRESS_REFUSED" });
});
