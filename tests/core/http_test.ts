import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { boundedResponse } from "../../lib/core/http.ts";

/** A body in chunks that tells whether it was cancelled. */
function chunked(chunks: readonly string[], options: { readonly fails?: unknown } = {}) {
  const state = { cancelled: false, pulled: 0 };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks[state.pulled++];
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
      else if (options.fails !== undefined) controller.error(options.fails);
      else controller.close();
    },
    cancel() {
      state.cancelled = true;
    },
  }, { highWaterMark: 0 });
  return { response: new Response(body), state };
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

Deno.test("boundedResponse() gives status, headers and peer as they are", () => {
  const response = boundedResponse(
    new Response(null, { status: 307, headers: { location: "https://cdn.example/" } }),
    { peer: "public" },
  );
  assert.equal(response.status, 307);
  assert.equal(response.headers.get("location"), "https://cdn.example/");
  assert.equal(response.peer, "public");
});

Deno.test("bytes() reads a body of exactly the limit", async () => {
  const { response } = chunked(["abc", "de"]);
  assert.equal(decode(await boundedResponse(response).bytes({ maxBytes: 5 })), "abcde");
});

Deno.test("bytes() reads one chunk, an empty body and no body", async () => {
  const limits = { maxBytes: 5 };
  assert.equal(decode(await boundedResponse(new Response("abc")).bytes(limits)), "abc");
  assert.equal(decode(await boundedResponse(new Response("")).bytes(limits)), "");
  assert.equal(decode(await boundedResponse(new Response(null)).bytes(limits)), "");
});

Deno.test("bytes() stops at the first byte past the limit and drops the connection", async () => {
  const { response, state } = chunked(["abc", "def", "never read"]);
  await assert.rejects(
    boundedResponse(response).bytes({ maxBytes: 5 }),
    (error) =>
      error instanceof AppError && error.code === "TOO_LARGE" && /5 bytes/.test(error.message),
  );
  assert.equal(state.pulled, 2);
  assert.ok(state.cancelled);
});

Deno.test("bytes() does not believe a content-length that is too small", async () => {
  const response = new Response("0123456789", { headers: { "content-length": "3" } });
  await assert.rejects(boundedResponse(response).bytes({ maxBytes: 5 }), { code: "TOO_LARGE" });
});

Deno.test("stream() gives each chunk and stops under the same limit", async () => {
  const { response } = chunked(["ab", "cd", "ef"]);
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const chunk of boundedResponse(response).stream({ maxBytes: 4 })) {
      seen.push(decode(chunk));
    }
  }, { code: "TOO_LARGE" });
  assert.deepEqual(seen, ["ab", "cd"]);
});

Deno.test("stream() cancels the body when its reader leaves early", async () => {
  const { response, state } = chunked(["ab", "cd"]);
  for await (const chunk of boundedResponse(response).stream({ maxBytes: 100 })) {
    assert.equal(decode(chunk), "ab");
    break;
  }
  assert.ok(state.cancelled);
});

Deno.test("stream() translates an error of the body", async () => {
  const broken = new TypeError("connection reset");
  const { response } = chunked(["ab"], { fails: broken });
  const unreachable = new AppError("UNREACHABLE", 'Cannot reach "x": the connection broke off');
  const seen: unknown[] = [];
  const bounded = boundedResponse(response, {
    translate(thrown) {
      seen.push(thrown);
      return unreachable;
    },
  });
  await assert.rejects(bounded.bytes({ maxBytes: 100 }), (error) => error === unreachable);
  assert.deepEqual(seen, [broken]);
});

Deno.test("stream() passes an error of the body on where nobody translates", async () => {
  const broken = new TypeError("connection reset");
  const { response } = chunked([], { fails: broken });
  await assert.rejects(
    boundedResponse(response).bytes({ maxBytes: 100 }),
    (error) => error === broken,
  );
});

Deno.test("cancel() drops the body, twice without harm", async () => {
  const { response, state } = chunked(["ab"]);
  const bounded = boundedResponse(response);
  await bounded.cancel();
  await bounded.cancel();
  assert.ok(state.cancelled);
  await boundedResponse(new Response(null)).cancel();
});

Deno.test("cancel() after reading does nothing", async () => {
  const bounded = boundedResponse(new Response("abc"));
  await bounded.bytes({ maxBytes: 5 });
  await bounded.cancel();
});
