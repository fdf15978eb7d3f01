/**
 * The registry client: what Wharf asks of a registry, as operations with a deadline. Needs no
 * permission itself: network, credentials and cache are passed in. Obeys the distribution-spec's
 * duties of a client that pulls.
 *
 * @example
 * ```ts ignore
 * const { tags } = await client.tags(parseRepository("alpine"));
 * const manifest = await client.manifest(parseReference("alpine:3.20"));
 * ```
 *
 * @module
 */

import { deadline } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import { type Catalog, type CatalogOptions, readCatalog } from "./catalog_pages.ts";
import { parseChallenges } from "./challenge.ts";
import { type ContentCache, verifiedContent } from "./content_cache.ts";
import { algorithmOf, type Digest, digestOf, isDigest, verifyDigest } from "./digest.ts";
import type { Operation } from "./exchange.ts";
import { type Descriptor, type ManifestDocument, readManifest } from "./manifest.ts";
import { ACCEPT_MANIFEST, bareMediaType, kindOf } from "./media_types.ts";
import { formatReference, type Reference, type Repository } from "./reference.ts";
import { type PullQuota, pullQuotaOf, warningsOf } from "./response_facts.ts";
import { RecentListings } from "./recent_listings.ts";
import { readTagPages, type TagListing } from "./tag_pages.ts";
import { RegistryTransport, type TransportDeps } from "./transport.ts";

/** What {@linkcode RegistryClient} needs. */
export interface RegistryClientDeps extends TransportDeps {
  /** Keeps manifests, configs and pages of tags. */
  readonly cache: ContentCache;
}

/** How {@linkcode RegistryClient} behaves. */
export interface RegistryClientOptions {
  /** Registries that may be spoken to over plain http, beside loopback. @default none */
  readonly insecureRegistries?: ReadonlySet<string>;
  /** Most requests to one registry at once. @default {6} */
  readonly perHostLimit?: number;
  /** Time for one operation, in milliseconds. @default {60000} */
  readonly timeoutMs?: number;
  /** How old a list of tags may be that is given again, in milliseconds. @default {0} */
  readonly keepTagsMs?: number;
}

/** What every operation takes. */
export interface CallOptions {
  /** Ends the operation early. */
  readonly signal?: AbortSignal;
}

/** What an answer about a manifest says beside it. */
export interface ManifestAnswer {
  /** The manifest. */
  readonly document: ManifestDocument;
  /** Whether it came from the cache. */
  readonly fromCache: boolean;
  /** What the registry warns of. */
  readonly warnings: readonly string[];
  /** The pull quota, where the registry tells it. */
  readonly quota: PullQuota | undefined;
  /** Where the tag points now, when the reference has a tag and a digest that differ. */
  readonly tagDigest: Digest | undefined;
}

/** What a registry answers to a ping. */
export interface PingAnswer {
  /** How it wants to be authenticated to. */
  readonly authentication: "none" | "basic" | "bearer" | "other";
  /** Whether Wharf's credential was accepted; `undefined` where it has none or needs none. */
  readonly authenticated: boolean | undefined;
  /** Where the credential comes from. */
  readonly source: string | undefined;
}

/** Docker Hub's pull quota, as the registry tells it. */
export interface RateLimit extends PullQuota {
  /** Whether pulls are limited at all. */
  readonly limited: boolean;
  /** Where the credential comes from; `undefined` for anonymous access. */
  readonly credential: string | undefined;
}

const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;
const MAX_BLOB_BYTES = 8 * 1024 * 1024;
const MAX_KEPT_BLOB_BYTES = 4 * 1024 * 1024;

/** Asks registries. One client serves any number of calls; they share queues, tokens and pauses. */
export class RegistryClient {
  readonly #deps: RegistryClientDeps;
  readonly #transport: RegistryTransport;
  readonly #timeoutMs: number;
  readonly #listings: RecentListings;

  /**
   * Makes a client; nothing is sent before the first call.
   *
   * @param deps Network, clock, log, keychain, cache and jitter.
   * @param options Limits and plain registries.
   */
  constructor(deps: RegistryClientDeps, options: RegistryClientOptions = {}) {
    this.#deps = deps;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#listings = new RecentListings(deps.clock, { keepMs: options.keepTagsMs ?? 0 });
    this.#transport = new RegistryTransport(deps, {
      insecureRegistries: options.insecureRegistries ?? new Set(),
      perHostLimit: options.perHostLimit ?? 6,
    });
  }

  /**
   * Checks that a registry answers (distribution-spec, end-1).
   *
   * @param registry The registry's name.
   * @param options The signal.
   * @returns How it authenticates, and whether Wharf's credential is accepted.
   * @throws {AppError} `UNREACHABLE` and its kin.
   */
  ping(registry: string, options: CallOptions = {}): Promise<PingAnswer> {
    return this.#operation(options, async (operation) => {
      const whole = { registry, repository: "" };
      try {
        const { status, headers, authorization } = await this.#transport.send({
          ...whole,
          scope: "",
          path: "/v2/",
          action: `ping "${registry}"`,
          accept: [401, 403],
          maxBytes: 0,
        }, operation);
        const isIn = status < 300;
        return {
          authentication: authorization?.scheme ?? (isIn ? "none" : wantedScheme(headers)),
          authenticated: authorization?.source === undefined ? undefined : isIn,
          source: authorization?.source,
        };
      } catch (thrown) {
        if (!(thrown instanceof AppError && thrown.code === "UNAUTHORIZED")) throw thrown;
        // The registry answers; it is its token server that refuses.
        const found = await this.#deps.keychain.lookup(whole, operation.signal);
        return {
          authentication: "bearer",
          authenticated: found === undefined ? undefined : false,
          source: found?.source,
        };
      }
    });
  }

  /**
   * Reads a manifest or index, verified, from the cache where its digest is known. By tag that
   * costs one HEAD, which spends no pull quota; by digest nothing.
   *
   * @param reference The image; where it has a tag and a digest, the digest decides.
   * @param options The signal.
   * @returns The document and what the registry said beside it.
   * @throws {AppError} `NOT_FOUND`, `UNAUTHORIZED`, `DIGEST_MISMATCH` and their kin.
   */
  manifest(reference: Reference, options: CallOptions = {}): Promise<ManifestAnswer> {
    return this.#operation(options, async (operation) => {
      const { digest, tag } = reference;
      if (digest !== undefined) {
        const [answer, tagDigest] = await Promise.all([
          this.#manifestByDigest(reference, digest, operation),
          tag === undefined ? undefined : this.#tagDigest(reference, operation),
        ]);
        return { ...answer, tagDigest: tagDigest === digest ? undefined : tagDigest };
      }
      const head = await this.#head(reference, operation);
      if (head.digest === undefined) {
        return await this.#getManifest(reference, undefined, operation);
      }
      const answer = await this.#manifestByDigest(reference, head.digest, operation);
      return {
        ...answer,
        warnings: [...new Set([...head.warnings, ...answer.warnings])],
        quota: answer.quota ?? head.quota,
      };
    });
  }

  /**
   * Reads a blob, verified (distribution-spec, end-2). Foreign addresses are never used.
   *
   * @param repository The repository that holds it.
   * @param descriptor What it is; its size is held too.
   * @param options The signal.
   * @returns The bytes; at most 8 MiB.
   * @throws {AppError} `TOO_LARGE`, `DIGEST_MISMATCH` and their kin.
   */
  blob(
    repository: Repository,
    descriptor: Descriptor,
    options: CallOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#operation(options, async (operation) => {
      const { digest, size } = descriptor;
      const what = `blob "${digest}" of "${repository.registry}/${repository.repository}"`;
      if (size > MAX_BLOB_BYTES) {
        throw new AppError("TOO_LARGE", `Cannot read ${what}: it has ${size} bytes`, {
          hint: `Wharf reads blobs up to ${MAX_BLOB_BYTES} bytes, such as configs`,
        });
      }
      const inline = inlineData(descriptor);
      if (inline !== undefined) return inline;
      const kept = await verifiedContent(this.#deps.cache, digest);
      if (kept?.byteLength === size) return kept;
      const { bytes } = await this.#transport.send({
        ...repository,
        scope: pullScope(repository),
        path: `/v2/${repository.repository}/blobs/${digest}`,
        action: `read ${what}`,
        maxBytes: MAX_BLOB_BYTES,
      }, operation);
      if (bytes.byteLength !== size) {
        throw new AppError(
          "BAD_RESPONSE",
          `Cannot use ${what}: it has ${bytes.byteLength} bytes, but ${size} were promised`,
          { hint: "Try again; if it stays so, the registry has lost a part of the image" },
        );
      }
      verifyDigest(bytes, digest, what);
      if (size <= MAX_KEPT_BLOB_BYTES) await this.#deps.cache.put(digest, bytes);
      return bytes;
    });
  }

  /**
   * Lists the tags of a repository, all pages of it.
   *
   * @param repository The repository.
   * @param options The signal; `maxTags` ends the reading early, for callers that need only some.
   * @returns The tags in the registry's order.
   * @throws {AppError} `NOT_FOUND`, `UNAUTHORIZED` and their kin.
   */
  tags(
    repository: Repository,
    options: CallOptions & { readonly maxTags?: number } = {},
  ): Promise<TagListing> {
    const { maxTags } = options;
    const deps = { transport: this.#transport, cache: this.#deps.cache };
    const read = (signal?: AbortSignal) =>
      this.#operation(
        signal === undefined ? {} : { signal },
        (operation) => readTagPages(deps, repository, { ...operation, maxTags }),
      );
    const some = maxTags === undefined ? "" : ` ${maxTags}`;
    const name = `${repository.registry}/${repository.repository}${some}`;
    return this.#listings.listing(name, read, options.signal);
  }

  /**
   * Lists the repositories of a registry, where it offers that; the distribution-spec does not
   * define it.
   *
   * @param registry The registry's name.
   * @param options How many, and which.
   * @returns The names; `truncated` when there may be more.
   * @throws {AppError} `UNSUPPORTED` where the registry has no catalog for Wharf.
   */
  catalog(registry: string, options: CallOptions & CatalogOptions): Promise<Catalog> {
    return this.#operation(
      options,
      (operation) => readCatalog(this.#transport, registry, { ...options, operation }),
    );
  }

  /**
   * Reads Docker Hub's pull quota, by a HEAD that spends none of it.
   *
   * @param options The signal.
   * @returns The quota; `limited` is `false` for accounts without a limit.
   */
  rateLimit(options: CallOptions = {}): Promise<RateLimit> {
    return this.#operation(options, async (operation) => {
      const preview = { registry: "docker.io", repository: "ratelimitpreview/test" };
      const { status, headers, authorization } = await this.#transport.send({
        ...preview,
        scope: pullScope(preview),
        path: "/v2/ratelimitpreview/test/manifests/latest",
        action: "read Docker Hub's pull quota",
        method: "HEAD",
        headers: { accept: ACCEPT_MANIFEST },
        // The answer to a reached limit carries the quota as well.
        accept: [429],
        maxBytes: 0,
      }, operation);
      const quota = pullQuotaOf(headers);
      return {
        limited: quota !== undefined || status === 429,
        credential: authorization?.source,
        ...quota,
      };
    });
  }

  /** Deadline and signal of one operation. */
  async #operation<T>(
    options: CallOptions,
    work: (operation: Operation) => Promise<T>,
  ): Promise<T> {
    const endsMs = this.#deps.clock.now() + this.#timeoutMs;
    using limit = deadline(this.#deps.clock, this.#timeoutMs, options.signal);
    return await work({ signal: limit.signal, endsMs });
  }

  async #head(reference: Reference, operation: Operation): Promise<Head> {
    const { status, headers } = await this.#transport.send({
      ...repositoryOf(reference),
      scope: pullScope(reference),
      path: manifestPath(reference, reference.tag ?? ""),
      action: `read "${formatReference(reference)}"`,
      method: "HEAD",
      headers: { accept: ACCEPT_MANIFEST },
      // These answers to HEAD have no body; a GET says what is wrong.
      accept: [400, 404, 405, 406],
      maxBytes: 0,
    }, operation);
    const text = headers.get("docker-content-digest")?.trim() ?? "";
    // Old registries name a schema 1 digest that only a GET can prove.
    const isUsable = status < 300 && isDigest(text) &&
      kindOf(bareMediaType(headers.get("content-type"))) !== "schema1";
    return {
      digest: isUsable ? text : undefined,
      warnings: warningsOf(headers),
      quota: pullQuotaOf(headers),
    };
  }

  /** Where a tag points; a reference with a digest does not fail for it. */
  async #tagDigest(reference: Reference, operation: Operation): Promise<Digest | undefined> {
    try {
      return (await this.#head(reference, operation)).digest;
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code !== "CANCELLED") return undefined;
      throw thrown;
    }
  }

  async #manifestByDigest(
    reference: Reference,
    digest: Digest,
    operation: Operation,
  ): Promise<ManifestAnswer> {
    const kept = await verifiedContent(this.#deps.cache, digest);
    if (kept === undefined) return await this.#getManifest(reference, digest, operation);
    const what = `"${formatReference(reference)}"`;
    return {
      document: readManifest(kept, { contentType: "", what, expected: digest }),
      fromCache: true,
      warnings: [],
      quota: undefined,
      tagDigest: undefined,
    };
  }

  /** By digest, or by tag for registries whose HEAD tells no digest. */
  async #getManifest(
    reference: Reference,
    digest: Digest | undefined,
    operation: Operation,
  ): Promise<ManifestAnswer> {
    const what = `"${formatReference(reference)}"`;
    const { headers, bytes } = await this.#transport.send({
      ...repositoryOf(reference),
      scope: pullScope(reference),
      path: manifestPath(reference, digest ?? reference.tag ?? ""),
      action: `read ${what}`,
      headers: { accept: ACCEPT_MANIFEST },
      maxBytes: MAX_MANIFEST_BYTES,
    }, operation);
    const contentType = bareMediaType(headers.get("content-type"));
    // The spec: a digest that is used MUST be verified, here of what the registry says the tag is.
    const promised = headers.get("docker-content-digest")?.trim() ?? "";
    const expected = digest ?? (isDigest(promised) ? promised : undefined);
    const document = readManifest(bytes, { contentType, what, expected });
    await this.#deps.cache.put(document.digest, document.bytes);
    return {
      document,
      fromCache: false,
      warnings: warningsOf(headers),
      quota: pullQuotaOf(headers),
      tagDigest: undefined,
    };
  }
}

interface Head {
  readonly digest: Digest | undefined;
  readonly warnings: readonly string[];
  readonly quota: PullQuota | undefined;
}

/** What a registry that did not let Wharf in would let in. */
function wantedScheme(headers: Headers): PingAnswer["authentication"] {
  const schemes = parseChallenges(headers.get("www-authenticate") ?? "").map(({ scheme }) =>
    scheme
  );
  return schemes.includes("bearer") ? "bearer" : schemes.includes("basic") ? "basic" : "other";
}

function pullScope(repository: Repository): string {
  return `repository:${repository.repository}:pull`;
}

function repositoryOf(reference: Reference): Repository {
  return { registry: reference.registry, repository: reference.repository };
}

function manifestPath(reference: Repository, name: string): string {
  return `/v2/${reference.repository}/manifests/${name}`;
}

/** A descriptor's own content, if it is what the digest says (image-spec, "Embedded Content"). */
function inlineData(descriptor: Descriptor): Uint8Array<ArrayBuffer> | undefined {
  if (descriptor.data === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(descriptor.data), (character) => character.charCodeAt(0));
    const isRight = bytes.byteLength === descriptor.size &&
      digestOf(bytes, algorithmOf(descriptor.digest)) === descriptor.digest;
    return isRight ? bytes : undefined;
  } catch {
    return undefined;
  }
}
