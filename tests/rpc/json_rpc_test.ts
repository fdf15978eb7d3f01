/**
 * Tests of lib/rpc/mod.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { faultOf, kindOf, RpcError, tellMessage } from "../../lib/rpc/mod.ts";

Deno.test("tellMessage() tells messages apart and gives them as they are", () => {
  const messages: readonly [string, Record<string, unknown>][] = [
    ["request", { jsonrpc: "2.0", id: 1, method: "ping", further: true }],
    ["request", { jsonrpc: "2.0", id: "", method: "x", params: {} }],
    ["notification", { jsonrpc: "2.0", method: "x" }],
    ["result", { jsonrpc: "2.0", id: 0, result: null }],
    ["error", { jsonrpc: "2.0", id: 1, error: { code: 1.5, message: "" } }],
    ["error", { jsonrpc: "2.0", id: null, error: { code: 1, message: "", data: 0 } }],
    ["error", { jsonrpc: "2.0", error: { code: 1, message: "" }, result: {} }],
  ];
  for (const [kind, message] of messages) {
    const told = tellMessage(message);
    assert.equal(told?.kind, kind);
    assert.equal(told?.message, message);
  }
});

Deno.test("kindOf() refuses what is no message", () => {
  const others = [
    undefined,
    null,
    "x",
    [],
    {},
    { jsonrpc: "2.0" },
    { jsonrpc: 2, id: 1, method: "x" },
    { jsonrpc: "2.0", id: 2 ** 60, method: "x" },
    { jsonrpc: "2.0", result: {} },
    { jsonrpc: "2.0", id: 1, error: { code: "1", message: "" } },
    { jsonrpc: "2.0", id: 1, error: { code: 1 } },
    { jsonrpc: "2.0", id: [], error: { code: 1, message: "" } },
  ];
  for (const other of others) assert.equal(tellMessage(other), undefined);
  assert.equal(kindOf({ jsonrpc: "2.0", id: 1, method: null }), undefined);
});

Deno.test("RpcError keeps what the other side said, and tells people a clean sentence", () => {
  const fault = { code: -32602, message: "bad\u202E value\n", data: { field: "x" } };
  const error = new RpcError(fault, { action: 'call tool "add" of "memory"' });
  assert.equal(error.fault, fault);
  assert.equal(error.code, "INVALID_ARGUMENT");
  assert.equal(error.message, 'Cannot call tool "add" of "memory": bad value');
  assert.deepEqual(error.details, { rpcCode: -32602 });
  const codes = [-32601, -32002, -32000, 7].map((code) =>
    new RpcError({ code, message: "" }, { action: "x" }).code
  );
  assert.deepEqual(codes, ["UNSUPPORTED", "NOT_FOUND", "UNAVAILABLE", "UNAVAILABLE"]);
  assert.match(new RpcError({ code: 1, message: "" }, { action: "x" }).message, /no reason/);
});

Deno.test("faultOf() passes errors of clients on, and hides those of this machine", () => {
  const fault = { code: -1, message: "declined", data: [1] };
  assert.equal(faultOf(new RpcError(fault, { action: "ask" })), fault);
  assert.deepEqual(faultOf(new AppError("UNSUPPORTED", "Cannot answer: no")), {
    code: -32601,
    message: "Cannot answer: no",
  });
  assert.equal(faultOf(new AppError("TIMEOUT", "Cannot answer: late")).code, -32603);
  assert.deepEqual(faultOf(new TypeError("/home/me/secret")), {
    code: -32603,
    message: "Internal error",
  });
});
