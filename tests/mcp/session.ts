/**
 * The SDK's own client, connected to a server of Wharf's in memory. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Inventory } from "../../lib/mcp/mod.ts";
import { Server } from "../../lib/mcp/protocol.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { Client, InMemoryTransport } from "../sdk.ts";

/** A connected client; disposing it ends the session. */
export interface TestSession extends AsyncDisposable {
  /** The client. */
  readonly client: Client;
  /** The server's log. */
  readonly log: FakeLog;
  /** Calls a tool and gives its result. */
  call(name: string, args?: Record<string, unknown>): Promise<CallResult>;
}

/** The parts of a result that tests look at. */
export interface CallResult {
  /** The text of the first block. */
  readonly text: string;
  /** The structured answer. */
  readonly structured: Readonly<Record<string, unknown>>;
  /** Whether the call failed. */
  readonly isError: boolean;
  /** The code of a failed call. */
  readonly code: unknown;
}

/**
 * Connects a client.
 *
 * @param inventory What the server offers.
 * @returns The session.
 */
export async function openSession(inventory: Inventory): Promise<TestSession> {
  const log = new FakeLog();
  const server = new Server({
    info: { name: "wharf", version: "1.2.3" },
    instructions: "Ask.",
    inventory,
    clock: new FakeClock(),
    log,
  });
  const client = new Client({ name: "test", version: "1" });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(ours), client.connect(theirs)]);
  // The client checks structured answers against the output schemas that it has listed.
  await client.listTools();
  return {
    client,
    log,
    async call(name, args = {}) {
      const result = await client.callTool({ name, arguments: args });
      assert.ok(Array.isArray(result.content));
      const [first] = result.content;
      assert.ok(first?.type === "text");
      const structured = result.structuredContent ?? {};
      assert.ok(typeof structured === "object");
      const error = result._meta?.["wharf/error"];
      return {
        text: first.text,
        structured: { ...structured },
        isError: result.isError === true,
        code: typeof error === "object" && error !== null && "code" in error
          ? error.code
          : undefined,
      };
    },
    async [Symbol.asyncDispose]() {
      await client.close();
    },
  };
}
