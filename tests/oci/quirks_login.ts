/**
 * Scenes of registries that are quirky about who may see what.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Repository } from "../../lib/oci/reference.ts";
import { answer, CONFIG, content, descriptor, IMAGE, serveManifest } from "./content.ts";
import {
  basic,
  bearerChallenge,
  guarded,
  type Handler,
  json,
  refusal,
} from "./scripted_registry.ts";
import { app, failsWith, type Quirk, redirect, TAGS, tokenGuard } from "./quirk.ts";

const ecrPrivate: Quirk = {
  name: "ECR private: Basic only, pages of at most 1000, tags as text/plain, blobs at S3",
  async script(scene) {
    const registry = scene.host("registry");
    const storage = scene.host("storage");
    scene.login(registry.name, { auth: basic("AWS", "secret") });
    const challenge = () =>
      new Response("Not Authorized\n", {
        status: 401,
        headers: {
          "www-authenticate": 'Basic realm="https://ecr.test/",service="ecr.amazonaws.com"',
        },
      });
    const mine = (handler: Handler) =>
      guarded(`Basic ${basic("AWS", "secret")}`, challenge, handler);
    registry.on(
      TAGS,
      mine((request) => {
        const size = Number(new URL(request.url).searchParams.get("n") ?? "100");
        if (size > 1000) {
          return refusal(400, "UNSUPPORTED", { message: "Invalid parameter at 'n'" });
        }
        const names = Array.from({ length: 150 }, (_, index) => `t${index}`).slice(0, size);
        return new Response(JSON.stringify({ name: "app", tags: names }), {
          headers: { "content-type": "text/plain; charset=utf-8" },
        });
      }),
    );
    registry.on(
      `GET /v2/app/blobs/${CONFIG.digest}`,
      mine(redirect(`${storage.origin}/blob?X-Amz-Signature=SECRET`, 307)),
    );
    storage.on(
      "GET /blob",
      (request) =>
        request.headers.has("authorization")
          ? new Response("<Error><Code>InvalidArgument</Code></Error>", { status: 400 })
          : new Response(CONFIG.bytes),
    );
    const client = scene.client();
    assert.equal((await client.tags(app(scene))).tags.length, 150);
    assert.deepEqual(await client.blob(app(scene), descriptor(CONFIG)), CONFIG.bytes);
    assert.deepEqual(storage.authorizations, []);
  },
};

const ecrPublic: Quirk = {
  name: "ECR Public: scope aws, and a 400 for a token that has expired",
  async script(scene) {
    const registry = scene.host("registry");
    let good = "Bearer t1";
    const handler: Handler = (request) => {
      const given = request.headers.get("authorization");
      if (given === null) {
        return bearerChallenge(`${registry.origin}/token/`, {
          service: "public.ecr.aws",
          scope: "aws",
        });
      }
      return given === good
        ? json({ name: "app", tags: ["1"] })
        : refusal(400, "DENIED", { message: "Your Authorization Token is invalid or expired" });
    };
    registry.on(TAGS, handler);
    registry.on("GET /token/", (_, count) => json({ token: `t${count}` }));
    const client = scene.client();
    await client.tags(app(scene));
    good = "Bearer t2";
    assert.deepEqual((await client.tags(app(scene))).tags, ["1"]);
    const tokens = registry.lines.filter((line) => line.startsWith("GET /token/"));
    assert.deepEqual(tokens, [
      "GET /token/?service=public.ecr.aws&scope=aws&scope=repository%3Aapp%3Apull",
      "GET /token/?service=public.ecr.aws&scope=aws&scope=repository%3Aapp%3Apull",
    ]);
  },
};

const ghcr: Quirk = {
  name: "GHCR: an anonymous token from its own host, and a personal token is no bearer token",
  async script(scene) {
    const registry = scene.host("registry");
    const guard = tokenGuard(`${registry.origin}/token`, "ghcr.io");
    serveManifest(registry, "app:1", IMAGE, guard);
    registry.on("GET /token", () => json({ token: "t" }));
    await scene.client().manifest(app(scene));
    assert.deepEqual(
      registry.requests.filter(({ path }) => path.startsWith("/token"))
        .map(({ headers }) => headers.get("authorization")),
      [null],
    );
    scene.login(registry.name, { auth: basic("me", "ghp_secret") });
    scene.cache.kept.clear();
    await scene.client().manifest(app(scene));
    assert.ok(registry.authorizations.includes(`Basic ${basic("me", "ghp_secret")}`));
    assert.ok(!registry.authorizations.includes("Bearer ghp_secret"));
  },
};

const ghcrMissing: Quirk = {
  name: "GHCR: a missing repository is denied by the token server",
  async script(scene) {
    const registry = scene.host("registry");
    registry.on(TAGS, () => bearerChallenge(`${registry.origin}/token`, { service: "ghcr.io" }));
    registry.on(
      "GET /token",
      () => refusal(403, "DENIED", { message: "requested access to the resource is denied" }),
    );
    await assert.rejects(
      scene.client().tags(app(scene)),
      failsWith("UNAUTHORIZED", /wants a login, or there is no such repository \("requested/),
    );
  },
};

const harbor: Quirk = {
  name: "Harbor: a 401 without a challenge, and a catalog for administrators only",
  async script(scene) {
    const registry = scene.host("registry");
    scene.login(registry.name, { auth: basic("me", "secret") });
    registry.on(TAGS, () => refusal(401, "UNAUTHORIZED", { message: "unauthorized to access" }));
    registry.on(
      "GET /v2/_catalog",
      () => bearerChallenge(`${registry.origin}/service/token`, { service: "harbor-registry" }),
    );
    registry.on("GET /service/token", () => json({ token: "useless" }));
    const client = scene.client();
    await assert.rejects(
      client.tags(app(scene)),
      failsWith("UNAUTHORIZED", /unauthorized to access/),
    );
    assert.equal(registry.requests.length, 1);
    await assert.rejects(
      client.catalog(registry.name, { limit: 10, filter: () => true }),
      failsWith("UNSUPPORTED", /it offers no catalog to this login$/),
    );
  },
};

const acr: Quirk = {
  name: "ACR: an identity token is exchanged at /oauth2/token",
  async script(scene) {
    const registry = scene.host("registry");
    scene.login(registry.name, { identitytoken: "refresh" });
    const guard = tokenGuard(`${registry.origin}/oauth2/token`, registry.name);
    registry.on(TAGS, guard(() => json({ name: "app", tags: ["1"] })));
    registry.on("POST /oauth2/token", () => json({ access_token: "t" }));
    assert.deepEqual((await scene.client().tags(app(scene))).tags, ["1"]);
    const [request] = registry.requests.filter(({ method }) => method === "POST");
    assert.equal(new URLSearchParams(request?.body).get("refresh_token"), "refresh");
  },
};

const noPost: Quirk = {
  name: "token servers without POST: the identity token is left out and the GET is anonymous",
  async script(scene) {
    const registry = scene.host("registry");
    const auth = scene.host("auth");
    scene.login(registry.name, { identitytoken: "refresh" });
    registry.on(TAGS, tokenGuard(`${auth.origin}/t`, "s")(() => json({ tags: ["1"] })));
    auth.on("POST /t", () => new Response("404 page not found", { status: 404 }));
    auth.on("GET /t", () => json({ token: "t" }));
    assert.deepEqual((await scene.client().tags(app(scene))).tags, ["1"]);
    assert.deepEqual(auth.authorizations, []);
  },
};

const gitlab: Quirk = {
  name: "GitLab, Docker Hub: the token server is another host, the storage a third one",
  async script(scene) {
    const registry = scene.host("registry");
    const auth = scene.host("auth");
    const storage = scene.host("storage");
    const mine = basic("me", "glpat-secret");
    scene.login(registry.name, { auth: mine });
    const guard = tokenGuard(`${auth.origin}/jwt/auth`, "container_registry");
    serveManifest(registry, "app:1", IMAGE, guard);
    registry.on(
      `GET /v2/app/blobs/${CONFIG.digest}`,
      guard(redirect(`${storage.origin}/b?sig=s`, 307)),
    );
    auth.on("GET /jwt/auth", () => json({ token: "t" }));
    storage.on("GET /b", answer(CONFIG));
    const client = scene.client();
    await client.manifest(app(scene));
    await client.blob(app(scene), descriptor(CONFIG));
    assert.deepEqual(auth.authorizations, [`Basic ${mine}`]);
    assert.ok(registry.authorizations.every((header) => header === "Bearer t"));
    assert.deepEqual(storage.authorizations, []);
  },
};

const artifactory: Quirk = {
  name: "Artifactory, Nexus: several challenges, of which Bearer is the one to answer",
  async script(scene) {
    const registry = scene.host("registry");
    scene.login(registry.name, { auth: basic("me", "secret") });
    const challenge = () => {
      const headers = new Headers({ "content-type": "application/json" });
      headers.append("www-authenticate", "Negotiate");
      headers.append("www-authenticate", 'Basic realm="Artifactory Realm, internal"');
      headers.append("www-authenticate", `Bearer realm="${registry.origin}/token",service="a"`);
      return new Response('{"errors":[]}', { status: 401, headers });
    };
    registry.on(TAGS, guarded("Bearer t", challenge, () => json({ tags: ["1"] })));
    registry.on("GET /token", () => json({ token: "t" }));
    assert.deepEqual((await scene.client().tags(app(scene))).tags, ["1"]);
  },
};

const thief: Quirk = {
  name: "a thief: a challenge or a redirect does not lead a credential to another host",
  async script(scene) {
    const mine: Repository = app(scene);
    const registry = scene.host("registry");
    const other = scene.host("thief");
    scene.login(mine.registry, { auth: basic("me", "secret") });
    const steal: Handler = () =>
      refusal(401, "UNAUTHORIZED", {
        headers: { "www-authenticate": `Basic realm="${mine.registry}"` },
      });
    other.on(TAGS, steal).on("GET /b", steal);
    registry.on(`GET /v2/app/blobs/${CONFIG.digest}`, redirect(`${other.origin}/b`, 302));
    const client = scene.client();
    await assert.rejects(
      client.tags({ ...mine, registry: other.name }),
      failsWith("UNAUTHORIZED", /wants a login/),
    );
    await assert.rejects(
      client.blob(mine, descriptor(CONFIG)),
      failsWith("UNAUTHORIZED", /leads to/),
    );
    assert.equal(other.requests.length, 2);
    assert.deepEqual(other.authorizations, []);
  },
};

const together: Quirk = {
  name: "all calls at once: one token, and at most six requests in flight",
  async script(scene) {
    const registry = scene.host("registry");
    const auth = scene.host("auth");
    let inFlight = 0;
    let most = 0;
    const guard = tokenGuard(`${auth.origin}/token`, "s");
    const blobs = Array.from({ length: 30 }, (_, index) => content(`blob ${index}`));
    for (const blob of blobs) {
      const handler = guard(answer(blob));
      registry.on(`GET /v2/app/blobs/${blob.digest}`, async (request, count) => {
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setTimeout(resolve, 0));
        inFlight--;
        return await handler(request, count);
      });
    }
    auth.on("GET /token", () => json({ token: "t" }));
    const client = scene.client();
    await Promise.all(blobs.map((blob) => client.blob(app(scene), descriptor(blob))));
    assert.equal(auth.requests.length, 1);
    assert.ok(most <= 6, `${most} in flight`);
  },
};

/** All of them. */
export const LOGIN_QUIRKS: readonly Quirk[] = [
  ecrPrivate,
  ecrPublic,
  ghcr,
  ghcrMissing,
  harbor,
  acr,
  noPost,
  gitlab,
  artifactory,
  thief,
  together,
];
