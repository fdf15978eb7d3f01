/**
 * Tests of lib/gateway/event_reader.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { joined } from "../../lib/core/large_json.ts";
import { EventReader } from "../../lib/gateway/event_reader.ts";

const STREAM = [
  ": a comment\n",
  "id: 1\nretry: 10\ndata:\n\n",
  'data: {"a":1}\n\n',
  'event: message\r\ndata:{"b":2}\r\n\r\n',
  "event: other\ndata: no message\n\n",
  "data: two\ndata:  lines\n\n",
  "data\ndatabase: no\n\n",
  "data: é\nid\n\n",
  "data: without an end",
].join("");

Deno.test("EventReader gives the data of messages, however the stream is cut", () => {
  const bytes = new TextEncoder().encode(STREAM);
  for (const size of [1, 2, 3, 7, 50, 1000]) {
    const events = new EventReader();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      for (const data of events.push(bytes.slice(at, at + size))) {
        found.push(new TextDecoder().decode(joined(data)));
      }
    }
    assert.deepEqual(found, ['{"a":1}', '{"b":2}', "two\n lines", "é"]);
  }
});

Deno.test("EventReader does not copy what is long", () => {
  const events = new EventReader();
  const chunks = ["data: ", "x".repeat(5000), "y".repeat(5000), "\n\n"].map((text) =>
    new TextEncoder().encode(text)
  );
  const found = chunks.flatMap((chunk) => events.push(chunk));
  assert.equal(joined(found[0] ?? []).length, 10_000);
  assert.equal(found[0]?.at(-1)?.buffer, chunks[2]?.buffer);
});
