import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { inspectPack, type PackLimits } from "../../lib/catalog/git_pack.ts";

const LIMITS: PackLimits = { maxObjects: 5, maxObjectBytes: 1000, maxTotalBytes: 2500 };

interface PackedObject {
  readonly type: number;
  readonly content: Uint8Array;
  /** The size that the header tells, where it lies. */
  readonly size?: number;
  /** What stands between header and content: the base of a delta. */
  readonly base?: Uint8Array;
}

const blob = (bytes: number): PackedObject => ({ type: 3, content: new Uint8Array(bytes) });

/** A delta that says how large its result is, and inserts nothing. */
function delta(resultBytes: number, type = 7): PackedObject {
  const content = new Uint8Array([5, ...varint(resultBytes)]);
  return { type, content, base: type === 7 ? new Uint8Array(20) : new Uint8Array([1]) };
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))];
}

function pack(objects: readonly PackedObject[], count = objects.length): Uint8Array {
  const parts = objects.flatMap(({ type, content, size = content.byteLength, base }) => {
    const rest = Math.floor(size / 16);
    const first = type * 16 + size % 16;
    return [
      ...(rest === 0 ? [first] : [first + 128, ...varint(rest)]),
      ...base ?? [],
      ...deflateSync(content),
    ];
  });
  return sealed(
    new Uint8Array([...new TextEncoder().encode("PACK"), 0, 0, 0, 2, 0, 0, 0, count, ...parts]),
  );
}

function sealed(body: Uint8Array): Uint8Array {
  return new Uint8Array([...body, ...createHash("sha1").update(body).digest()]);
}

function inspect(bytes: Uint8Array): Promise<number> {
  return inspectPack(bytes, { limits: LIMITS, pause: () => Promise.resolve() });
}

Deno.test("inspectPack() counts the objects of a whole pack", async () => {
  assert.equal(await inspect(pack([])), 0);
  assert.equal(await inspect(pack([blob(0), blob(15), blob(16), blob(1000), delta(1000)])), 5);
  assert.equal(await inspect(pack([blob(10), delta(10, 6)])), 2);
});

Deno.test("inspectPack() refuses a bomb by what it says and by what it is", async () => {
  const large = { code: "TOO_LARGE", message: /an object in it is larger than 1000 bytes$/ };
  await assert.rejects(inspect(pack([blob(1001)])), large);
  await assert.rejects(inspect(pack([delta(1001)])), large);
  await assert.rejects(inspect(pack([delta(2 ** 40, 6)])), large);
  await assert.rejects(inspect(pack([blob(1000), delta(1000), delta(1000)])), {
    code: "TOO_LARGE",
    message: /more than 2500 bytes$/,
  });
  await assert.rejects(inspect(pack([1, 2, 3, 4, 5, 6].map(blob))), {
    code: "TOO_LARGE",
    message: /more than 5 objects$/,
  });
  // It says 10 bytes, and is ten millions.
  await assert.rejects(inspect(pack([{ ...blob(10_000_000), size: 10 }])), {
    code: "BAD_RESPONSE",
    message: /cannot be decompressed$/,
  });
  await assert.rejects(inspect(pack([{ ...blob(9), size: 10 }])), {
    code: "BAD_RESPONSE",
    message: /another size than it says$/,
  });
});

Deno.test("inspectPack() refuses a pack that is not whole", async () => {
  const whole = pack([blob(10), blob(20)]);
  for (let length = 0; length < whole.byteLength; length++) {
    await assert.rejects(inspect(whole.subarray(0, length)), { code: "BAD_RESPONSE" });
  }
  for (let offset = 0; offset < whole.byteLength; offset++) {
    const other = whole.slice();
    other[offset] = (other[offset] ?? 0) ^ 1;
    await assert.rejects(inspect(other), { code: "BAD_RESPONSE" });
  }
});

Deno.test("inspectPack() refuses a pack that is sealed, but wrong", async () => {
  const cases: readonly [bytes: Uint8Array, message: RegExp][] = [
    [pack([blob(1)], 2), /cut off$/],
    [pack([blob(1), blob(1)], 1), /more than its header says$/],
    [pack([{ type: 5, content: new Uint8Array(1) }]), /of a kind that git does not know$/],
    [pack([{ ...blob(1), type: 0 }]), /of a kind that git does not know$/],
    [sealed(pack([blob(1)]).slice(0, 13)), /cannot be decompressed$/],
    [pack([{ type: 3, content: new Uint8Array(1), size: 2 ** 60 }]), /number that is too large$/],
    [pack([{ type: 7, content: new Uint8Array([1]), base: new Uint8Array(20) }]), /cut off$/],
  ];
  for (const [bytes, message] of cases) {
    await assert.rejects(inspect(bytes), { code: "BAD_RESPONSE", message });
  }
});

Deno.test("inspectPack() pauses on the way, and ends when the pause throws", async () => {
  const bytes = pack([blob(9_000_000), blob(9_000_000)]);
  let pauses = 0;
  await inspectPack(bytes, { pause: () => Promise.resolve(void pauses++) });
  assert.equal(pauses, 2);
  await assert.rejects(
    inspectPack(bytes, { pause: () => Promise.reject(new DOMException("", "AbortError")) }),
    { name: "AbortError" },
  );
});
