/**
 * Tests of lib/core/write_queue.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { WriteQueue } from "../../lib/core/write_queue.ts";
import { settle } from "../fake_clock.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A stream that takes a write when it is told to. */
function open(): {
  readonly queue: WriteQueue;
  readonly written: string[];
  readonly broken: () => number;
  /** Lets the oldest write succeed, or fail. */
  take(error?: Error): Promise<void>;
} {
  const written: string[] = [];
  const waiting: ((result: Promise<void>) => void)[] = [];
  const stream = new WritableStream<Uint8Array<ArrayBuffer>>({
    write(chunk) {
      written.push(new TextDecoder().decode(chunk));
      return new Promise<void>((resolve) => waiting.push(resolve));
    },
  });
  const writer = stream.getWriter();
  writer.closed.catch(() => {});
  let broken = 0;
  return {
    queue: new WriteQueue(writer, () => void broken++),
    written,
    broken: () => broken,
    async take(error) {
      await settle();
      waiting.shift()?.(error === undefined ? Promise.resolve() : Promise.reject(error));
      await settle();
    },
  };
}

Deno.test("WriteQueue writes what comes in one turn, or meanwhile, at once and in order", async () => {
  const { queue, written, take } = open();
  const done: number[] = [];
  const push = (index: number) => queue.push([bytes(`${index};`)]).then(() => done.push(index));
  const first = [push(1), push(2)];
  assert.equal(queue.bytes, 4);
  await settle();
  assert.deepEqual(written, ["1;2;"]);
  const later = [push(3), push(4)];
  assert.deepEqual(done, []);
  await take();
  assert.deepEqual(done, [1, 2]);
  assert.deepEqual(written, ["1;2;", "3;4;"]);
  assert.equal(queue.bytes, 4);
  await take();
  await Promise.all([...first, ...later, queue.written]);
  assert.deepEqual(done, [1, 2, 3, 4]);
  assert.equal(queue.bytes, 0);
});

Deno.test("WriteQueue writes a large message part by part, between the others", async () => {
  const { queue, written, take } = open();
  const large = bytes("L".repeat(50_000));
  const pushed = [[bytes("a")], [large, large], [bytes("b")], [bytes("c")]].map((parts) =>
    queue.push(parts)
  );
  for (let turn = 0; turn < 4; turn++) await take();
  await Promise.all(pushed);
  assert.deepEqual(written.map((text) => text.length), [1, 50_000, 50_000, 2]);
  assert.equal(written.at(-1), "bc");
});

Deno.test("WriteQueue tells of a broken stream once, and frees who waits", async () => {
  const { queue, broken, take } = open();
  const pushed = [queue.push([bytes("a")]), queue.push([bytes("b")])];
  await take(new Error("broken pipe"));
  await Promise.all(pushed);
  assert.equal(broken(), 1);
  assert.equal(queue.bytes, 0);
});

Deno.test("WriteQueue.free() frees who waits for a stream that takes nothing", async () => {
  const { queue, take } = open();
  const pushed = queue.push([bytes("a")]);
  await settle();
  queue.free();
  await pushed;
  await take();
  await queue.written;
});
