/**
 * What a refusal means: every kind of answer with its code, sentence and next step.
 *
 * @module
 */

import assert from "node:assert/strict";
import { boundedResponse } from "../../lib/core/http.ts";
import { type ErrorContext, readRefusal, registryError } from "../../lib/oci/registry_error.ts";

const CONTEXT: ErrorContext = {
  action: 'read "ghcr.io/org/app:1"',
  registry: "ghcr.io",
  repository: "org/app",
  source: undefined,
  withheld: undefined,
  redirectedTo: undefined,
  nowMs: Date.UTC(2026, 0, 1),
};

const HUB: ErrorContext = { ...CONTEXT, registry: "docker.io", repository: "library/alpin" };

function errorOf(
  status: number,
  body: unknown,
  options: Partial<ErrorContext> & { readonly headers?: Record<string, string> } = {},
) {
  const { headers, ...context } = options;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return registryError(
    { status, headers: new Headers(headers), body: new TextEncoder().encode(text) },
    { ...CONTEXT, ...context },
  );
}

const coded = (code: string, message = "") => ({ errors: [{ code, message, detail: {} }] });

const CODES: readonly [status: number, body: unknown, code: string][] = [
  [400, "", "BAD_RESPONSE"],
  [400, coded("NAME_INVALID"), "INVALID_ARGUMENT"],
  [400, coded("TAG_INVALID"), "INVALID_ARGUMENT"],
  [400, coded("DIGEST_INVALID"), "INVALID_ARGUMENT"],
  [400, coded("MANIFEST_UNKNOWN"), "NOT_FOUND"],
  [400, coded("NAME_UNKNOWN"), "NOT_FOUND"],
  [400, coded("BLOB_UNKNOWN"), "NOT_FOUND"],
  [400, coded("DENIED"), "FORBIDDEN"],
  [400, coded("UNAUTHORIZED"), "UNAUTHORIZED"],
  [400, coded("UNSUPPORTED"), "UNSUPPORTED"],
  [401, "", "UNAUTHORIZED"],
  [403, coded("DENIED"), "FORBIDDEN"],
  [403, coded("TOOMANYREQUESTS"), "RATE_LIMITED"],
  [404, coded("NAME_UNKNOWN"), "NOT_FOUND"],
  [405, "", "UNSUPPORTED"],
  [406, "", "UNSUPPORTED"],
  [408, "", "TIMEOUT"],
  [410, "", "NOT_FOUND"],
  [418, "", "BAD_RESPONSE"],
  [429, "", "RATE_LIMITED"],
  [500, "", "UNAVAILABLE"],
  [501, "", "UNSUPPORTED"],
  [503, coded("UNAVAILABLE"), "UNAVAILABLE"],
];

for (const [status, body, code] of CODES) {
  const said = typeof body === "string" ? "" : ` with ${JSON.stringify(body).slice(20, 36)}…`;
  Deno.test(`registryError() makes ${code} of status ${status}${said}`, () => {
    const error = errorOf(status, body);
    assert.equal(error.code, code);
    assert.equal(error.status, status);
    assert.match(error.message, /^Cannot read "ghcr\.io\/org\/app:1": ghcr\.io /);
    assert.doesNotMatch(error.message, /\.$/);
    assert.ok(error.hint !== undefined);
    assert.equal(error.retryable, ["RATE_LIMITED", "UNAVAILABLE", "TIMEOUT"].includes(code));
  });
}

Deno.test("registryError() says that a refused repository may not exist", () => {
  const anonymous = errorOf(401, coded("UNAUTHORIZED", "authentication required"));
  assert.equal(
    anonymous.message,
    'Cannot read "ghcr.io/org/app:1": ghcr.io wants a login, or there is no such repository ' +
      '("authentication required")',
  );
  assert.equal(
    anonymous.hint,
    'Check the spelling of "org/app"; if it is private: podman login ghcr.io',
  );
  const known = errorOf(403, coded("DENIED", "denied"), { source: "/home/me/.docker/config.json" });
  assert.match(
    known.message,
    /does not accept the credential from \/home\/me\/\.docker\/config\.json, or there is no such/,
  );
  assert.equal(
    known.hint,
    'Check the spelling of "org/app", or log in again: podman login ghcr.io',
  );
});

Deno.test("registryError() speaks of no repository where none was asked for", () => {
  const error = errorOf(401, "", { repository: "" });
  assert.match(error.message, /ghcr\.io wants a login$/);
  assert.equal(error.hint, "Log in: podman login ghcr.io");
  assert.equal(errorOf(404, "", { repository: "" }).hint, "Check that the host is a registry");
});

Deno.test("registryError() says why the operator's own credential was not used", () => {
  assert.equal(
    errorOf(401, "", { withheld: "add it to OCI_REGISTRY" }).hint,
    "add it to OCI_REGISTRY",
  );
});

Deno.test("registryError() tells a missing repository from a missing tag", () => {
  const repository = errorOf(404, coded("NAME_UNKNOWN"));
  assert.match(repository.message, /ghcr\.io has no such repository$/);
  assert.match(repository.hint ?? "", /^Check the spelling of "org\/app"/);
  const tag = errorOf(404, coded("MANIFEST_UNKNOWN"));
  assert.match(tag.message, /ghcr\.io has no such tag or digest in org\/app$/);
  assert.equal(tag.hint, "list_tags shows the tags of ghcr.io/org/app");
  assert.match(errorOf(404, "<html>").message, /ghcr\.io does not have it$/);
});

Deno.test("registryError() knows Docker Hub's library", () => {
  for (const status of [401, 404]) {
    assert.match(
      errorOf(status, "", HUB).hint ?? "",
      /^Only official images are in library\/; others need their owner, as in owner\/alpin/,
    );
    assert.match(
      errorOf(status, "", { ...HUB, repository: "alpine" }).hint ?? "",
      /^Official images are in library\/: try library\/alpine/,
    );
  }
});

Deno.test("registryError() explains a 404 that is about the Accept header", () => {
  const error = errorOf(
    404,
    coded("MANIFEST_UNKNOWN", "OCI index found, but accept header does not support OCI indexes"),
  );
  assert.match(
    error.message,
    /ghcr\.io has it, but in none of the forms that Wharf reads \("OCI in/,
  );
});

Deno.test("registryError() says when to come back", () => {
  const limited = errorOf(429, coded("TOOMANYREQUESTS", "You have reached your pull rate limit"), {
    ...HUB,
    headers: { "retry-after": "90", "ratelimit-limit": "100;w=21600" },
  });
  assert.equal(limited.retryAfterMs, 90_000);
  assert.match(limited.message, /docker\.io asks to slow down, the limit of 100 pulls is reached/);
  assert.equal(
    limited.hint,
    "Try again in 90 s (after 2026-01-01T00:01:30Z); " +
      "a login raises the limit (podman login docker.io)",
  );
  const down = errorOf(503, "", { headers: { "retry-after": "600" } });
  assert.equal(
    down.hint,
    "Try again in 10 min (after 2026-01-01T00:10:00Z); the fault is the registry's",
  );
  assert.equal(errorOf(429, "").hint, "Try again in some minutes");
  assert.equal(errorOf(429, "").retryAfterMs, undefined);
});

Deno.test("registryError() names the host that a redirect led to", () => {
  const error = errorOf(403, "<Error><Code>AccessDenied</Code><Message>expired</Message></Error>", {
    redirectedTo: "s3.test",
  });
  assert.match(
    error.message,
    /ghcr\.io leads to "s3\.test", which answers with status 403 \("expi/,
  );
  assert.match(error.hint ?? "", /^Try again; if it stays so/);
});

const SAID: readonly [what: string, body: unknown, text: string][] = [
  ["several errors", { errors: [{ message: "one" }, { detail: "two" }, { x: 1 }] }, "one; two"],
  [
    "at most three errors",
    { errors: ["a", "b", "c", "d"].map((message) => ({ message })) },
    "a; b; c",
  ],
  ["a message alone", { message: "alone" }, "alone"],
  ["OAuth's form", { error: "invalid", error_description: "no such user" }, "no such user"],
  ["Docker Hub's form", { details: "incorrect password" }, "incorrect password"],
  ["an empty message before the detail", { errors: [{ message: "", detail: "why" }] }, "why"],
  ["plain text", "404 page not found\n", "404 page not found"],
  ["HTML", "<script>x()</script><b>Bad</b> <i>gateway</i>", "Bad gateway"],
  ["XML of a storage service", "<E><Key>SECRET</Key><Message>Gone</Message></E>", "Gone"],
  ["hidden characters", "a\u202Eb\u0007c", "abc"],
  [
    "signed addresses",
    { message: "see https://s.test/x?X-Amz-Signature=SECRET&b=1 now" },
    "see https://s.test/x?… now",
  ],
];

for (const [what, body, text] of SAID) {
  Deno.test(`registryError() shows ${what}`, () => {
    assert.equal(
      errorOf(500, body).message,
      `Cannot read "ghcr.io/org/app:1": ghcr.io answers with status 500 ("${text}")`,
    );
  });
}

Deno.test("registryError() shows nothing where nothing is said", () => {
  for (const body of ["", "{}", "[]", "null", '"x"', "1", { errors: [null, 1, { message: 1 }] }]) {
    assert.match(errorOf(500, body).message, /status 500$/);
  }
});

Deno.test("registryError() shows no more than 200 characters, and takes no page apart for long", () => {
  for (const page of ["x".repeat(60_000), "<".repeat(60_000), "<style>".repeat(9_000)]) {
    const said = /\("(.*)"\)$/.exec(errorOf(500, page).message)?.[1] ?? "";
    assert.ok(said.length <= 200);
  }
});

Deno.test("registryError() looks for words only at the beginning of a page", () => {
  const page = `<p title="${"x".repeat(5000)}">late</p>`;
  assert.doesNotMatch(errorOf(500, page).message, /late/);
});

Deno.test("registryError() passes on the registry's codes, when they are codes", () => {
  const body = { errors: [{ code: "MANIFEST_UNKNOWN" }, { code: "Ignore all!" }, { code: 5 }] };
  assert.deepEqual(errorOf(404, body).details, { registry_codes: ["MANIFEST_UNKNOWN"] });
  assert.equal(errorOf(404, "").details, undefined);
});

Deno.test("readRefusal() reads a body of up to 64 KiB, and takes any other for empty", async () => {
  const read = async (body: BodyInit) =>
    (await readRefusal(boundedResponse(new Response(body, { status: 500 })))).body.byteLength;
  assert.equal(await read("x".repeat(64 * 1024)), 64 * 1024);
  assert.equal(await read("x".repeat(64 * 1024 + 1)), 0);
  const broken = new ReadableStream({
    start: (controller) => controller.error(new TypeError("x")),
  });
  assert.equal(await read(broken), 0);
});
