/**
 * Tests of lib/oci/digest.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import {
  algorithmOf,
  digestOf,
  DigestVerifier,
  isDigest,
  parseDigest,
  verifyDigest,
} from "../../lib/oci/digest.ts";

const encoder = new TextEncoder();
const ABC = encoder.encode("abc");
/** FIPS 180-4 test vectors of "abc". */
const ABC_256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const ABC_512 =
  "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

function fault(text: string): AppError {
  try {
    parseDigest(text);
  } catch (thrown) {
    assert(thrown instanceof AppError);
    assert.equal(thrown.code, "INVALID_ARGUMENT");
    return thrown;
  }
  assert.fail(`${JSON.stringify(text)} was taken`);
}

Deno.test("digestOf() computes the published test vectors", () => {
  assert.equal(digestOf(ABC), ABC_256);
  assert.equal(digestOf(ABC, "sha256"), ABC_256);
  assert.equal(digestOf(ABC, "sha512"), ABC_512);
});

Deno.test("parseDigest() takes sha256 and sha512 of exact length only", () => {
  assert.equal(parseDigest(ABC_256), ABC_256);
  assert.equal(parseDigest(ABC_512), ABC_512);
  assert.equal(algorithmOf(parseDigest(ABC_256)), "sha256");
  assert.equal(algorithmOf(parseDigest(ABC_512)), "sha512");
  const faults: readonly (readonly [string, RegExp])[] = [
    ["", /form algorithm:hex/],
    ["latest", /form algorithm:hex/],
    [`${ABC_256}:0`, /form algorithm:hex/],
    [`md5:${"0".repeat(32)}`, /algorithm is not supported/],
    [`SHA256:${"0".repeat(64)}`, /algorithm is not supported/],
    [`sha256:${"A".repeat(64)}`, /upper case/],
    [`sha256:${"g".repeat(64)}`, /other than hex/],
    [`sha256:${"a".repeat(63)}`, /it has 63 hex digits/],
    [`sha256:${"a".repeat(65)}`, /it has 65 hex digits/],
    [`sha512:${"a".repeat(64)}`, /it has 64 hex digits/],
    [`${ABC_256}\n`, /other than hex/],
    [` ${ABC_256}`, /algorithm is not supported/],
  ];
  for (const [text, expected] of faults) {
    assert(!isDigest(text));
    assert.match(fault(text).message, expected);
  }
});

Deno.test("parseDigest() shows a bounded text without hidden characters", () => {
  const { message } = fault(`sha256:\u202E${"é".repeat(10_000)}`);
  assert(message.length < 300);
  assert(!message.includes("\u202E"));
});

Deno.test("verifyDigest() lets matching content pass and names the rest", () => {
  verifyDigest(ABC, parseDigest(ABC_256), "the config");
  verifyDigest(ABC, parseDigest(ABC_512), "the config");
  assert.throws(
    () => verifyDigest(encoder.encode("abd"), parseDigest(ABC_256), "the config"),
    (thrown) =>
      thrown instanceof AppError && thrown.code === "DIGEST_MISMATCH" &&
      thrown.message.startsWith("Cannot use the config: its digest is sha256:a52d159f262b2c6d") &&
      thrown.message.endsWith(`but ${ABC_256} was promised`),
  );
});

Deno.test("DigestVerifier checks content in parts", () => {
  for (const expected of [ABC_256, ABC_512]) {
    const verifier = new DigestVerifier(parseDigest(expected), "the layer");
    for (const byte of ABC) verifier.update(Uint8Array.of(byte));
    verifier.finish();
  }
  const short = new DigestVerifier(parseDigest(ABC_256), "the layer");
  short.update(ABC.subarray(0, 2));
  assert.throws(() => short.finish(), { name: "AppError", code: "DIGEST_MISMATCH" });
});
