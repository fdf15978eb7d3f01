/**
 * What the scenes of quirky registries have in common.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Reference } from "../../lib/oci/reference.ts";
import { bearerChallenge, guarded, type Handler, type Scene } from "./scripted_registry.ts";

/** One registry's way. */
export interface Quirk {
  /** Whose way, and what is expected of the client. */
  readonly name: string;
  /** Sets the hosts up, asks, and asserts. */
  readonly script: (scene: Scene) => Promise<void>;
}

/** Where the tags of `app` are listed. */
export const TAGS = "GET /v2/app/tags/list";

/** `app:1` at the scene's registry. */
export function app(scene: Scene): Reference {
  return { registry: scene.host("registry").name, repository: "app", tag: "1" };
}

/** Answers with a redirect. */
export function redirect(location: string, status: number): Handler {
  return () => new Response(null, { status, headers: { location } });
}

/** Puts the bearer token `t`, which `realm` gives out, before a handler. */
export function tokenGuard(realm: string, service: string): (handler: Handler) => Handler {
  const challenge = () => bearerChallenge(realm, { service, scope: "repository:app:pull" });
  return (handler) => guarded("Bearer t", challenge, handler);
}

/** Checks what was thrown. */
export function failsWith(code: string, words: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof AppError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, words);
    return true;
  };
}
