import assert from "node:assert/strict";
import { encodePkt } from "../../lib/catalog/git_pkt.ts";
import type { GitRemote } from "../../lib/catalog/git_remote.ts";
import { fetchPack } from "../../lib/catalog/git_upload_pack.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { handlerNet } from "../oci/handler_net.ts";

const COMMIT = "a".repeat(40);
const HAVE = "b".repeat(40);

function remoteWith(capabilities: string): GitRemote {
  return {
    url: new URL("https://git.example/x"),
    origin: "derived",
    ref: "HEAD",
    branch: "main",
    commit: COMMIT,
    capabilities: new Set(capabilities.split(" ")),
  };
}

const FULL = "shallow side-band-64k ofs-delta thin-pack no-progress filter multi_ack";
const LIMITS = { maxFileBytes: 99, maxBytes: 1000 };

const band = (number: number, text: string) => encodePkt(String.fromCharCode(number) + text);

Deno.test("fetchPack() asks for one commit, and joins the pack from its packets", async () => {
  const bodies: string[] = [];
  const net = handlerNet(async (request) => {
    bodies.push(await request.text());
    return new Response(
      `${encodePkt(`shallow ${COMMIT}\n`)}0000${encodePkt("NAK\n")}${band(2, "counting")}` +
        `${band(1, "PA")}${band(1, "CK")}0000`,
    );
  });
  const deps = { net, clock: new FakeClock() };
  const pack = await fetchPack(deps, { remote: remoteWith(FULL), ...LIMITS });
  assert.equal(new TextDecoder().decode(pack), "PACK");
  await fetchPack(deps, {
    remote: remoteWith("shallow side-band-64k ofs-delta"),
    have: HAVE,
    ...LIMITS,
  });
  assert.deepEqual(bodies, [
    [
      encodePkt(`want ${COMMIT} ofs-delta side-band-64k thin-pack no-progress filter\n`),
      encodePkt("deepen 1\n"),
      encodePkt("filter blob:limit=100\n"),
      "0000",
      encodePkt("done\n"),
    ].join(""),
    [
      encodePkt(`want ${COMMIT} ofs-delta side-band-64k\n`),
      encodePkt(`shallow ${HAVE}\n`),
      encodePkt("deepen 1\n"),
      "0000",
      encodePkt(`have ${HAVE}\n`),
      encodePkt("done\n"),
    ].join(""),
  ]);
  const [first] = net.requests;
  assert.equal(first?.url.href, "https://git.example/x/git-upload-pack");
  assert.equal(first.origin, "derived");
  assert.equal(deps.clock.sleeping, 0);
});

Deno.test("fetchPack() tells how much has come", async () => {
  const packets = Array.from({ length: 50 }, () => band(1, "x".repeat(60_000)));
  const net = handlerNet(() => new Response(new Blob(packets).stream()));
  const received: number[] = [];
  await fetchPack({ net, clock: new FakeClock() }, {
    remote: remoteWith(FULL),
    maxFileBytes: 1,
    maxBytes: 10_000_000,
    received: (bytes) => received.push(bytes),
  });
  assert.ok(received.length >= 1 && received.length <= 2, received.join());
});

Deno.test("fetchPack() refuses broken, large and failing answers", async () => {
  const cases: readonly [body: string, status: number, code: string, message: RegExp][] = [
    ["<html>", 200, "BAD_RESPONSE", /holds something else$/],
    [encodePkt("hello\n"), 200, "BAD_RESPONSE", /not what git's protocol allows$/],
    [encodePkt("ERR upload-pack: not our ref\n"), 200, "UNAVAILABLE", /says "upload-pack: not our/],
    [band(3, "out of\u001b[31m memory"), 200, "UNAVAILABLE", /says "out of/],
    [band(1, "x".repeat(2000)), 200, "TOO_LARGE", /larger than 1000 bytes$/],
    ["", 503, "UNAVAILABLE", /failed with status 503$/],
  ];
  for (const [body, status, code, message] of cases) {
    const clock = new FakeClock();
    const net = handlerNet(() => new Response(body, { status }));
    await assert.rejects(
      fetchPack({ net, clock }, { remote: remoteWith(FULL), ...LIMITS }),
      (thrown: Error) => {
        assert.match(thrown.message, message);
        assert.ok(!thrown.message.includes("\u001b"));
        return "code" in thrown && thrown.code === code;
      },
    );
    assert.equal(clock.sleeping, 0);
  }
});

Deno.test("fetchPack() does not ask a server that cannot cut off history", async () => {
  const net = handlerNet(() => assert.fail("asked"));
  await assert.rejects(
    fetchPack({ net, clock: new FakeClock() }, { remote: remoteWith("ofs-delta"), ...LIMITS }),
    { code: "UNSUPPORTED", message: /lacks git's "shallow"$/ },
  );
});

Deno.test("fetchPack() gives up on a server that stays silent for a minute", async () => {
  const clock = new FakeClock();
  const halves = Promise.withResolvers<void>();
  const net = handlerNet((request) => {
    assert.equal(request.method, "POST");
    return new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode(encodePkt("NAK\n")));
          await halves.promise;
          controller.enqueue(new TextEncoder().encode(band(1, "PACK")));
          // A real network ends the body when its request's signal aborts.
          signal?.addEventListener("abort", () => controller.error(signal?.reason));
        },
      }),
    );
  });
  let signal: AbortSignal | undefined;
  const watched = {
    fetch(request: Parameters<typeof net.fetch>[0]) {
      signal = request.signal;
      return net.fetch(request);
    },
  };
  const fetched = fetchPack({ net: watched, clock }, { remote: remoteWith(FULL), ...LIMITS });
  fetched.catch(() => {});
  await clock.advance(59_000);
  halves.resolve();
  await settle();
  // The minute begins anew with each piece.
  await clock.advance(59_000);
  assert.equal(signal?.aborted, false);
  await clock.advance(1_000);
  await assert.rejects(fetched, {
    code: "TIMEOUT",
    message: /sent nothing for 60 s$/,
    retryable: true,
  });
  assert.equal(clock.sleeping, 0);
});
