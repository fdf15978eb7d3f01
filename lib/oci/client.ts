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

import { z } from "zod";
import { deadline } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { cleanText } from "../core/text.ts";
import { parseChallenges } from "./challenge.ts";
import { type Digest, digestOf, isDigest, verifyDigest } from "./digest.ts";
import { algorithmOf } from "./digest.ts";
import { nextLink } from "./link.ts";
import {
  type Descriptor,
  digestedBytes,
  type ManifestDocument,
  parseManifest,
} from "./manifest.ts";
import { ACCEPT_MANIFEST, bareMediaType, kindOf } from "./media_types.ts";
import { formatReference, type Reference, type Repository } from "./reference.ts";
import { type PullQuota, pullQuotaOf, warningsOf } from "./response_facts.ts";
import { readTagPages, type TagListing } from "./tag_pages.ts";
import { type Operation, RegistryTransport, type TransportDeps } from "./transport.ts";

/** Keeps content by key; a miss is never an error. */
export interface ContentCache {
  /** @returns The bytes under the key, or `undefined`; the client verifies them. */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps bytes under a key such as `sha256:<hex>`. */
  put(key: string, bytes: Uint8Array): Promise<void>;
}

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
const MAX_CATALOG_PAGES = 200;

const CATALOG = z.object({ repositories: z.array(z.string()).nullish() });

/** Asks registries. One client serves any number of calls; they share queues, tokens and pauses. */
export class RegistryClient {
  readonly #deps: RegistryClientDeps;
  readonly #transport: RegistryTransport;
  readonly #timeoutMs: number;

  /**
   * @param deps Network, clock, log, keychain, cache and jitter.
   * @param options Limits and plain registries.
   */
  constructor(deps: RegistryClientDeps, options: RegistryClientOptions = {}) {
    this.#deps = deps;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
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
      const { response, source } = await this.#transport.send({
        registry,
        repository: "",
        scope: "",
        path: "/v2/",
        action: `ping "${registry}"`,
        accept: [401, 403],
      }, operation);
      const schemes = parseChallenges(response.headers.get("www-authenticate") ?? "")
        .map(({ scheme }) => scheme);
      await response.cancel();
      if (response.status === 200) {
        // Only an answer to a challenge makes the transport use a credential.
        const authentication = source === undefined ? "none" : "bearer";
        return { authentication, authenticated: source === undefined ? undefined : true, source };
      }
      const authentication = schemes.includes("bearer")
        ? "bearer"
        : schemes.includes("basic")
        ? "basic"
        : "other";
      return { authentication, authenticated: source === undefined ? undefined : false, source };
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
      if (head.digest === undefined) return await this.#manifestByTag(reference, operation);
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
      const kept = await this.#kept(digest);
      if (kept !== undefined) return kept;
      const { response } = await this.#transport.send({
        ...repository,
        scope: pullScope(repository),
        path: `/v2/${repository.repository}/blobs/${digest}`,
        action: `read ${what}`,
      }, operation);
      const bytes = await response.bytes({ maxBytes: size });
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
   * @param options The signal.
   * @returns The tags in the registry's order.
   * @throws {AppError} `NOT_FOUND`, `UNAUTHORIZED` and their kin.
   */
  tags(repository: Repository, options: CallOptions = {}): Promise<TagListing> {
    const deps = { transport: this.#transport, cache: this.#deps.cache };
    return this.#operation(options, (operation) => readTagPages(deps, repository, operation));
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
  catalog(
    registry: string,
    options: CallOptions & {
      readonly limit: number;
      readonly filter: (name: string) => boolean;
    },
  ): Promise<{ readonly repositories: readonly string[]; readonly truncated: boolean }> {
    return this.#operation(options, async (operation) => {
      const found = new Set<string>();
      let path: string | undefined = "/v2/_catalog?n=1000";
      for (let page = 0; path !== undefined && page < MAX_CATALOG_PAGES; page++) {
        const { response, url } = await this.#catalogPage(registry, path, operation);
        const what = `the catalog of "${registry}"`;
        const bytes = await response.bytes({ maxBytes: MAX_MANIFEST_BYTES });
        const parsed = CATALOG.safeParse(parseJson(bytes, { what }));
        for (const name of parsed.data?.repositories ?? []) {
          const clean = cleanText(name, { maxChars: 255 });
          if (options.filter(clean)) found.add(clean);
          if (found.size >= options.limit) return { repositories: [...found], truncated: true };
        }
        const next = nextLink(response.headers, url);
        path = next === undefined || next.hostname !== url.hostname
          ? undefined
          : next.pathname + next.search;
      }
      return { repositories: [...found], truncated: path !== undefined };
    });
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
      const { response, source } = await this.#transport.send({
        ...preview,
        scope: pullScope(preview),
        path: "/v2/ratelimitpreview/test/manifests/latest",
        action: "read Docker Hub's pull quota",
        method: "HEAD",
        headers: { accept: ACCEPT_MANIFEST },
        // The answer to a reached limit carries the quota as well.
        accept: [429],
      }, operation);
      await response.cancel();
      const quota = pullQuotaOf(response.headers);
      return { limited: quota !== undefined, credential: source, ...quota };
    });
  }

  async #catalogPage(registry: string, path: string, operation: Operation) {
    const refused = [401, 403, 404, 405, 501];
    const answer = await this.#transport.send({
      registry,
      repository: "",
      scope: "registry:catalog:*",
      path,
      action: `list the repositories of "${registry}"`,
      accept: refused,
    }, operation).catch((thrown: unknown) => {
      if (thrown instanceof AppError && refused.includes(thrown.status ?? 0)) return undefined;
      throw thrown;
    });
    if (answer !== undefined && answer.response.status === 200) return answer;
    await answer?.response.cancel();
    throw new AppError(
      "UNSUPPORTED",
      `Cannot list the repositories of "${registry}": it offers no catalog`,
      {
        hint: "Name the repository; Docker Hub, GitHub and Quay never offer one",
      },
    );
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
    const { response } = await this.#transport.send({
      ...repositoryOf(reference),
      scope: pullScope(reference),
      path: manifestPath(reference, reference.tag ?? ""),
      action: `read "${formatReference(reference)}"`,
      method: "HEAD",
      headers: { accept: ACCEPT_MANIFEST },
      // These answers to HEAD have no body; a GET says what is wrong.
      accept: [400, 404, 405, 406],
    }, operation);
    await response.cancel();
    const text = response.headers.get("docker-content-digest")?.trim() ?? "";
    // Old registries name a schema 1 digest that only a GET can prove.
    const isUsable = response.status === 200 && isDigest(text) &&
      kindOf(bareMediaType(response.headers.get("content-type"))) !== "schema1";
    return {
      digest: isUsable ? text : undefined,
      warnings: warningsOf(response.headers),
      quota: pullQuotaOf(response.headers),
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
    const what = `"${formatReference(reference)}"`;
    const kept = await this.#kept(digest);
    if (kept !== undefined) {
      const parsed = parseManifest(kept, { contentType: "", what });
      return {
        document: { ...parsed, digest, bytes: kept },
        fromCache: true,
        warnings: [],
        quota: undefined,
        tagDigest: undefined,
      };
    }
    const { bytes, contentType, headers } = await this.#getManifest(reference, digest, operation);
    const parsed = parseManifest(bytes, { contentType, what });
    verifyDigest(digestedBytes(bytes, parsed.mediaType), digest, what);
    if (parsed.kind !== "schema1") await this.#deps.cache.put(digest, bytes);
    return {
      document: { ...parsed, digest, bytes },
      fromCache: false,
      warnings: warningsOf(headers),
      quota: pullQuotaOf(headers),
      tagDigest: undefined,
    };
  }

  /** For registries whose HEAD tells no digest. */
  async #manifestByTag(reference: Reference, operation: Operation): Promise<ManifestAnswer> {
    const what = `"${formatReference(reference)}"`;
    const tag = reference.tag ?? "";
    const { bytes, contentType, headers } = await this.#getManifest(reference, tag, operation);
    const parsed = parseManifest(bytes, { contentType, what });
    const content = digestedBytes(bytes, parsed.mediaType);
    const promised = headers.get("docker-content-digest")?.trim() ?? "";
    // The spec: a digest that is used MUST be verified; where none is sent, sha256 is meant.
    if (isDigest(promised)) verifyDigest(content, promised, what);
    const digest = isDigest(promised)
      ? digestOf(content, algorithmOf(promised))
      : digestOf(content);
    if (parsed.kind !== "schema1") await this.#deps.cache.put(digest, bytes);
    return {
      document: { ...parsed, digest, bytes },
      fromCache: false,
      warnings: warningsOf(headers),
      quota: pullQuotaOf(headers),
      tagDigest: undefined,
    };
  }

  async #getManifest(reference: Reference, name: string, operation: Operation) {
    const { response } = await this.#transport.send({
      ...repositoryOf(reference),
      scope: pullScope(reference),
      path: manifestPath(reference, name),
      action: `read "${formatReference(reference)}"`,
      headers: { accept: ACCEPT_MANIFEST },
    }, operation);
    const contentType = bareMediaType(response.headers.get("content-type"));
    const bytes = await response.bytes({ maxBytes: MAX_MANIFEST_BYTES });
    return { bytes, contentType, headers: response.headers };
  }

  /** What the cache has, if it still is what its digest says. */
  async #kept(digest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#deps.cache.get(digest);
    if (bytes === undefined) return undefined;
    return digestOf(bytes, algorithmOf(digest)) === digest ? bytes : undefined;
  }
}

interface Head {
  readonly digest: Digest | undefined;
  readonly warnings: readonly string[];
  readonly quota: PullQuota | undefined;
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
    const isRight = digestOf(bytes, algorithmOf(descriptor.digest)) === descriptor.digest;
    return isRight ? bytes : undefined;
  } catch {
    return undefined;
  }
}
