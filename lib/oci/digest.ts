/**
 * Digests: parsing, computing, verifying (OCI image-spec, descriptor.md "Digests"). Needs no
 * permission.
 *
 * @example
 * ```ts
 * import { digestOf, verifyDigest } from "./digest.ts";
 *
 * const bytes = new TextEncoder().encode("{}");
 * verifyDigest(bytes, digestOf(bytes), "the config");
 * ```
 *
 * @module
 */

// The hashes of node:crypto would take a sixth of the time of a one-shot command to load.
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

/** A checked digest: `sha256:` and 64, or `sha512:` and 128 lower-case hex digits. */
export type Digest = string & { readonly __digest: unique symbol };

/** The registered algorithms that Wharf can verify. */
export type DigestAlgorithm = "sha256" | "sha512";

const HASHES = { sha256, sha512 } as const;

const FORM = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/**
 * Whether a text is a digest that Wharf can verify.
 *
 * @param text Any text.
 * @returns `true` for an exact sha256 or sha512 digest.
 *
 * @example
 * ```ts
 * import { isDigest } from "@wharf/wharf";
 *
 * isDigest("sha256:abc"); // false
 * ```
 */
export function isDigest(text: string): text is Digest {
  return FORM.test(text);
}

/**
 * Checks a digest.
 *
 * @param text `<algorithm>:<hex>`.
 * @returns The same text, as a digest.
 * @throws {AppError} `INVALID_ARGUMENT` that says what does not fit.
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use digest "${cleanText(text, { maxChars: 150 })}": ${fault(text)}`,
    { hint: "A digest is sha256: and 64, or sha512: and 128 hex digits in lower case" },
  );
}

function fault(text: string): string {
  const [algorithm, hex = "", ...rest] = text.split(":");
  if (rest.length > 0 || !text.includes(":")) return "it is not of the form algorithm:hex";
  if (algorithm !== "sha256" && algorithm !== "sha512") return "its algorithm is not supported";
  if (/[A-F]/.test(hex)) return "its hex digits are in upper case";
  if (/[^a-f0-9]/.test(hex)) return "it holds something other than hex digits";
  return `it has ${hex.length} hex digits`;
}

/**
 * Computes a digest.
 *
 * @param bytes The content.
 * @param algorithm The algorithm. @default {"sha256"}
 * @returns The digest of the content.
 */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  // The hash of a registered algorithm has the form by construction.
  return `${algorithm}:${HASHES[algorithm](bytes).toHex()}` as Digest;
}

/**
 * The algorithm of a digest.
 *
 * @param digest A checked digest.
 * @returns `sha256` or `sha512`.
 */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/**
 * Checks content against its digest while it streams by, so that it need not be held whole.
 *
 * @example
 * ```ts
 * import { DigestVerifier, parseDigest } from "./digest.ts";
 *
 * const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
 * const verifier = new DigestVerifier(parseDigest(empty), "the layer");
 * verifier.update(new Uint8Array(0));
 * verifier.finish();
 * ```
 */
export class DigestVerifier {
  readonly #expected: Digest;
  readonly #what: string;
  readonly #hash: ReturnType<(typeof HASHES)[DigestAlgorithm]["create"]>;

  /**
   * Begins with no content.
   *
   * @param expected What the digest of the content must be.
   * @param what Names the content in the error.
   */
  constructor(expected: Digest, what: string) {
    this.#expected = expected;
    this.#what = what;
    this.#hash = HASHES[algorithmOf(expected)].create();
  }

  /**
   * Takes the next part.
   *
   * @param chunk Bytes of the content, in order.
   */
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  /**
   * Ends the content; no more may be taken. What does not match must not be used.
   *
   * @throws {AppError} `DIGEST_MISMATCH`.
   */
  finish(): void {
    const actual = `${algorithmOf(this.#expected)}:${this.#hash.digest().toHex()}`;
    if (actual === this.#expected) return;
    throw new AppError(
      "DIGEST_MISMATCH",
      `Cannot use ${this.#what}: its digest is ${actual}, but ${this.#expected} was promised`,
      {
        hint:
          "The registry or something between it and Wharf changes content; do not run this image",
      },
    );
  }
}

/**
 * Checks content against its digest. Content that does not match must not be used.
 *
 * @param bytes The content, whole.
 * @param expected What its digest must be.
 * @param what Names the content in the error.
 * @throws {AppError} `DIGEST_MISMATCH`.
 */
export function verifyDigest(bytes: Uint8Array, expected: Digest, what: string): void {
  const verifier = new DigestVerifier(expected, what);
  verifier.update(bytes);
  verifier.finish();
}
