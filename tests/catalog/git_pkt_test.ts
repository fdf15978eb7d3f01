import assert from "node:assert/strict";
import { encodePkt, joinBytes, PktReader, pktText } from "../../lib/catalog/git_pkt.ts";

/** A stream in pieces of a given size. */
async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let offset = 0; offset < bytes.byteLength; offset += size) {
    yield await Promise.resolve(bytes.subarray(offset, offset + size));
  }
}

async function readAll(text: string, size = 1000): Promise<string[]> {
  const reader = new PktReader(pieces(text, size));
  const packets: string[] = [];
  for (let pkt = await reader.next(); pkt !== undefined; pkt = await reader.next()) {
    packets.push(pkt === "flush" ? "flush" : pktText(pkt));
  }
  return packets;
}

Deno.test("encodePkt() counts the length's own four characters", () => {
  assert.equal(encodePkt("a\n"), "0006a\n");
  assert.equal(encodePkt(""), "0004");
});

Deno.test("PktReader gives the same packets however the stream is cut", async () => {
  const text = `${encodePkt("# service=git-upload-pack\n")}0000${encodePkt("NAK\n")}0004${
    encodePkt("x".repeat(70))
  }0000`;
  const expected = ["# service=git-upload-pack", "flush", "NAK", "", "x".repeat(70), "flush"];
  for (const size of [1, 3, 4, 7, 1000]) assert.deepEqual(await readAll(text, size), expected);
});

Deno.test("PktReader refuses what is no packet, and one that was cut off", async () => {
  for (const text of ["<html>", "zzzz", "0001", "0002", "0003", "-001", "1e 1"]) {
    await assert.rejects(readAll(text), { code: "BAD_RESPONSE", message: /holds something else$/ });
  }
  for (const text of ["00", "0006a", "0006", "0000000"]) {
    await assert.rejects(readAll(text), { code: "BAD_RESPONSE", message: /ends too early$/ });
  }
});

Deno.test("PktReader.stop() ends the stream without reading it", async () => {
  let ended = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      while (true) yield await Promise.resolve(new TextEncoder().encode(encodePkt("more\n")));
    } finally {
      ended = true;
    }
  }
  const reader = new PktReader(endless());
  await reader.next();
  await reader.stop();
  assert.ok(ended);
});

Deno.test("joinBytes() joins in order", () => {
  assert.deepEqual(
    joinBytes([new Uint8Array([1]), new Uint8Array(0), new Uint8Array([2, 3])]),
    new Uint8Array([1, 2, 3]),
  );
});
