import assert from "node:assert/strict";
import { ANONYMOUS } from "../../lib/http/principal.ts";
import { Sessions } from "../../lib/http/sessions.ts";
import { SseTransport } from "../../lib/http/sse.ts";
import { createInventory } from "../../lib/mcp/inventory.ts";
import { Server } from "../../lib/mcp/protocol.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";

Deno.test("Sessions counts a session that begins slowly, and frees its place when that fails", async () => {
  const clock = new FakeClock();
  const waits: PromiseWithResolvers<void>[] = [];
  const sessions = new Sessions({
    async connect({ user }) {
      assert.equal(user, "anonymous");
      const wait = Promise.withResolvers<void>();
      waits.push(wait);
      await wait.promise;
      const inventory = createInventory({ tools: [], prompts: [], templates: [] });
      const info = { name: "wharf", version: "1" };
      return new Server({ info, instructions: "", inventory, clock, log: new FakeLog() });
    },
    clock,
    maxSessions: 2,
    idleMs: 60_000,
  });
  const begin = () => sessions.begin(new SseTransport("/messages", clock), ANONYMOUS);
  const [first, second] = [begin(), begin()];
  assert.ok(sessions.isFull);
  waits[0]?.reject(new TypeError("it does not start"));
  await assert.rejects(first, /does not start/);
  assert.ok(!sessions.isFull);
  waits[1]?.resolve();
  const session = await second;
  const id = session.transport.sessionId ?? "";
  sessions.add(id, session);
  assert.equal(sessions.size, 1);
  assert.equal(sessions.find(id, ANONYMOUS), session);
  assert.equal(sessions.find(id, { ...ANONYMOUS, id: "ada" }), undefined);

  const late = begin();
  const closed = sessions.close(0);
  waits[2]?.resolve();
  const began = await late;
  sessions.add(began.transport.sessionId ?? "", began);
  await closed;
  await clock.advance(0);
  assert.equal(sessions.size, 0);
  assert.equal(clock.sleeping, 0);
});
