/**
 * Connections that break, over real sockets and the real network code: the client tries again.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openNet } from "../../lib/host/net.ts";
import { RegistryClient } from "../../lib/oci/client.ts";
import { FakeLog } from "../fake_log.ts";
import { content, descriptor } from "../oci/content.ts";
import { MapCache, SkippingClock } from "../oci/scripted_registry.ts";

const BLOB = content("x".repeat(100_000));

/** What a server writes, connection by connection, before it hangs up. */
type Replies = readonly Uint8Array<ArrayBuffer>[];

function reply(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${BLOB.bytes.byteLength}\r\n` +
    "connection: close\r\n\r\n";
  return new Uint8Array([...new TextEncoder().encode(head), ...bytes]);
}

/** A server that answers each connection with the next reply, whatever it is asked. */
async function serve(listener: Deno.TcpListener, replies: Replies): Promise<void> {
  for (const bytes of replies) {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(4096));
    let written = 0;
    while (written < bytes.byteLength) written += await connection.write(bytes.subarray(written));
  }
}

async function read(replies: Replies): Promise<Uint8Array> {
  const clock = new SkippingClock();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using net = openNet({ userAgent: "wharf-test", clock });
  const client = new RegistryClient({
    net,
    clock,
    log: new FakeLog(),
    keychain: { lookup: () => Promise.resolve(undefined), withheld: () => undefined },
    cache: new MapCache(),
    random: () => 0.5,
  });
  const repository = { registry: `127.0.0.1:${listener.addr.port}`, repository: "app" };
  const served = serve(listener, replies);
  const [bytes] = await Promise.all([client.blob(repository, descriptor(BLOB)), served]);
  return bytes;
}

const WHOLE = reply(BLOB.bytes);

Deno.test("blob() reads on over a new connection when one breaks in the middle of a body", async () => {
  assert.deepEqual(await read([reply(BLOB.bytes.slice(0, 50_000)), WHOLE]), BLOB.bytes);
});

Deno.test("blob() tries again when a connection ends before there is an answer", async () => {
  // The second connection is the try over https, which a plain server does not understand either.
  const nothing = new Uint8Array(0);
  assert.deepEqual(await read([nothing, nothing, WHOLE]), BLOB.bytes);
});
