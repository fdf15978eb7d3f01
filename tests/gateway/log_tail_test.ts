/**
 * Tests of lib/gateway/log_tail.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LogTail } from "../../lib/gateway/log_tail.ts";

const encoder = new TextEncoder();

function streamOf(...texts: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(texts.map((text) => encoder.encode(text)));
}

Deno.test("LogTail gives the last lines, oldest first", async () => {
  const tail = new LogTail();
  assert.deepEqual(tail.lines(5), []);
  await tail.feed(streamOf("one\ntw", "o\r\n\nthr", "ee"));
  assert.deepEqual(tail.lines(2), ["two", "three"]);
  assert.deepEqual(tail.lines(9), ["one", "two", "three"]);
  assert.deepEqual(tail.lines(0), []);
});

Deno.test("LogTail cleans what it shows", async () => {
  const tail = new LogTail({ maxLineChars: 10 });
  await tail.feed(streamOf("\u001b[31;1mred\u001b[0m\u0007\n\u001b]0;title\u0007ok\n"));
  await tail.feed(streamOf("a\u202Eb\n", "0123456789abc\n", "10%\r20%\r"));
  assert.deepEqual(tail.lines(9), ["red", "ok", "ab", "012345678…", "10%", "20%"]);
});

Deno.test("LogTail keeps the end of a flood in a fixed room", async () => {
  const tail = new LogTail({ maxBytes: 1000 });
  const chunk = encoder.encode(`${"x".repeat(99)}\n`.repeat(500));
  let sent = 0;
  await tail.feed(
    new ReadableStream({
      pull(controller) {
        controller.enqueue(chunk);
        sent += chunk.length;
        if (sent > 20_000_000) {
          controller.enqueue(encoder.encode("the end\n"));
          controller.close();
        }
      },
    }),
  );
  const lines = tail.lines(1_000_000);
  assert.equal(lines.at(-1), "the end");
  assert.equal(lines.length, 10, "9 whole lines and the last one");
  assert.ok(lines.slice(0, -1).every((line) => line.length === 99));
});

Deno.test("LogTail shows the end of a single endless line", async () => {
  const tail = new LogTail({ maxBytes: 10 });
  await tail.feed(streamOf("abc", "x".repeat(100), "0123456789"));
  assert.deepEqual(tail.lines(3), ["0123456789"]);
  await tail.feed(streamOf("\n"));
  assert.deepEqual(tail.lines(3), ["123456789"]);
});

Deno.test("LogTail agrees with the text's own end, however it is cut", async () => {
  const chunks = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 40 }));
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 64 }), async (texts, maxBytes) => {
      const tail = new LogTail({ maxBytes });
      await tail.feed(streamOf(...texts.filter((text) => text !== "")));
      const whole = texts.join("");
      let end = whole.slice(-maxBytes);
      if (whole.length > maxBytes) {
        const first = end.indexOf("\n");
        if (first !== -1 && first !== end.length - 1) end = end.slice(first + 1);
      }
      assert.deepEqual(tail.lines(1000), end.split("\n").filter((line) => line !== ""));
    }),
    { seed: 3, numRuns: 300 },
  );
});

Deno.test("LogTail takes single lines between those of the stream", async () => {
  const tail = new LogTail();
  tail.push("first");
  await tail.feed(streamOf("unfinished"));
  tail.push("not JSON:\n{");
  tail.push("last");
  assert.deepEqual(tail.lines(9), ["first", "unfinished", "not JSON: {", "last"]);
});

Deno.test("LogTail stops reading where it is told to, and survives a stream that fails", async () => {
  const tail = new LogTail();
  const stop = new AbortController();
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode("held open\n")),
    cancel: () => void (cancelled = true),
  });
  const fed = tail.feed(endless, stop.signal);
  await Promise.resolve();
  stop.abort();
  await fed;
  assert.ok(cancelled);
  await tail.feed(new ReadableStream<Uint8Array>(), stop.signal);
  await tail.feed(
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Deno.errors.BrokenPipe("gone")),
    }),
  );
  assert.deepEqual(tail.lines(9), ["held open"]);
});

Deno.test("LogTail stops reading a stream whose cancelling fails", async () => {
  const stop = new AbortController();
  const stream = new ReadableStream<Uint8Array>({
    cancel: () => Promise.reject(new Deno.errors.BadResource("closed")),
  });
  const fed = new LogTail().feed(stream, stop.signal);
  stop.abort();
  await fed;
  assert.equal(stream.locked, false);
});
