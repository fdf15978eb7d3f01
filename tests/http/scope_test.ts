import assert from "node:assert/strict";
import { isGranted, ScopeRule, scopeText } from "../../lib/http/scope.ts";
import { makeWorld } from "../mcp/world.ts";

function rule(): ScopeRule {
  return new ScopeRule(makeWorld().inventory);
}

function call(method: string, params?: unknown): unknown {
  return { jsonrpc: "2.0", id: 1, method, ...(params === undefined ? {} : { params }) };
}

Deno.test("ScopeRule neededFor() lets read look and find, by each of Wharf's own tools", () => {
  const needed = Object.fromEntries(
    makeWorld().inventory.listTools().map(({ name }) => [
      name,
      rule().neededFor(call("tools/call", { name })),
    ]),
  );
  assert.deepEqual(
    Object.keys(needed).filter((name) => needed[name] === "write").toSorted(),
    ["registry-add", "registry-config-set", "registry-exec", "registry-refresh", "registry-remove"],
  );
});

Deno.test("ScopeRule neededFor() wants write for what Wharf does not offer itself", () => {
  for (
    const message of [
      call("tools/call", { name: "memory_create" }),
      call("tools/call", { name: 1 }),
      call("tools/call"),
      call("prompts/get", { name: "memory_prompt" }),
      call("resources/read", { uri: "memory://graph" }),
      call("resources/read", {}),
      call("resources/read", { uri: "docker://image/alpine" }),
      call("resources/read", { uri: "docker://images/" }),
      call("resources/read", { uri: "x:docker://images/alpine" }),
      // Wharf reads no image of this form, so that a server of it may be asked.
      call("resources/read", { uri: "docker://image/alpine/latest/" }),
      call("resources/subscribe", { uri: "docker://image/alpine/latest" }),
      call("resources/unsubscribe", { uri: "memory://graph" }),
      call("notifications/tasks/status", { taskId: "1" }),
      call("tasks/list"),
      call("completion/complete", { ref: { type: "ref/prompt", name: "memory_prompt" } }),
      call("completion/complete", { ref: { type: "ref/resource", uri: "memory://{x}" } }),
      // A reference of Wharf's own beside one of a server's does not hide it.
      call("completion/complete", {
        ref: { type: "ref/resource", uri: "memory://{x}", name: "list_tags_prompt" },
      }),
      call("completion/complete", {
        ref: { type: "ref/prompt", name: "memory_prompt", uri: "docker://image/{name}/{tag}" },
      }),
      call("completion/complete", { ref: { name: "list_tags_prompt" } }),
      call("tasks/cancel", { taskId: "1" }),
      call("something/new"),
      call("TOOLS/LIST"),
    ]
  ) assert.equal(rule().neededFor(message), "write", JSON.stringify(message));
});

Deno.test("ScopeRule neededFor() lets read list, answer, and use Wharf's own prompts and resources", () => {
  for (
    const message of [
      call("initialize"),
      call("ping"),
      call("tools/list"),
      call("prompts/list"),
      call("resources/list"),
      call("resources/templates/list"),
      call("logging/setLevel", { level: "debug" }),
      { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } },
      { jsonrpc: "2.0", id: 7, result: { action: "accept" } },
      call("prompts/get", { name: "list_tags_prompt" }),
      call("resources/read", { uri: "docker://image/library/alpine/latest" }),
      call("resources/read", { uri: "docker://images/web%20server" }),
      call("completion/complete", { ref: { type: "ref/prompt", name: "list_tags_prompt" } }),
      call("completion/complete", {
        ref: { type: "ref/resource", uri: "docker://image/{name}/{tag}" },
      }),
      null,
      "text",
    ]
  ) assert.equal(rule().neededFor(message), "read", JSON.stringify(message));
});

Deno.test("ScopeRule neededFor() takes the greatest scope of a batch", () => {
  const looks = call("tools/call", { name: "ping" });
  const changes = call("tools/call", { name: "registry-add" });
  assert.equal(rule().neededFor([looks, looks]), "read");
  assert.equal(rule().neededFor([looks, changes]), "write");
});

Deno.test("ScopeRule neededFor() reads no member that an object inherits", () => {
  const inherited = JSON.parse('{"jsonrpc":"2.0","id":1,"__proto__":{"method":"tools/list"}}');
  assert.equal(rule().neededFor(inherited), "read");
  const params = JSON.parse('{"__proto__":{"name":"ping"}}');
  assert.equal(rule().neededFor(call("tools/call", params)), "write");
});

Deno.test("isGranted() lets write look, and read nothing more", () => {
  assert.ok(isGranted(new Set(["read"]), "read"));
  assert.ok(isGranted(new Set(["write"]), "read"));
  assert.ok(isGranted(new Set(["write"]), "write"));
  assert.ok(!isGranted(new Set(["read"]), "write"));
  assert.ok(!isGranted(new Set(), "read"));
});

Deno.test("scopeText() names the lesser scopes too, so that nobody loses one", () => {
  assert.equal(scopeText("read"), "read");
  assert.equal(scopeText("write"), "read write");
});
