/**
 * A registry with one repository, `r.example/app`, whose content a test puts on it by hand; a real
 * handler behind a real client. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RegistryClient } from "../../lib/oci/client.ts";
import { type Digest, digestOf } from "../../lib/oci/digest.ts";
import type { Descriptor } from "../../lib/oci/manifest.ts";
import { parseReference, type Reference } from "../../lib/oci/reference.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { type HandlerNet, handlerNet } from "./handler_net.ts";

interface Item {
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The content of a registry, and a client that asks it. */
export class Shelf {
  /** What the client asked. */
  readonly net: HandlerNet;
  /** The client. */
  readonly client: RegistryClient;
  readonly #items = new Map<string, Item>();
  readonly #tags = new Map<string, Digest>();
  readonly #headers: Record<string, string> = {};

  constructor() {
    this.net = handlerNet((request) => this.#answer(request));
    this.client = new RegistryClient({
      net: this.net,
      clock: new FakeClock(),
      log: new FakeLog(),
      keychain: { lookup: () => Promise.resolve(undefined), withheld: () => undefined },
      cache: { get: () => Promise.resolve(undefined), put: () => Promise.resolve() },
      random: () => 0.5,
    });
  }

  /**
   * Puts content on the shelf.
   *
   * @param mediaType What it is.
   * @param value Bytes, or a value to write as JSON.
   * @returns Its descriptor.
   */
  put(mediaType: string, value: unknown): Descriptor {
    const bytes = value instanceof Uint8Array
      ? new Uint8Array(value)
      : new TextEncoder().encode(JSON.stringify(value));
    const digest = digestOf(bytes);
    this.#items.set(digest, { mediaType, bytes });
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Takes content away, as from a mirror that keeps only a part. */
  drop(digest: Digest): void {
    this.#items.delete(digest);
  }

  /** Puts other bytes where a digest promises some. */
  corrupt(digest: Digest): void {
    const item = this.#items.get(digest);
    assert.ok(item);
    this.#items.set(digest, { ...item, bytes: item.bytes.map((byte) => byte ^ 1) });
  }

  /** Points a tag. */
  tag(name: string, { digest }: Descriptor): Reference {
    this.#tags.set(name, digest);
    return parseReference(`r.example/app:${name}`);
  }

  /** Sends a header with every manifest. */
  header(name: string, value: string): void {
    this.#headers[name] = value;
  }

  #answer(request: Request): Response {
    const url = new URL(request.url);
    const match = /^\/v2\/app\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname);
    assert.ok(url.host === "r.example" && match, `unmatched request: ${url.href}`);
    const digest = this.#tags.get(match[2] ?? "") ?? match[2] ?? "";
    const item = this.#items.get(digest);
    if (item === undefined) {
      return Response.json({ errors: [{ code: "MANIFEST_UNKNOWN" }] }, { status: 404 });
    }
    return new Response(request.method === "HEAD" ? null : item.bytes, {
      headers: {
        "content-type": item.mediaType,
        "docker-content-digest": digest,
        "content-length": String(item.bytes.byteLength),
        ...this.#headers,
      },
    });
  }
}
