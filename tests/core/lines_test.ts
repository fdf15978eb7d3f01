/**
 * Tests of lib/core/lines.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { joined } from "../../lib/core/large_json.ts";
import { lineGroupsOf, linesOf } from "../../lib/core/lines.ts";

const encoder = new TextEncoder();

/** The lines of some chunks; a line that was too long is `null`. */
async function lines(
  chunks: readonly Uint8Array<ArrayBuffer>[],
  maxBytes: number,
): Promise<(string | null)[]> {
  const reader = ReadableStream.from(chunks).getReader();
  const found: (string | null)[] = [];
  for await (const line of linesOf(reader, maxBytes)) {
    found.push(line === undefined ? null : new TextDecoder().decode(joined(line)));
  }
  return found;
}

Deno.test("linesOf() finds the same lines however the stream is cut", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.string({ unit: fc.constantFrom("a", "é", "\n", " "), maxLength: 20 })),
    fc.integer({ min: 1, max: 12 }),
    async (texts, maxBytes) => {
      const whole = texts.join("");
      const expected = whole.split("\n").map((line) =>
        encoder.encode(line).length > maxBytes ? null : line
      );
      if (expected.at(-1) === "") expected.pop();
      assert.deepEqual(await lines(texts.map((text) => encoder.encode(text)), maxBytes), expected);
      assert.deepEqual(await lines([encoder.encode(whole)], maxBytes), expected);
    },
  );
  await fc.assert(property, { seed: 5, numRuns: 300 });
});

Deno.test("linesOf() takes a long line that comes in single bytes", async () => {
  const bytes = encoder.encode(`${"x".repeat(20_000)}\nshort\n`);
  const chunks = Array.from(bytes, (byte) => new Uint8Array([byte]));
  assert.deepEqual(await lines(chunks, 20_000), ["x".repeat(20_000), "short"]);
  assert.deepEqual(await lines(chunks, 19_999), [null, "short"]);
});

Deno.test("linesOf() tells of a line that is too long before it ends, and once", async () => {
  const sent: string[] = [];
  const source = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (const text of ["abc", "def", "ghi", "\nend"]) {
      sent.push(text);
      yield await Promise.resolve(encoder.encode(text));
    }
  };
  const found: (string | undefined)[] = [];
  for await (const line of linesOf(ReadableStream.from(source()).getReader(), 5)) {
    if (line === undefined) assert.ok(sent.length < 4, "it waited for the end of the line");
    found.push(line === undefined ? undefined : new TextDecoder().decode(joined(line)));
  }
  assert.deepEqual(found, [undefined, "end"]);
});

Deno.test("lineGroupsOf() gives the lines of a chunk together", async () => {
  const chunks = ["a\nb\nc", "d\n", "e"].map((text) => encoder.encode(text));
  const groups: string[][] = [];
  for await (const lines of lineGroupsOf(ReadableStream.from(chunks).getReader(), 10)) {
    groups.push([...lines].map((line) => new TextDecoder().decode(joined(line ?? []))));
  }
  assert.deepEqual(groups, [["a", "b"], ["cd"], [], ["e"]]);
});

Deno.test("linesOf() copies neither a line of one chunk nor the large parts of a longer one", async () => {
  const [one, two] = ["short\n" + "x".repeat(5000), "y".repeat(5000) + "\n"].map((text) =>
    encoder.encode(text)
  );
  assert.ok(one !== undefined && two !== undefined);
  const found: ArrayBuffer[][] = [];
  for await (const line of linesOf(ReadableStream.from([one, two]).getReader(), 20_000)) {
    found.push((line ?? []).map(({ buffer }) => buffer));
  }
  assert.deepEqual(
    found.map((parts) =>
      parts.map((part) => [one, two].findIndex(({ buffer }) => buffer === part))
    ),
    [[0], [0, 1]],
  );
});
