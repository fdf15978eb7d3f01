/**
 * Authentication through the transport: challenges, shared tokens, and that no credential reaches
 * a host that it is not for.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { RegistryRequest } from "../../lib/oci/exchange.ts";
import { settle } from "../fake_clock.ts";
import {
  basic,
  bearerChallenge,
  guarded,
  json,
  play,
  refusal,
  type Scene,
  SkippingClock,
} from "./scripted_registry.ts";

const ASK: RegistryRequest = {
  registry: "registry.test",
  repository: "app",
  scope: "repository:app:pull",
  path: "/v2/app/x",
  action: 'read "registry.test/app:1"',
  maxBytes: 1024,
};

const REALM = "https://auth.test/token";
const challenge = () => bearerChallenge(REALM, { service: "registry.test" });
const ME = `Basic ${basic("me", "secret:with:colons")}`;

/** A registry that wants a bearer token, and a token server that counts what it gives out. */
function tokenRegistry(scene: Scene, options: { readonly expiresIn?: number } = {}): void {
  scene.host("registry").on("GET /v2/app/x", (request) => {
    const given = request.headers.get("authorization");
    const last = scene.host("auth").requests.length;
    return given === `Bearer t${last}` ? json({}) : challenge();
  });
  scene.host("auth").on("GET /token", (_, count) =>
    json({
      token: `t${count}`,
      ...(options.expiresIn === undefined ? {} : { expires_in: options.expiresIn }),
    }));
}

Deno.test("send() asks first without a credential, then answers the challenge, then remembers", () =>
  play(async (scene) => {
    tokenRegistry(scene);
    scene.login("registry.test", { auth: basic("me", "secret:with:colons") });
    const transport = scene.transport();
    const answer = await transport.send(ASK, scene.operation());
    assert.deepEqual(
      [answer.authorization?.scheme, answer.authorization?.source],
      ["bearer", "DOCKER_AUTH_CONFIG"],
    );
    assert.equal(scene.host("registry").requests[0]?.headers.get("authorization"), null);
    assert.deepEqual(scene.host("auth").lines, [
      "GET /token?service=registry.test&scope=repository%3Aapp%3Apull",
    ]);
    assert.deepEqual(scene.host("auth").authorizations, [ME]);
    await transport.send(ASK, scene.operation());
    assert.equal(scene.host("registry").requests.length, 3);
    assert.deepEqual(scene.host("registry").authorizations, ["Bearer t1", "Bearer t1"]);
    assert.equal(scene.host("auth").requests.length, 1);
  }));

Deno.test("send() gets one token however many calls wait for it", () =>
  play(async (scene) => {
    tokenRegistry(scene);
    const transport = scene.transport({ perHostLimit: 4 });
    await Promise.all(
      Array.from({ length: 20 }, () => transport.send(ASK, scene.operation())),
    );
    assert.equal(scene.host("auth").requests.length, 1);
  }));

Deno.test("send() uses the token that another call got while its own request was on its way", () =>
  play(async (scene) => {
    tokenRegistry(scene);
    const held = Promise.withResolvers<void>();
    scene.host("registry").on("GET /v2/app/slow", async (request, count) => {
      if (count === 1) await held.promise;
      return request.headers.get("authorization") === "Bearer t1" ? json({}) : challenge();
    });
    const transport = scene.transport();
    const slow = transport.send({ ...ASK, path: "/v2/app/slow" }, scene.operation());
    await transport.send(ASK, scene.operation());
    held.resolve();
    await slow;
    assert.equal(scene.host("auth").requests.length, 1);
  }));

Deno.test("send() gets a token for each scope", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", guarded("Bearer app", challenge, () => json({})))
      .on("GET /v2/lib/x", guarded("Bearer lib", challenge, () => json({})));
    scene.host("auth").on("GET /token", (request) => {
      const scope = new URL(request.url).searchParams.get("scope") ?? "";
      return json({ token: scope.split(":")[1] });
    });
    const transport = scene.transport();
    const lib = { ...ASK, repository: "lib", scope: "repository:lib:pull", path: "/v2/lib/x" };
    for (const request of [ASK, lib, ASK, lib]) await transport.send(request, scene.operation());
    assert.equal(scene.host("auth").requests.length, 2);
  }));

Deno.test("send() gets a new token shortly before the old one ends, 60 s being the least", () =>
  play(async (scene) => {
    tokenRegistry(scene, { expiresIn: 10 });
    assert.ok(scene.clock instanceof SkippingClock);
    const transport = scene.transport();
    await transport.send(ASK, scene.operation());
    scene.clock.advance(54_999);
    await transport.send(ASK, scene.operation());
    assert.equal(scene.host("auth").requests.length, 1);
    scene.clock.advance(1);
    await transport.send(ASK, scene.operation());
    assert.equal(scene.host("auth").requests.length, 2);
  }));

Deno.test("send() replaces a token that the registry no longer accepts, once", () =>
  play(async (scene) => {
    let isRevoked = false;
    scene.host("registry").on("GET /v2/app/x", (request) => {
      const given = request.headers.get("authorization");
      return given === "Bearer t2" || (given === "Bearer t1" && !isRevoked)
        ? json({})
        : challenge();
    });
    scene.host("auth").on("GET /token", (_, count) => json({ token: `t${count}` }));
    const transport = scene.transport();
    await transport.send(ASK, scene.operation());
    isRevoked = true;
    await transport.send(ASK, scene.operation());
    assert.equal(scene.host("auth").requests.length, 2);
  }));

Deno.test("send() gives up when a fresh token is not accepted either", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", challenge);
    scene.host("auth").on("GET /token", () => json({ token: "same" }));
    const transport = scene.transport();
    for (let call = 0; call < 2; call++) {
      await assert.rejects(transport.send(ASK, scene.operation()), { code: "UNAUTHORIZED" });
    }
    // Neither call tries more than one token, and the second does not begin with the refused one.
    assert.equal(scene.host("auth").requests.length, 2);
    assert.equal(scene.host("registry").requests.length, 4);
  }));

Deno.test("send() drops a token on status 400 and tries once more, as ECR Public needs", () =>
  play(async (scene) => {
    let isExpired = false;
    scene.host("registry").on("GET /v2/app/x", (request) => {
      const given = request.headers.get("authorization");
      if (given === null) return challenge();
      return isExpired && given === "Bearer t1"
        ? refusal(400, "DENIED", { message: "Your Authorization Token is invalid." })
        : json({});
    });
    scene.host("auth").on("GET /token", (_, count) => json({ token: `t${count}` }));
    const transport = scene.transport();
    await transport.send(ASK, scene.operation());
    isExpired = true;
    await transport.send(ASK, scene.operation());
    assert.equal(scene.host("auth").requests.length, 2);
  }));

Deno.test("send() reports a 400 that is not about the token after one more try", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", (request, count) => {
      if (request.headers.get("authorization") === null) return challenge();
      return count > 2 ? refusal(400, "NAME_INVALID") : json({});
    });
    scene.host("auth").on("GET /token", (_, count) => json({ token: `t${count}` }));
    const transport = scene.transport();
    await transport.send(ASK, scene.operation());
    await assert.rejects(transport.send(ASK, scene.operation()), { code: "INVALID_ARGUMENT" });
    assert.equal(scene.host("registry").requests.length, 5);
  }));

Deno.test("send() authenticates with Basic where the registry asks for it", () =>
  play(async (scene) => {
    const wantsBasic = () =>
      refusal(401, "UNAUTHORIZED", {
        // As fetch joins several fields; Negotiate comes first and is passed over.
        headers: { "www-authenticate": 'Negotiate abc==, Basic realm="Registry, here"' },
      });
    scene.host("registry").on("GET /v2/app/x", guarded(ME, wantsBasic, () => json({})));
    scene.login("registry.test", { auth: basic("me", "secret:with:colons") });
    const transport = scene.transport();
    const answer = await transport.send(ASK, scene.operation());
    assert.equal(answer.authorization?.scheme, "basic");
    await transport.send(ASK, scene.operation());
    assert.equal(scene.host("registry").requests.length, 3);
  }));

Deno.test("send() sends a registry token as it is", () =>
  play(async (scene) => {
    scene.env["OCI_TOKEN"] = "opaque";
    scene.env["OCI_REGISTRY"] = "registry.test";
    scene.host("registry").on("GET /v2/app/x", guarded("Bearer opaque", challenge, () => json({})));
    const { authorization } = await scene.transport().send(ASK, scene.operation());
    assert.equal(authorization?.source, "OCI_TOKEN");
    assert.equal(scene.host("auth").requests.length, 0);
  }));

Deno.test("send() says so when the operator's variables are for other registries", () =>
  play(async (scene) => {
    scene.env["OCI_TOKEN"] = "opaque";
    scene.host("registry").on("GET /v2/app/x", challenge);
    scene.host("auth").on("GET /token", () => refusal(401, "UNAUTHORIZED"));
    await assert.rejects(scene.transport().send(ASK, scene.operation()), {
      code: "UNAUTHORIZED",
      hint: "OCI_TOKEN or OCI_USERNAME is set, but only for docker.io; " +
        "add registry.test to OCI_REGISTRY if it may see it",
    });
    assert.deepEqual(scene.host("registry").authorizations, []);
    assert.deepEqual(scene.host("auth").authorizations, []);
  }));

Deno.test("send() never shows one registry the credential of another", () =>
  play(async (scene) => {
    scene.login("registry.test", { auth: basic("me", "secret") });
    const evil = scene.host("evil").on(
      "GET /v2/app/x",
      () =>
        refusal(401, "UNAUTHORIZED", {
          headers: {
            "www-authenticate": `Basic realm="r", Bearer realm="https://evil.test/token"`,
          },
        }),
    ).on("GET /token", () => refusal(401, "UNAUTHORIZED"));
    await assert.rejects(
      scene.transport().send({ ...ASK, registry: "evil.test" }, scene.operation()),
      { code: "UNAUTHORIZED" },
    );
    assert.equal(evil.requests.length, 2);
    assert.deepEqual(evil.authorizations, []);
  }));

Deno.test("send() leaves what authenticates it behind when a redirect changes the host", () =>
  play(async (scene) => {
    tokenRegistry(scene);
    scene.login("registry.test", { auth: basic("me", "secret") });
    scene.host("registry").on(
      "GET /v2/app/blob",
      guarded(
        "Bearer t1",
        challenge,
        () =>
          new Response(null, {
            status: 307,
            headers: { location: "https://storage.test/b?sig=s" },
          }),
      ),
    );
    const storage = scene.host("storage").on("GET /b", () => new Response("blob"));
    const { bytes } = await scene.transport().send(
      { ...ASK, path: "/v2/app/blob" },
      scene.operation(),
    );
    assert.equal(new TextDecoder().decode(bytes), "blob");
    assert.deepEqual(storage.lines, ["GET /b?sig=s"]);
    assert.deepEqual(storage.authorizations, []);
  }));

Deno.test("send() counts another port as another host, and gives nothing to the first again", () =>
  play(async (scene) => {
    scene.env["OCI_TOKEN"] = "opaque";
    scene.env["OCI_REGISTRY"] = "registry.test";
    const to = (location: string) => () =>
      new Response(null, { status: 307, headers: { location } });
    scene.host("registry").on(
      "GET /v2/app/x",
      guarded("Bearer opaque", challenge, to("https://registry.test:8443/b")),
    ).on("GET /back", () => json({}));
    const port = scene.host("https://registry.test:8443").on(
      "GET /b",
      to("https://registry.test/back"),
    );
    await scene.transport().send(ASK, scene.operation());
    assert.deepEqual(port.authorizations, []);
    assert.equal(scene.host("registry").requests.at(-1)?.headers.get("authorization"), null);
  }));

Deno.test("send() keeps what authenticates it on a redirect within the host", () =>
  play(async (scene) => {
    scene.env["OCI_TOKEN"] = "opaque";
    scene.env["OCI_REGISTRY"] = "registry.test";
    scene.host("registry").on(
      "GET /v2/app/x",
      guarded(
        "Bearer opaque",
        challenge,
        () => new Response(null, { status: 308, headers: { location: "/v2/moved/x" } }),
      ),
    ).on("GET /v2/moved/x", guarded("Bearer opaque", challenge, () => json({})));
    const { status } = await scene.transport().send(ASK, scene.operation());
    assert.equal(status, 200);
  }));

for (const realm of ["https://10.1.2.3/token", "https://intranet.test/token"]) {
  Deno.test(`send() does not let a public registry name ${realm} as its token server`, () =>
    play(async (scene) => {
      const intranet = scene.host("intranet", "private");
      scene.host("registry").on("GET /v2/app/x", () => bearerChallenge(realm));
      for (const entry of [{ auth: basic("me", "secret") }, { identitytoken: "refresh" }]) {
        scene.login("registry.test", entry);
        await assert.rejects(scene.transport().send(ASK, scene.operation()), {
          code: "ADDRESS_REFUSED",
        });
      }
      assert.equal(intranet.requests.length, 0);
    }));
}

Deno.test("send() lets a registry on loopback name a token server on another loopback port", () =>
  play(async (scene) => {
    const registry = "127.0.0.1:5000";
    const realm = "http://127.0.0.1:5001/token";
    scene.host(`http://${registry}`, "loopback").on(
      "GET /v2/app/x",
      guarded("Bearer t", () => bearerChallenge(realm), () => json({})),
    );
    scene.host("http://127.0.0.1:5001", "loopback").on("GET /token", () => json({ token: "t" }));
    await scene.transport().send({ ...ASK, registry }, scene.operation());
  }));

Deno.test("send() never answers a challenge from beyond a redirect", () =>
  play(async (scene) => {
    scene.login("registry.test", { auth: basic("me", "secret") });
    scene.login("storage.test", { auth: basic("me", "other") });
    scene.host("registry").on(
      "GET /v2/app/x",
      () => new Response(null, { status: 302, headers: { location: "https://storage.test/b" } }),
    );
    const storage = scene.host("storage").on(
      "GET /b",
      () =>
        refusal(401, "UNAUTHORIZED", {
          headers: { "www-authenticate": `Basic realm="s", Bearer realm="${REALM}"` },
        }),
    );
    await assert.rejects(scene.transport().send(ASK, scene.operation()), (thrown) => {
      assert.ok(thrown instanceof AppError);
      assert.equal(thrown.code, "UNAUTHORIZED");
      assert.match(thrown.message, /leads to "storage\.test", which answers with status 401/);
      return true;
    });
    assert.equal(storage.requests.length, 1);
    assert.deepEqual(storage.authorizations, []);
    assert.equal(scene.host("auth").requests.length, 0);
  }));

Deno.test("send() takes a 401 without a challenge as the answer", () =>
  play(async (scene) => {
    scene.login("registry.test", { auth: basic("me", "secret") });
    scene.host("registry").on("GET /v2/app/x", () => refusal(401, "UNAUTHORIZED"));
    await assert.rejects(scene.transport().send(ASK, scene.operation()), { code: "UNAUTHORIZED" });
    assert.equal(scene.host("registry").requests.length, 1);
  }));

Deno.test("send() tells the token server's refusal as the registry's, with its words", () =>
  play(async (scene) => {
    scene.login("registry.test", { auth: basic("me", "secret") });
    scene.host("registry").on("GET /v2/app/x", challenge);
    for (const status of [400, 401, 403]) {
      scene.host("auth").on(
        "GET /token",
        () => json({ details: "incorrect username or password" }, { status }),
      );
      await assert.rejects(scene.transport().send(ASK, scene.operation()), {
        code: "UNAUTHORIZED",
        message:
          'Cannot read "registry.test/app:1": registry.test does not accept the credential ' +
          "from DOCKER_AUTH_CONFIG, or there is no such repository " +
          '("incorrect username or password")',
      });
    }
  }));

Deno.test("send() names the token server when it is the one that does not work", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", challenge);
    scene.host("auth").on("GET /token", () => new Response("gone", { status: 404 }));
    await assert.rejects(scene.transport().send(ASK, scene.operation()), {
      code: "BAD_RESPONSE",
      message: 'Cannot log in: the token server "auth.test" answers with status 404',
    });
    assert.equal(scene.host("auth").requests.length, 1);
  }));

Deno.test("send() tries a busy token server again, and waits as long as it asks", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", guarded("Bearer t", challenge, () => json({})));
    scene.host("auth").on(
      "GET /token",
      (_, count) =>
        count === 1
          ? refusal(429, "TOOMANYREQUESTS", { headers: { "retry-after": "4" } })
          : count === 2
          ? new Response("", { status: 503 })
          : json({ access_token: "t" }),
    );
    await scene.transport().send(ASK, scene.operation());
    assert.ok(scene.clock instanceof SkippingClock);
    assert.deepEqual(scene.clock.skipped, [4000, 500]);
  }));

Deno.test("send() ends a token request only when nobody waits for it any more", () =>
  play(async (scene) => {
    const held = Promise.withResolvers<void>();
    scene.host("registry").on("GET /v2/app/x", guarded("Bearer t", challenge, () => json({})));
    scene.host("auth").on("GET /token", async () => {
      await held.promise;
      return json({ token: "t" });
    });
    const transport = scene.transport();
    const first = new AbortController();
    const left = assert.rejects(
      transport.send(ASK, scene.operation(60_000, first.signal)),
      { code: "CANCELLED" },
    );
    const stays = transport.send(ASK, scene.operation());
    await settle();
    first.abort();
    await left;
    held.resolve();
    await stays;
    assert.equal(scene.host("auth").requests.length, 1);
  }));
