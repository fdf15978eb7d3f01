import assert from "node:assert/strict";
import fc from "fast-check";
import { SseLimit } from "../../lib/gateway/sse_limit.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What a limit says of a stream that comes in pieces of a size. */
function readIn(text: string, size: number, maxEventBytes: number): boolean | "too large" {
  const limit = new SseLimit({ maxEventBytes });
  const all = bytes(text);
  try {
    for (let at = 0; at < all.length; at += size) limit.take(all.subarray(at, at + size));
  } catch (thrown) {
    assert.ok(thrown instanceof Error && "code" in thrown && thrown.code === "TOO_LARGE");
    return "too large";
  }
  return limit.hasId;
}

Deno.test("take() bounds one event, and lets any number of them pass", () => {
  const limit = new SseLimit({ maxEventBytes: 20 });
  for (let count = 0; count < 1000; count++) limit.take(bytes("data: 0123456789\n\n"));
  limit.take(bytes("data: 0123456789\nda"));
  assert.throws(() => limit.take(bytes("ta: 0123456789")), {
    code: "TOO_LARGE",
    details: { reason: "it sent a message of more than 20 bytes" },
  });
});

Deno.test("take() knows every line end", () => {
  for (const end of ["\n", "\r", "\r\n"]) {
    const event = `data: 0123456789${end}${end}`;
    for (const size of [1, 2, 3, 5, 100]) {
      assert.equal(readIn(event.repeat(50), size, 16), false, JSON.stringify([end, size]));
      assert.equal(readIn(`data: 0123456789${end}x${end}`, size, 16), "too large");
    }
  }
});

Deno.test("hasId tells that an id came, not that one was mentioned", () => {
  for (const size of [1, 2, 3, 100]) {
    assert.equal(readIn("id: 1\ndata: x\n\n", size, 100), true);
    assert.equal(readIn("data: x\r\nid:1\r\n\r\n", size, 100), true);
    for (
      const text of ["data: id: 1\n\n", ":id: 1\n\n", "idx: 1\n\n", "i\nd: 1\n\n", " id: 1\n\n"]
    ) {
      assert.equal(readIn(text, size, 100), false, text);
    }
  }
});

Deno.test("take() says the same however the bytes are cut", () => {
  const line = fc.constantFrom("id: 1", "data: abc", ":", "", "event: message", "i", "id");
  const end = fc.constantFrom("\n", "\r", "\r\n");
  const stream = fc.array(fc.tuple(line, end)).map((lines) => lines.flat().join(""));
  fc.assert(
    fc.property(stream, fc.integer({ min: 1, max: 9 }), (text, size) => {
      assert.equal(readIn(text, size, 18), readIn(text, 1_000_000, 18));
    }),
    { seed: 41, numRuns: 500 },
  );
});
