import assert from "node:assert/strict";
import fc from "fast-check";
import { checkJwt, type JwtCheck, type JwtExpectations, readKeySet } from "../../lib/http/jwt.ts";
import { AUDIENCE, ISSUER, NOW_SECONDS, TestIssuer } from "./test_issuer.ts";

function against(
  issuer: TestIssuer,
  token: string,
  expected: Partial<JwtExpectations> = {},
): Promise<JwtCheck> {
  return checkJwt(token, {
    keys: readKeySet(issuer.keySet()),
    issuer: ISSUER,
    audiences: [AUDIENCE],
    nowMs: NOW_SECONDS * 1000,
    ...expected,
  });
}

async function faultOf(issuer: TestIssuer, token: string): Promise<string> {
  const check = await against(issuer, token);
  assert.ok("fault" in check, "the token was accepted");
  return check.fault;
}

Deno.test("checkJwt() gives the claims of a good token, in the words of several issuers", async () => {
  const issuer = await TestIssuer.open();
  const expiresAtMs = (NOW_SECONDS + 3600) * 1000;
  assert.deepEqual(
    await against(issuer, await issuer.sign({ client_id: "app", scope: "read write openid" })),
    {
      claims: { subject: "ada", scopes: ["read", "write", "openid"], expiresAtMs },
    },
  );
  const azure = {
    sub: undefined,
    scope: undefined,
    scp: ["read"],
    azp: "app",
    aud: ["other", AUDIENCE],
  };
  assert.deepEqual(await against(issuer, await issuer.sign(azure, { typ: "JWT" })), {
    claims: { subject: "app", scopes: ["read"], expiresAtMs },
  });
  assert.deepEqual(
    await against(
      issuer,
      await issuer.sign({ sub: undefined, scope: undefined, client_id: "robot" }, {
        typ: undefined,
      }),
    ),
    {
      claims: { subject: "robot", scopes: [], expiresAtMs },
    },
  );
});

Deno.test("checkJwt() allows clocks to differ by half a minute, and no more", async () => {
  const issuer = await TestIssuer.open();
  const at = async (claims: object) =>
    "claims" in await against(issuer, await issuer.sign({ ...claims }));
  assert.ok(await at({ exp: NOW_SECONDS - 29 }));
  assert.ok(!await at({ exp: NOW_SECONDS - 31 }));
  assert.ok(await at({ nbf: NOW_SECONDS + 29 }));
  assert.ok(!await at({ nbf: NOW_SECONDS + 31 }));
});

Deno.test("checkJwt() says what is wrong with a token", async () => {
  const issuer = await TestIssuer.open();
  const sign = issuer.sign.bind(issuer);
  const [head = "", body = ""] = (await sign()).split(".");
  const other = await TestIssuer.open();
  const cases: readonly (readonly [string, string])[] = [
    [await sign({ exp: NOW_SECONDS - 60 }), "the token has expired"],
    [await sign({ exp: undefined }), "the token has no end"],
    [await sign({ nbf: NOW_SECONDS + 60 }), "the token is not valid yet"],
    [await sign({ aud: "https://other.example" }), "the token is for another audience"],
    [await sign({ aud: undefined }), "the token is for another audience"],
    [await sign({ aud: [] }), "the token is for another audience"],
    [await sign({ iss: "https://evil.example" }), "the token is of another issuer"],
    [await sign({ iss: `${ISSUER}/` }), "the token is of another issuer"],
    [await sign({ sub: undefined }), "the token does not say whose it is"],
    [await sign({ sub: 7 }), "a claim of the token has the wrong form"],
    [await sign({ scope: 7 }), "a claim of the token has the wrong form"],
    [await sign({}, { typ: "dpop+jwt" }), "the token is no access token"],
    [await sign({}, { kid: "2" }), "the token was signed with an unknown key"],
    [await sign({}, { crit: ["x"], x: 1 }), "the token is no valid JSON Web Token"],
    [await other.sign(), "the token's signature is wrong"],
    [`${issuer.signingInput({}, { alg: "none" })}.`, "the token's algorithm is not allowed"],
    [`${issuer.signingInput({}, { alg: "None" })}.`, "the token's algorithm is not allowed"],
    [issuer.confused(), "the token's algorithm is not allowed"],
    [`${head}.${body}.`, "the token's signature is wrong"],
    [`${head}.${body}`, "the token is no valid JSON Web Token"],
    ["opaque", "the token is no valid JSON Web Token"],
    ["..", "the token is no valid JSON Web Token"],
    [`${head}.${"A".repeat(17_000)}.A`, "the token is too long"],
  ];
  for (const [token, fault] of cases) assert.equal(await faultOf(issuer, token), fault, token);
});

Deno.test("checkJwt() takes a token that names no key only where there is one", async () => {
  const issuer = await TestIssuer.open();
  const token = await issuer.sign({}, { kid: undefined });
  assert.ok("claims" in await against(issuer, token));
  await issuer.addKey("2");
  assert.equal(await faultOf(issuer, token), "the token does not say which key signed it");
});

Deno.test("readKeySet() takes public keys only", async () => {
  const issuer = await TestIssuer.open();
  const secret = { kty: "oct", k: "c2VjcmV0", alg: "HS256", kid: "1" };
  for (
    const bad of [undefined, null, {}, { keys: [] }, { keys: "x" }, { keys: [{}] }, {
      keys: [secret],
    }]
  ) {
    assert.throws(() => readKeySet(bad), { code: "BAD_RESPONSE" });
  }
  assert.throws(() => readKeySet({ keys: Array(101).fill(issuer.keySet().keys[0]) }), {
    code: "BAD_RESPONSE",
  });
  const keys = readKeySet({ keys: [secret, ...issuer.keySet().keys] });
  assert.ok("claims" in await against(issuer, await issuer.sign(), { keys }));
});

Deno.test("checkJwt() takes no token that was changed in any place, and throws at none", async () => {
  const issuer = await TestIssuer.open();
  const token = await issuer.sign();
  await fc.assert(
    fc.asyncProperty(
      // Not the last: some of its bits belong to no byte of the signature.
      fc.nat(token.length - 2),
      fc.constantFrom(..."ABCxyz0189-_.=+/ \u00e9"),
      async (at, character) => {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        const check = await against(issuer, changed);
        assert.ok(changed === token || "fault" in check, changed);
      },
    ),
    { seed: 6, numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
      assert.ok("fault" in await against(issuer, text));
    }),
    { seed: 6, numRuns: 200 },
  );
});
