/**
 * Headers and credentials of a command line. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { type DirectSignIn, readSignIn } from "../../lib/gateway/direct_sign_in.ts";
import { readHeaders, readSecret } from "../../lib/gateway/direct_values.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";

const DEPS = {
  variable: (name: string) =>
    new Map([["TOKEN", "t0ken-value"], ["OCI_TOKEN", "own"], ["KEY", "pem"]]).get(name),
  files: {
    read: (path: string) =>
      Promise.resolve(path === "/secret" ? new TextEncoder().encode("from-file\n") : undefined),
  },
  policy: parsePolicy(),
};

/** The error of something that must fail, which shows none of these values. */
async function refusal(task: Promise<unknown>): Promise<AppError> {
  const error = await task.then(() => assert.fail("it did not fail"), (thrown) => thrown);
  assert.ok(error instanceof AppError, String(error));
  assert.doesNotMatch(`${error.message} ${error.hint}`, /t0ken-value|from-file|hunter2/);
  return error;
}

Deno.test("readHeaders() looks references up, also after a scheme", async () => {
  const texts = [
    "X-Plain=a=b",
    "X-Env=env:TOKEN",
    "X-File=file:/secret",
    "Authorization=Bearer env:TOKEN",
    "X-Text=text:env:TOKEN",
    "X-Empty=",
  ];
  assert.deepEqual(await readHeaders(texts, DEPS), {
    headers: {
      "X-Plain": "a=b",
      "X-Env": "t0ken-value",
      "X-File": "from-file",
      Authorization: "Bearer t0ken-value",
      "X-Text": "env:TOKEN",
      "X-Empty": "",
    },
    exposed: [],
  });
});

Deno.test("readHeaders() names credentials that were written out", async () => {
  const { exposed } = await readHeaders(
    ["Authorization=Bearer hunter2", "x-api-key=hunter2", "X-Tenant=acme"],
    DEPS,
  );
  assert.deepEqual(exposed, ["Authorization", "x-api-key"]);
});

Deno.test("readHeaders() refuses what is no header, and shows no value", async () => {
  const cases: readonly [header: string, code: string, message: RegExp][] = [
    ["hunter2", "INVALID_ARGUMENT", /it is not NAME=VALUE/],
    ["=hunter2", "INVALID_ARGUMENT", /it is not NAME=VALUE/],
    ["a b=hunter2", "INVALID_ARGUMENT", /it is not NAME=VALUE/],
    ["Host=hunter2", "INVALID_ARGUMENT", /"Host": it belongs to the exchange/],
    ["mcp-session-id=hunter2", "INVALID_ARGUMENT", /belongs to the exchange/],
    ["X=hunter2\r\nY: z", "INVALID_ARGUMENT", /characters that no header can/],
    ["X=hunter2\u2028", "INVALID_ARGUMENT", /characters that no header can/],
    ["X=env:MISSING", "NOT_FOUND", /"env:MISSING" for "X": Wharf's environment has no MISSING/],
    ["X=file:/nowhere", "NOT_FOUND", /there is no such file/],
    ["X=env:OCI_TOKEN", "FORBIDDEN", /it is Wharf's own credential/],
    ["X=podman-secret:wharf-x", "INVALID_ARGUMENT", /to containers only/],
  ];
  for (const [header, code, message] of cases) {
    const error = await refusal(readHeaders([header], DEPS));
    assert.equal(error.code, code, header);
    assert.match(error.message, message, header);
  }
  const error = await refusal(readHeaders(["X=env:MISSING"], DEPS));
  assert.match(error.hint ?? "", /where Wharf is started/);
});

Deno.test("readSecret() takes references only", async () => {
  assert.equal(await readSecret("client-secret", "env:TOKEN", DEPS), "t0ken-value");
  assert.equal(await readSecret("client-secret", "file:/secret", DEPS), "from-file");
  for (const text of ["hunter2", "text:hunter2", ""]) {
    const error = await refusal(readSecret("client-secret", text, DEPS));
    assert.deepEqual([error.code, error.message], [
      "INVALID_ARGUMENT",
      "Cannot use --client-secret: a secret is no argument",
    ]);
  }
});

Deno.test("readSignIn() reads every kind of client", async () => {
  assert.equal(await readSignIn({}, DEPS), undefined);
  assert.deepEqual(
    await readSignIn({ clientId: "me", clientSecret: "env:TOKEN", issuer: "https://i" }, DEPS),
    { id: "me", secret: "t0ken-value", issuer: "https://i" },
  );
  assert.deepEqual(await readSignIn({ clientId: "me", grant: "authorization_code" }, DEPS), {
    id: "me",
  });
  assert.deepEqual(await readSignIn({ clientMetadataUrl: "https://a.example/c.json" }, DEPS), {
    metadataUrl: "https://a.example/c.json",
  });
  const grant = "client_credentials";
  assert.deepEqual(await readSignIn({ clientId: "me", clientKey: "env:KEY", grant }, DEPS), {
    id: "me",
    privateKey: "pem",
    grant: { kind: grant },
  });
  const idp = { idpTokenUrl: "https://idp.example/t", idpClientId: "us", idToken: "env:TOKEN" };
  assert.deepEqual(await readSignIn({ clientId: "me", clientSecret: "env:KEY", ...idp }, DEPS), {
    id: "me",
    secret: "pem",
    grant: {
      kind: "id_jag",
      provider: {
        tokenUrl: new URL("https://idp.example/t"),
        clientId: "us",
        idToken: "t0ken-value",
      },
    },
  });
});

Deno.test("readSignIn() refuses parts that do not go together", async () => {
  const client = { clientId: "me", clientSecret: "env:TOKEN" };
  const idp = { idpTokenUrl: "https://idp.example/t", idpClientId: "us", idToken: "env:TOKEN" };
  const cases: readonly DirectSignIn[] = [
    { clientSecret: "env:TOKEN" },
    { clientId: "me", clientSecret: "hunter2" },
    { clientId: "me", clientMetadataUrl: "https://a.example/c.json" },
    { clientMetadataUrl: "http://a.example/c.json" },
    { clientMetadataUrl: "https://a.example/" },
    { clientMetadataUrl: "nothing" },
    { clientMetadataUrl: "https://a.example/c.json", issuer: "https://i" },
    { clientId: "me", clientKey: "env:KEY" },
    { ...client, clientKey: "env:KEY", grant: "client_credentials" },
    { clientId: "me", grant: "client_credentials" },
    { clientMetadataUrl: "https://a.example/c.json", grant: "client_credentials" },
    { ...client, grant: "password" },
    { ...client, ...idp, grant: "client_credentials" },
    { ...client, idToken: "env:TOKEN" },
    { ...client, ...idp, idToken: "hunter2" },
    { ...client, ...idp, idpTokenUrl: "http://idp.example/t" },
    { ...client, ...idp, idpTokenUrl: "https://me:hunter2@idp.example/t" },
    { ...idp },
  ];
  for (const given of cases) {
    const error = await refusal(readSignIn(given, DEPS));
    assert.equal(error.code, "INVALID_ARGUMENT", JSON.stringify(given));
    assert.ok(error.hint !== undefined);
  }
});
