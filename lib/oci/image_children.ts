/**
 * Reads the images behind a manifest or index: their manifests and configs, all at once. Needs no
 * permission: the client is passed in. Obeys the image-spec's image-index.md.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { isImage, typeOf } from "./artifact.ts";
import type { RegistryClient } from "./client.ts";
import { type ImageConfig, parseImageConfig } from "./image_config.ts";
import type { Descriptor, ImageBody, ManifestDocument, Schema1Body } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { formatReference, type Repository } from "./reference.ts";
import type { PullQuota } from "./response_facts.ts";

/** What is asked of a client. */
export type ImageReader = Pick<RegistryClient, "manifest" | "blob">;

/** An image for one platform. */
export interface ChildImage {
  /** Its manifest. */
  readonly descriptor: Descriptor;
  /** What it runs on: the index's word, else the config's. */
  readonly platform: Platform | undefined;
  /** How many layers it has; `undefined` when its manifest cannot be read. */
  readonly layerCount?: number;
  /** Its layers, base first; absent in schema 1, which tells no sizes. */
  readonly layers?: readonly Descriptor[];
  /** Its config; absent when it cannot be read. */
  readonly config?: ImageConfig;
}

const MAX_IMAGES = 64;
const MAX_NESTING = 3;
const MAX_FAILURES = 3;

/** Reads images, and remembers what came up on the way. */
export class ChildReader {
  readonly #client: ImageReader;
  readonly #repository: Repository;
  readonly #call: { readonly signal?: AbortSignal };
  readonly #failures: string[] = [];
  readonly #others = new Map<string, number>();
  #room = MAX_IMAGES;
  #leftOut = 0;
  #attestations = 0;
  #quota: PullQuota | undefined;

  /**
   * @param client Reads manifests and configs; bounds the requests to one registry.
   * @param repository The repository that holds them.
   * @param call The signal.
   */
  constructor(
    client: ImageReader,
    repository: Repository,
    call: { readonly signal?: AbortSignal },
  ) {
    this.#client = client;
    this.#repository = { registry: repository.registry, repository: repository.repository };
    this.#call = call;
  }

  /** How many attestations stood among the images. */
  get attestations(): number {
    return this.#attestations;
  }

  /** How many entries were something other than images. */
  get others(): number {
    return [...this.#others.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The pull quota that was left at the end, where the registry told it. */
  get quota(): PullQuota | undefined {
    return this.#quota;
  }

  /** What was left out or cannot be read. */
  get notes(): readonly string[] {
    const failed = this.#failures.length - MAX_FAILURES;
    return [
      ...(this.#leftOut === 0 ? [] : [`${this.#leftOut} more entries of the index are not shown`]),
      ...[...this.#others].map(([type, count]) => `Not among the images: ${count} of type ${type}`),
      ...this.#failures.slice(0, MAX_FAILURES),
      ...(failed > 0 ? [`${failed} more cannot be read`] : []),
    ];
  }

  /**
   * Reads the images of an index, and of indexes in it.
   *
   * @param descriptors The entries.
   * @param depth How many indexes are around this one.
   * @returns The images, in the index's order; one that cannot be read has its descriptor only.
   * @throws {AppError} `CANCELLED`, `TIMEOUT`, or `DIGEST_MISMATCH`: the image must not be trusted.
   */
  async index(descriptors: readonly Descriptor[], depth = 0): Promise<readonly ChildImage[]> {
    const images = descriptors.filter((descriptor) => !isAttestation(descriptor));
    this.#attestations += descriptors.length - images.length;
    const taken = images.slice(0, this.#room);
    this.#room -= taken.length;
    this.#leftOut += images.length - taken.length;
    const children = await Promise.all(taken.map((descriptor) => this.#child(descriptor, depth)));
    return children.flat();
  }

  /**
   * Reads the image of a manifest.
   *
   * @param document The manifest.
   * @param image Its body.
   * @returns The image.
   * @throws {AppError} As {@linkcode index}.
   */
  async image(document: ManifestDocument, image: ImageBody): Promise<ChildImage> {
    const { digest, mediaType, bytes } = document;
    const found = {
      descriptor: { digest, mediaType, size: bytes.byteLength },
      layerCount: image.layers.length,
      layers: image.layers,
    };
    if (image.config === undefined) return { ...found, platform: undefined };
    try {
      const blob = await this.#client.blob(this.#repository, image.config, this.#call);
      const name = formatReference({ ...this.#repository, digest });
      const config = parseImageConfig(blob, `the config of "${name}"`);
      return { ...found, platform: platformOf(config), config };
    } catch (thrown) {
      this.#fail(thrown, `The config of ${digest}`);
      return { ...found, platform: undefined };
    }
  }

  async #child(descriptor: Descriptor, depth: number): Promise<readonly ChildImage[]> {
    try {
      const reference = { ...this.#repository, digest: descriptor.digest };
      const { document, quota } = await this.#client.manifest(reference, this.#call);
      this.#spend(quota);
      if (document.kind === "index") {
        if (depth < MAX_NESTING) return await this.index(document.index.manifests, depth + 1);
        this.#failures.push(`${descriptor.digest} is an index inside of ${MAX_NESTING} others`);
        return [];
      }
      if (document.kind === "schema1") {
        return [{ ...schema1Image(document, document.schema1), descriptor, ...known(descriptor) }];
      }
      if (!isImage(document.image)) {
        const type = typeOf(document.image) ?? "unknown";
        this.#others.set(type, (this.#others.get(type) ?? 0) + 1);
        return [];
      }
      return [{ ...await this.image(document, document.image), descriptor, ...known(descriptor) }];
    } catch (thrown) {
      // A sparse index, where a mirror keeps only some platforms, is legal.
      this.#fail(thrown, descriptor.digest);
      return [{ descriptor, platform: descriptor.platform }];
    }
  }

  /** Notes a failure, unless the whole answer must fail for it. */
  #fail(thrown: unknown, what: string): void {
    const error = toAppError(thrown);
    const isFatal = this.#call.signal?.aborted === true || error.code === "DIGEST_MISMATCH" ||
      error.code === "INTERNAL";
    if (isFatal) throw error;
    this.#failures.push(`${what} cannot be read: ${cleanText(error.message, { maxChars: 300 })}`);
  }

  #spend(quota: PullQuota | undefined): void {
    if (quota?.remaining === undefined) return;
    if (quota.remaining <= (this.#quota?.remaining ?? Infinity)) this.#quota = quota;
  }
}

/**
 * Reads a manifest of Docker's schema 1, which holds its configs inside.
 *
 * @param document The manifest.
 * @param body Its body.
 * @returns The image, as far as such a manifest tells.
 */
export function schema1Image(document: ManifestDocument, body: Schema1Body): ChildImage {
  const { digest, mediaType, bytes } = document;
  const [newest] = body.history;
  let config: ImageConfig | undefined;
  try {
    const json = new TextEncoder().encode(newest?.v1Compatibility ?? "{}");
    config = parseImageConfig(json, "the config");
  } catch (thrown) {
    // Nobody needs it: the manifest itself is what is being described.
    if (!(thrown instanceof AppError)) throw thrown;
  }
  return {
    descriptor: { digest, mediaType, size: bytes.byteLength },
    platform: {
      os: config?.os ?? "linux",
      architecture: config?.architecture ?? body.architecture ?? "unknown",
    },
    layerCount: body.fsLayers.length,
    ...(config === undefined ? {} : { config }),
  };
}

/** BuildKit's marks of a manifest that holds attestations for another one. */
function isAttestation(descriptor: Descriptor): boolean {
  if (descriptor.annotations?.["vnd.docker.reference.type"] !== undefined) return true;
  return descriptor.platform?.os === "unknown" && descriptor.platform.architecture === "unknown";
}

/** The index's word for the platform counts; an entry without one has it in its config. */
function known(descriptor: Descriptor): { readonly platform?: Platform } {
  return descriptor.platform === undefined ? {} : { platform: descriptor.platform };
}

function platformOf(config: ImageConfig): Platform | undefined {
  if (config.os === undefined || config.architecture === undefined) return undefined;
  const osVersion = config["os.version"];
  return {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant === undefined ? {} : { variant: config.variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  };
}
