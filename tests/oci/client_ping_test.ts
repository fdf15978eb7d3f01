/**
 * What the client finds out about a registry as a whole, and about Docker Hub's pull quota.
 *
 * @module
 */

import assert from "node:assert/strict";
import { basic, bearerChallenge, guarded, json, play, refusal } from "./scripted_registry.ts";

const challenge = () => bearerChallenge("https://auth.test/token", { service: "registry.test" });

Deno.test("ping() tells how a registry authenticates, and whether it accepted the credential", () =>
  play(async (scene) => {
    scene.login("basic.test", { auth: basic("me", "secret") });
    scene.login("token.test", { auth: basic("me", "secret") });
    scene.host("open").on("GET /v2/", () => json({}));
    const wantsBasic = () =>
      refusal(401, "UNAUTHORIZED", { headers: { "www-authenticate": 'Basic realm="r"' } });
    const right = `Basic ${basic("me", "secret")}`;
    scene.host("basic").on("GET /v2/", guarded(right, wantsBasic, () => json({})));
    scene.host("locked").on("GET /v2/", wantsBasic);
    scene.host("token").on("GET /v2/", guarded("Bearer t", challenge, () => json({})));
    scene.host("anonymous").on("GET /v2/", guarded("Bearer t", challenge, () => json({})));
    scene.host("kerberos").on(
      "GET /v2/",
      () => refusal(401, "UNAUTHORIZED", { headers: { "www-authenticate": "Negotiate" } }),
    );
    scene.host("auth").on("GET /token", () => json({ token: "t" }));
    const client = scene.client();
    const source = "DOCKER_AUTH_CONFIG";
    const none = { authenticated: undefined, source: undefined };
    const answers = {
      open: { authentication: "none", ...none },
      basic: { authentication: "basic", authenticated: true, source },
      locked: { authentication: "basic", ...none },
      token: { authentication: "bearer", authenticated: true, source },
      anonymous: { authentication: "bearer", ...none },
      kerberos: { authentication: "other", ...none },
    };
    for (const [name, expected] of Object.entries(answers)) {
      assert.deepEqual(await client.ping(`${name}.test`), expected, name);
    }
  }));

Deno.test("ping() tells that a credential is not accepted, by the registry or its token server", () =>
  play(async (scene) => {
    const source = "DOCKER_AUTH_CONFIG";
    for (const name of ["basic.test", "token.test"]) {
      scene.login(name, { auth: basic("me", "wrong") });
    }
    scene.host("basic").on(
      "GET /v2/",
      () => refusal(401, "UNAUTHORIZED", { headers: { "www-authenticate": 'Basic realm="r"' } }),
    );
    scene.host("token").on("GET /v2/", challenge);
    scene.host("nobody").on("GET /v2/", challenge);
    scene.host("auth").on("GET /token", () => refusal(401, "UNAUTHORIZED"));
    const client = scene.client();
    assert.deepEqual(await client.ping("basic.test"), {
      authentication: "basic",
      authenticated: false,
      source,
    });
    assert.deepEqual(await client.ping("token.test"), {
      authentication: "bearer",
      authenticated: false,
      source,
    });
    assert.deepEqual(await client.ping("nobody.test"), {
      authentication: "bearer",
      authenticated: undefined,
      source: undefined,
    });
  }));

Deno.test("ping() says when there is no registry", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/", () => new Response("<h1>Not here</h1>", { status: 404 }));
    await assert.rejects(scene.client().ping("registry.test"), {
      code: "NOT_FOUND",
      message: 'Cannot ping "registry.test": registry.test does not have it',
      hint: "Check that the host is a registry",
    });
  }));

const PREVIEW = "HEAD /v2/ratelimitpreview/test/manifests/latest";

Deno.test("rateLimit() reads Docker Hub's quota by HEAD, which spends none of it", () =>
  play(async (scene) => {
    const hub = scene.host("https://registry-1.docker.io");
    const auth = scene.host("https://auth.docker.io");
    const headers = {
      "ratelimit-limit": "200;w=21600",
      "ratelimit-remaining": "123;w=21600",
      "docker-ratelimit-source": "ab-cd",
    };
    const realm = "https://auth.docker.io/token";
    hub.on(
      PREVIEW,
      guarded(
        "Bearer t",
        () => bearerChallenge(realm, { service: "registry.docker.io" }),
        () => new Response(null, { headers }),
      ),
    );
    auth.on("GET /token", () => json({ token: "t" }));
    scene.login("https://index.docker.io/v1/", { auth: basic("me", "secret") });
    assert.deepEqual(await scene.client().rateLimit(), {
      limited: true,
      credential: "DOCKER_AUTH_CONFIG",
      limit: 200,
      remaining: 123,
      windowSeconds: 21600,
      source: "ab-cd",
    });
    assert.deepEqual(auth.lines, [
      "GET /token?service=registry.docker.io&scope=repository%3Aratelimitpreview%2Ftest%3Apull",
    ]);
    assert.ok(hub.lines.every((line) => line.startsWith("HEAD ")));
  }));

Deno.test("rateLimit() tells accounts without a limit from those that have reached it", () =>
  play(async (scene) => {
    const hub = scene.host("https://registry-1.docker.io");
    hub.on(PREVIEW, () => new Response(null));
    const client = scene.client();
    assert.deepEqual(await client.rateLimit(), { limited: false, credential: undefined });
    hub.on(
      PREVIEW,
      () => new Response(null, { status: 429, headers: { "ratelimit-remaining": "0;w=21600" } }),
    );
    assert.deepEqual(await client.rateLimit(), {
      limited: true,
      credential: undefined,
      remaining: 0,
      windowSeconds: 21600,
    });
    hub.on(PREVIEW, () => new Response(null, { status: 429 }));
    assert.deepEqual(await client.rateLimit(), { limited: true, credential: undefined });
  }));
