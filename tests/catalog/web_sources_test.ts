/**
 * Reading interfaces and documents over scripted hosts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
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
