/**
 * Reading interfaces and documents over scripted hosts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ApiSource } from "../../lib/catalog/source.ts";
import { customSource } from "../../lib/catalog/sources/custom.ts";
import { AppError } from "../../lib/core/errors.ts";
import {
  codeOf,
  OFFICIAL,
  placed,
  read,
  registry,
  ScriptedWeb,
  server,
  SERVERS,
} from "./web_world.ts";

Deno.test("an interface is read to its last page, and then for changes only", async () => {
  const state = { pages: [[server("a"), server("b")], [server("c")]] };
  const web = new ScriptedWeb(registry(state));
  const first = await read(web, OFFICIAL);
  assert.deepEqual(first.gathered?.entries.map(({ name }) => name), ["a", "b", "c"]);
  assert.equal(first.notes.length, 2);
  await web.clock.advance(86_400_000);
  state.pages = [[server("b", "deleted"), server("d")]];
  web.requests.length = 0;
  const second = await read(web, OFFICIAL, { previous: first.gathered });
  assert.deepEqual(second.gathered?.entries.map(({ name }) => name).toSorted(), ["a", "c", "d"]);
  assert.equal(web.requests[0]?.url.searchParams.get("updated_since"), "2025-12-31T23:00:00.000Z");
  // After a week, and when somebody insists, all is read.
  await web.clock.advance(7 * 86_400_000);
  web.requests.length = 0;
  const third = await read(web, OFFICIAL, { previous: second.gathered });
  assert.equal(web.requests[0]?.url.searchParams.has("updated_since"), false);
  assert.equal(third.gathered?.entries.length, 1);
  web.requests.length = 0;
  await read(web, OFFICIAL, { previous: third.gathered, isFull: true });
  assert.equal(web.requests[0]?.url.searchParams.has("updated_since"), false);
});

Deno.test("an interface whose pages never end is refused", async () => {
  const looping = new ScriptedWeb({
    [SERVERS]: () => Response.json({ servers: [server("a")], metadata: { nextCursor: "same" } }),
  });
  await assert.rejects(
    () => read(looping, OFFICIAL),
    (error) =>
      error instanceof AppError && error.code === "BAD_RESPONSE" &&
      /its pages never end/.test(error.message),
  );
  assert.equal(looping.requests.length, 2);
});

Deno.test("an interface that answers with something else is refused, and what was read stays", async () => {
  const answers: Record<string, Response> = {
    html: new Response("<html>Sign in</html>", { headers: { "content-type": "text/html" } }),
    deep: new Response("[".repeat(100_000)),
    list: Response.json([]),
    huge: new Response(new Uint8Array(80 * 1024 * 1024)),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const web = new ScriptedWeb({ [SERVERS]: () => answer });
    const code = await codeOf(read(web, OFFICIAL));
    assert.ok(code === "BAD_RESPONSE" || code === "TOO_LARGE", `${name}: ${code}`);
  }
});

Deno.test("a document is read when it has changed", async () => {
  const ours = placed({ ours: "https://ours.example/servers.json" });
  const web = new ScriptedWeb({
    "https://ours.example/servers.json": ({ headers }) =>
      headers?.["if-none-match"] === '"1"'
        ? new Response(null, { status: 304 })
        : Response.json({ servers: [server("a")] }, { headers: { etag: '"1"' } }),
  });
  const { gathered } = await read(web, ours);
  assert.deepEqual(gathered?.entries.map(({ id }) => id), ["ours/io.example/a"]);
  assert.equal((await read(web, ours, { previous: gathered })).gathered, undefined);
  assert.equal(
    (await read(web, ours, { previous: gathered, isFull: true })).gathered?.entries.length,
    1,
  );
});

Deno.test("changes are asked for from an hour before the load, by the clock that is behind", async () => {
  const since = async (date: string) => {
    const web = new ScriptedWeb(registry({ pages: [[server("a")], [server("b")]] }, { date }));
    const { gathered } = await read(web, OFFICIAL);
    await web.clock.advance(86_400_000);
    await read(web, OFFICIAL, { previous: gathered });
    return web.requests.at(-1)?.url.searchParams.get("updated_since");
  };
  // The clock of the test stands at midnight.
  assert.equal(await since("Wed, 31 Dec 2025 22:00:00 GMT"), "2025-12-31T21:00:00.000Z");
  assert.equal(await since("Thu, 01 Jan 2026 02:00:00 GMT"), "2025-12-31T23:00:00.000Z");
  assert.equal(await since("no date"), "2025-12-31T23:00:00.000Z");
});

Deno.test("what was kept of an interface in another form, or from the future, is loaded anew", async () => {
  const states = [
    undefined,
    "x",
    { since: 1 },
    { since: "2025-12-01", fullAt: "never" },
    { since: "2025-12-01", fullAt: "2027-01-01T00:00:00Z" },
  ];
  for (const state of states) {
    const web = new ScriptedWeb(registry({ pages: [[server("a")]] }));
    const previous = { entries: [], problems: [], skipped: 0, state };
    const { gathered } = await read(web, OFFICIAL, { previous });
    assert.equal(gathered?.entries.length, 1);
    assert.equal(web.requests[0]?.url.searchParams.has("updated_since"), false);
  }
});

Deno.test("an interface is refused after 2,000 pages, or half a gigabyte", async () => {
  let made = 0;
  /** Gives a page after the other, whatever it reads. */
  const source: ApiSource = {
    ...customSource({ id: "ours", location: "x" }),
    kind: "api",
    maxPageBytes: 8 * 1024 * 1024,
    firstPage: (location) => location,
    readPage: (_, page) => ({
      entries: [],
      problems: [],
      skipped: 0,
      removed: [],
      next: new URL(`?cursor=${++made}`, page),
    }),
  };
  const pagesOf = async (body: Uint8Array<ArrayBuffer>) => {
    const web = new ScriptedWeb({ [SERVERS]: () => new Response(body) });
    const place = { kind: "api", url: new URL(SERVERS) } as const;
    await assert.rejects(read(web, { source, place, key: "ours" }), {
      code: "BAD_RESPONSE",
      message: `Cannot read "${SERVERS}": its pages never end`,
    });
    return web.requests.length;
  };
  assert.equal(await pagesOf(new Uint8Array(1)), 2000);
  assert.equal(await pagesOf(new Uint8Array(8 * 1024 * 1024)), 65);
});

Deno.test("the progress of a load is that of the pages that are expected", async () => {
  const pages = Array.from({ length: 3 }, (_, number) => [server(`s${number}`)]);
  const web = new ScriptedWeb(registry({ pages }));
  const { notes } = await read(web, OFFICIAL);
  assert.deepEqual(
    notes,
    [1, 2, 3].map((number) => ({
      message: `page ${number}`,
      share: number / 300,
    })),
  );
});

Deno.test("a document that is too large, deep or of another kind is refused", async () => {
  const ours = placed({ ours: "https://ours.example/servers.json" });
  const codeFor = async (answer: () => Response) =>
    await codeOf(read(new ScriptedWeb({ "https://ours.example/servers.json": answer }), ours));
  assert.equal(await codeFor(() => new Response(endlessBody())), "TOO_LARGE");
  assert.equal(await codeFor(() => new Response("[".repeat(1_000_000))), "BAD_RESPONSE");
  const page = "<!doctype html><title>Sign in</title>";
  assert.equal(await codeFor(() => new Response(page)), "BAD_RESPONSE");
  assert.equal(await codeFor(() => Response.json({ servers: [] })), "BAD_RESPONSE");
});

/** Spaces without an end: a reader has to stop by itself. */
function endlessBody(): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunk = new Uint8Array(1024 * 1024).fill(32);
  return new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
}
