/**
 * Catalogs of repositories, where a registry has one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { CatalogOptions } from "../../lib/oci/catalog_pages.ts";
import {
  basic,
  bearerChallenge,
  guarded,
  json,
  play,
  refusal,
  type Scene,
} from "./scripted_registry.ts";

const FIRST = "GET /v2/_catalog?n=1000";
const ALL: CatalogOptions = { limit: 100, filter: () => true };
const list = (scene: Scene, options = ALL) => scene.client().catalog("registry.test", options);
const page = (repositories: unknown, link?: string) =>
  json({ repositories }, link === undefined ? {} : { headers: { link } });

Deno.test("catalog() lists all pages with a token for the whole registry", () =>
  play(async (scene) => {
    scene.login("registry.test", { auth: basic("me", "secret") });
    const challenge = () => bearerChallenge("https://auth.test/token", { service: "s" });
    const registry = scene.host("registry");
    registry.on(
      FIRST,
      guarded(
        "Bearer t",
        challenge,
        () => page(["a", "b"], '</v2/_catalog?last=b&n=1000>; rel="next"'),
      ),
    ).on(
      "GET /v2/_catalog?last=b&n=1000",
      guarded("Bearer t", challenge, () => page(["b", "c\u202E\u0007"])),
    );
    scene.host("auth").on("GET /token", () => json({ token: "t" }));
    assert.deepEqual(await list(scene), { repositories: ["a", "b", "c"], truncated: false });
    assert.deepEqual(scene.host("auth").lines, [
      "GET /token?service=s&scope=registry%3Acatalog%3A*",
    ]);
  }));

Deno.test("catalog() stops at its limit, and counts only what is wanted", () =>
  play(async (scene) => {
    scene.host("registry").on(FIRST, () => page(["a1", "b1", "a2", "b2", "a3"]));
    const filter = (name: string) => name.startsWith("a");
    assert.deepEqual(await list(scene, { limit: 2, filter }), {
      repositories: ["a1", "a2"],
      truncated: true,
    });
    assert.deepEqual(await list(scene, { limit: 3, filter }), {
      repositories: ["a1", "a2", "a3"],
      truncated: false,
    });
  }));

Deno.test("catalog() takes null for an empty catalog, and anything else for none", () =>
  play(async (scene) => {
    scene.host("registry").on(FIRST, () => page(null));
    assert.deepEqual(await list(scene), { repositories: [], truncated: false });
    for (const value of ["x", undefined, [1]]) {
      scene.host("registry").on(FIRST, () => page(value));
      await assert.rejects(list(scene), { code: "BAD_RESPONSE" });
    }
  }));

for (const status of [401, 403, 404, 405, 501]) {
  Deno.test(`catalog() says that there is none on status ${status}`, () =>
    play(async (scene) => {
      scene.host("registry").on(FIRST, () => refusal(status, "UNSUPPORTED"));
      await assert.rejects(list(scene), (thrown) => {
        assert.ok(thrown instanceof AppError);
        assert.equal(thrown.code, "UNSUPPORTED");
        assert.match(
          thrown.message,
          /^Cannot list the repositories of "registry\.test": it offers/,
        );
        assert.equal(/to this login$/.test(thrown.message), status === 401 || status === 403);
        assert.match(thrown.hint ?? "", /^Name the repository\. Docker Hub and GitHub have no/);
        return true;
      });
    }));
}

Deno.test("catalog() says so too when the token server refuses", () =>
  play(async (scene) => {
    scene.host("registry").on(FIRST, () => bearerChallenge("https://auth.test/token"));
    scene.host("auth").on("GET /token", () => refusal(403, "DENIED"));
    await assert.rejects(list(scene), { code: "UNSUPPORTED" });
  }));

Deno.test("catalog() passes on other failures as they are", () =>
  play(async (scene) => {
    scene.host("registry").on(FIRST, () => new Response("", { status: 500 }));
    await assert.rejects(list(scene), { code: "UNAVAILABLE" });
  }));

Deno.test("catalog() leaves a circle, and refuses a next page elsewhere", () =>
  play(async (scene) => {
    scene.host("registry").on(FIRST, () => page(["a"], '</v2/_catalog?n=1000>; rel="next"'));
    assert.deepEqual(await list(scene), { repositories: ["a"], truncated: true });
    assert.equal(scene.host("registry").requests.length, 1);
    scene.host("registry").on(FIRST, () => page(["a"], '<https://evil.test/>; rel="next"'));
    await assert.rejects(list(scene), { code: "BAD_RESPONSE" });
  }));

Deno.test("catalog() stops after two hundred pages", () =>
  play(async (scene) => {
    scene.host("registry").on(
      "GET /v2/_catalog",
      (_, count) => page([], `</v2/_catalog?p=${count}>; rel="next"`),
    );
    assert.deepEqual(await list(scene), { repositories: [], truncated: true });
    assert.equal(scene.host("registry").requests.length, 200);
  }));
