import assert from "node:assert/strict";
import fc from "fast-check";
import { Limiter } from "../../lib/core/limiter.ts";
import { settle } from "../fake_clock.ts";

/** Tasks that end when the test says so. */
class Tasks {
  readonly started: string[] = [];
  readonly #ends = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();

  task(name: string): () => Promise<string> {
    return async () => {
      this.started.push(name);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#ends.set(name, { resolve, reject });
      await promise;
      return name;
    };
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.resolve();
    await settle();
  }

  async fail(name: string, error: unknown): Promise<void> {
    this.#ends.get(name)?.reject(error);
    await settle();
  }
}

Deno.test("run() starts at most so many tasks, first come first served", async () => {
  const limiter = new Limiter(2);
  const tasks = new Tasks();
  const results = ["a", "b", "c", "d"].map((name) => limiter.run(tasks.task(name)));
  await settle();
  assert.deepEqual(tasks.started, ["a", "b"]);
  await tasks.end("b");
  assert.deepEqual(tasks.started, ["a", "b", "c"]);
  await tasks.end("a");
  assert.deepEqual(tasks.started, ["a", "b", "c", "d"]);
  await tasks.end("c");
  await tasks.end("d");
  assert.deepEqual(await Promise.all(results), ["a", "b", "c", "d"]);
});

Deno.test("run() frees the room of a task that fails", async () => {
  const limiter = new Limiter(1);
  const tasks = new Tasks();
  const failing = limiter.run(tasks.task("a"));
  const next = limiter.run(tasks.task("b"));
  const error = new RangeError("no");
  const failed = assert.rejects(failing, (thrown) => thrown === error);
  await settle();
  await tasks.fail("a", error);
  await failed;
  assert.deepEqual(tasks.started, ["a", "b"]);
  await tasks.end("b");
  assert.equal(await next, "b");
});

Deno.test("run() frees the room of a task that throws before it waits", async () => {
  const limiter = new Limiter(1);
  const error = new RangeError("no");
  await assert.rejects(
    limiter.run(() => {
      throw error;
    }),
    (thrown) => thrown === error,
  );
  assert.equal(await limiter.run(() => Promise.resolve(1)), 1);
});

Deno.test("run() lets a caller leave the queue; the others move up", async () => {
  const limiter = new Limiter(1);
  const tasks = new Tasks();
  const leaver = new AbortController();
  const first = limiter.run(tasks.task("a"));
  const second = limiter.run(tasks.task("b"), leaver.signal);
  const third = limiter.run(tasks.task("c"));
  const left = assert.rejects(second, { code: "CANCELLED" });
  leaver.abort();
  await left;
  await tasks.end("a");
  assert.deepEqual(tasks.started, ["a", "c"]);
  await tasks.end("c");
  assert.deepEqual(await Promise.all([first, third]), ["a", "c"]);
});

Deno.test("run() does not start a task for a caller who has left already", async () => {
  const tasks = new Tasks();
  await assert.rejects(new Limiter(1).run(tasks.task("a"), AbortSignal.abort()), {
    code: "CANCELLED",
  });
  assert.deepEqual(tasks.started, []);
});

Deno.test("run() does not interrupt a task that runs", async () => {
  const limiter = new Limiter(1);
  const tasks = new Tasks();
  const caller = new AbortController();
  const running = limiter.run(tasks.task("a"), caller.signal);
  await settle();
  caller.abort();
  await tasks.end("a");
  assert.equal(await running, "a");
});

Deno.test("Limiter() takes a limit below 1 for 1", async () => {
  assert.equal(await new Limiter(0).run(() => Promise.resolve("ran")), "ran");
});

Deno.test("run() never passes the limit and forgets nobody, whoever leaves", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ turns: fc.nat(5), leavesAfter: fc.option(fc.nat(8)) }), {
        maxLength: 20,
      }),
      async (limit, plans) => {
        const limiter = new Limiter(limit);
        let running = 0;
        let most = 0;
        const outcomes = await Promise.allSettled(plans.map(async ({ turns, leavesAfter }) => {
          const caller = new AbortController();
          const result = limiter.run(async () => {
            running++;
            most = Math.max(most, running);
            for (let turn = 0; turn < turns; turn++) await Promise.resolve();
            running--;
          }, caller.signal);
          result.catch(() => {});
          for (let turn = 0; turn < (leavesAfter ?? 0); turn++) await Promise.resolve();
          if (leavesAfter !== null) caller.abort();
          await result;
        }));
        assert.equal(outcomes.length, plans.length);
        assert.ok(most <= limit);
        assert.equal(running, 0);
        // The room that each of them took is free again.
        await Promise.all(
          Array.from({ length: limit }, () => limiter.run(() => Promise.resolve())),
        );
      },
    ),
    { seed: 20260101, numRuns: 200 },
  );
});
