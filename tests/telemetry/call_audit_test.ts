import assert from "node:assert/strict";
import type { FinishedCall } from "../../lib/mcp/mod.ts";
import { callAudit } from "../../lib/telemetry/mod.ts";
import { FakeLog } from "../fake_log.ts";

const CALL: FinishedCall = {
  tool: "registry-find",
  isKnown: true,
  outcome: "done",
  tookMs: 12.4,
  caller: { client: "test 1", transport: "http", session: "0123456789-the-rest", user: "ada" },
  arguments: { query: "a private question" },
};

function lineOf(call: Partial<FinishedCall>, withArguments = false) {
  const log = new FakeLog();
  callAudit(log, { withArguments })({ ...CALL, ...call });
  const [record] = log.records;
  assert.equal(log.records.length, 1);
  assert.deepEqual([record?.level, record?.message], ["info", "tool call"]);
  return record?.fields ?? {};
}

Deno.test("callAudit() says who called what and how it ended, and no argument", () => {
  assert.deepEqual({ ...lineOf({}) }, {
    user: "ada",
    client: "test 1",
    session: "01234567",
    tool: "registry-find",
    server: undefined,
    through: undefined,
    outcome: "done",
    code: undefined,
    ms: 12,
    arguments: undefined,
  });
  const failed = lineOf({ server: "x/y", outcome: "failed", code: "NOT_FOUND" });
  assert.deepEqual([failed["server"], failed["outcome"], failed["code"]], [
    "x/y",
    "failed",
    "NOT_FOUND",
  ]);
});

Deno.test("callAudit() names the tool that registry-exec calls", () => {
  const through = (given: unknown) =>
    lineOf({ tool: "registry-exec", arguments: given })["through"];
  assert.equal(
    through({ tool_name: "memory_create", arguments: { x: "hidden" } }),
    "memory_create",
  );
  assert.equal(through({ id: "reference/memory", tool: "create" }), "reference/memory create");
  assert.equal(through({}), undefined);
  assert.equal(through("x"), undefined);
});

Deno.test("callAudit() shows arguments where that is asked for, but nobody's secrets", () => {
  const shown = (given: unknown) => lineOf({ arguments: given }, true)["arguments"];
  assert.equal(shown({ query: "web" }), '{"query":"web"}');
  assert.equal(
    shown({
      id: "x",
      env: { API_URL: "https://u:p@h" },
      password: "p",
      apiKey: "k",
      deep: [{ access_token: { a: 1 }, ok: true }],
      Headers: "X: y",
    }),
    '{"id":"x","env":{"API_URL":"***"},"password":"***","apiKey":"***",' +
      '"deep":[{"access_token":"***","ok":true}],"Headers":"***"}',
  );
  assert.equal(shown(undefined), "");
  assert.ok(String(shown({ text: "x".repeat(5000) })).length <= 2000);
  const nested = JSON.parse(`${'{"a":'.repeat(50)}1${"}".repeat(50)}`);
  assert.match(String(shown(nested)), /"…"/);
});

Deno.test("callAudit() writes one line, whatever callers call themselves and their tools", () => {
  const fields = lineOf({
    tool: 'x\n2026 info tool call user="root"',
    caller: { client: "a\u202eb", transport: "http", user: "eve\r\n" },
  });
  assert.equal(fields["tool"], 'x 2026 info tool call user="root"');
  assert.equal(fields["client"], "ab");
  assert.equal(fields["user"], "eve");
});
