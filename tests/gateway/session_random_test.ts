/**
 * Tests of lib/gateway/session.ts with what nobody thought of: random lines, and ends at random
 * moments. Seeded; needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import { settle } from "../fake_clock.ts";
import { ScriptedServer } from "./scripted_server.ts";

/** What a message may hold where an id, a method or parameters belong. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(1, 2, 3, "1", "x", null, true, -1, 1.5, {}, [], "ping", "roots/list"),
  fc.constantFrom<unknown>("notifications/cancelled", "notifications/progress", "toString"),
  fc.constantFrom<unknown>({ requestId: 1 }, { progressToken: 3 }, { code: 1, message: "m" }),
  fc.jsonValue({ maxDepth: 3 }),
);

const message = fc.record({
  jsonrpc: fc.oneof({ weight: 9, arbitrary: fc.constant("2.0") }, anything),
  id: anything,
  method: anything,
  params: anything,
  result: anything,
  error: anything,
}, { requiredKeys: [] });

const line = fc.oneof(
  { weight: 5, arbitrary: message.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.array(message, { maxLength: 3 }).map((all) => JSON.stringify(all)) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 50 }) },
);

Deno.test("UpstreamSession goes on whatever lines come", async () => {
  const server = new ScriptedServer({ answers: { "tools/call": () => ({ ok: true }) } });
  await using session = await server.connected({
    handlers: { "roots/list": () => Promise.resolve({ roots: [] }) },
  });
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
      await server.write(`${lines.join("\n")}\n`);
      // Its id is beyond those that random answers name.
      calls++;
      if (calls > 10) assert.deepEqual(await session.call("t", {}), { ok: true });
      else await session.call("t", {}).catch(() => {});
      assert.equal(session.ended, undefined);
    }),
    { seed: 11, numRuns: 400 },
  );
  await settle();
  assert.equal(session.inFlight, 0);
});

Deno.test("UpstreamSession settles every call, whenever its server ends", async () => {
  const plan = fc.record({
    calls: fc.integer({ min: 1, max: 30 }),
    answered: fc.integer({ min: 0, max: 30 }),
    cancelled: fc.integer({ min: 0, max: 30 }),
    how: fc.constantFrom("output", "exit", "held", "close", "garbage"),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ calls, answered, cancelled, how }) => {
      let count = 0;
      const server = new ScriptedServer({
        answers: { "tools/call": () => (count++ < answered ? { ok: true } : undefined) },
        pipe: { maxGarbageLines: 3 },
      });
      const session = await server.connected();
      const results = Array.from({ length: calls }, (_, index) => {
        const controller = new AbortController();
        const result = session.call("t", { index }, { signal: controller.signal })
          .then(() => "ok", (thrown) => {
            assert.ok(thrown instanceof AppError);
            return thrown.code;
          });
        if (index === cancelled) queueMicrotask(() => controller.abort());
        return result;
      });
      if (how === "output") await server.endOutput();
      else if (how === "exit") await server.exit({ code: 1, reason: "it ended" });
      else if (how === "held") {
        await server.exit({ code: 1, reason: "it ended" }, { holdsOutput: true });
      } else if (how === "garbage") await server.write("x\n".repeat(9));
      else void session.close();
      await server.clock.advance(1_000);
      const codes = new Set(await Promise.all(results));
      for (const code of codes) {
        assert.ok(["ok", "CANCELLED", "UNAVAILABLE", "BAD_RESPONSE"].includes(code), code);
      }
      assert.equal(session.inFlight, 0);
      const closed = session.close();
      await server.clock.advance(2_000);
      await closed;
      assert.equal(server.clock.sleeping, 0);
      assert.equal(server.stops.length, 1);
    }),
    { seed: 7, numRuns: 150 },
  );
});
