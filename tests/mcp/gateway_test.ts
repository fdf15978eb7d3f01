/**
 * The tools of the gateway over activations that a test decides, and the tools that are passed on.
 * Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import {
  type ActiveView,
  type AddRequest,
  type Asker,
  parsePolicy,
  viewPlan,
} from "../../lib/gateway/mod.ts";
import { planActivation } from "../../lib/gateway/plan.ts";
import type { BoundTool, CallContext, GatewayDoor, Progress } from "../../lib/mcp/mod.ts";
import { createInventory } from "../../lib/mcp/inventory.ts";
import { Server } from "../../lib/mcp/protocol.ts";
import { makeEntry } from "../catalog/make.ts";
import type { JsonObject } from "../../lib/rpc/mod.ts";
import { FakeClock } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { buildImage } from "../integration/images.ts";
import { Client, ElicitRequestSchema, InMemoryTransport } from "../sdk.ts";
import { makeWorld } from "./world.ts";

const VIEW: ActiveView = {
  id: "ours/time",
  prefix: "time",
  status: "ready",
  how: "podman",
  pinned: `registry.example/a/time@sha256:${"a".repeat(64)}`,
  upMs: 61_500,
  restarts: 1,
  calls: 7,
  errors: 2,
  inFlight: 1,
  usage: { memoryBytes: 12_000_000, cpuPercent: 1.5 },
  tools: ["time_now"],
  prompts: 1,
  resources: 0,
  held: [{
    name: "zone",
    fields: ["description"],
    differences: [{ path: "description", before: "a", after: "b" }],
    total: 1,
  }],
  suspicions: [],
  notes: ["a note"],
};

const PLAN = planActivation(
  makeEntry("ours/time", { packages: [{ type: "oci", identifier: "registry.example/a/time:1" }] }),
  { by: "client" },
  { policy: parsePolicy() },
);

/** A gateway that notes what it is asked. */
function makeGateway() {
  const asked: { readonly what: string; readonly args: readonly unknown[] }[] = [];
  const note = (what: string, ...args: readonly unknown[]) => void asked.push({ what, args });
  const door: GatewayDoor = () =>
    Promise.resolve({
      viewPlan,
      activations: {
        add(request: AddRequest, asker: Asker) {
          note("add", request, asker.actor, asker.by);
          asker.progress("pulling");
          return Promise.resolve(
            request.dryRun ? { plan: PLAN } : { plan: PLAN, server: VIEW },
          );
        },
        remove(id: string) {
          note("remove", id);
          return Promise.resolve();
        },
        list: () => Promise.resolve([VIEW]),
        configure(id: string, change: unknown) {
          note("configure", id, change);
          return Promise.resolve({
            values: [{ name: "TOKEN", value: "stored" }],
            restarted: true,
          });
        },
        call(where: unknown, args: JsonObject | undefined, options) {
          note("call", where, args);
          options.onProgress?.({ progress: 1, total: 2, message: "half" });
          return Promise.resolve({ content: [{ type: "text", text: "10:00" }], _meta: { a: 1 } });
        },
        logs: (_id: string, lines: number) => Promise.resolve(["one", "two"].slice(-lines)),
      },
    });
  return { asked, door };
}

function context(more: Partial<CallContext> = {}): CallContext {
  return { signal: new AbortController().signal, progress: () => {}, ...more };
}

function toolsOf(door: GatewayDoor, options: Parameters<typeof makeWorld>[0] = {}) {
  const { inventory } = makeWorld({ ...options, gateway: door });
  return (name: string): BoundTool => {
    const tool = inventory.findTool(name);
    assert.ok(tool !== undefined);
    return tool;
  };
}

Deno.test("registry-add shows the plan, then the server; older names of arguments are taken", async (t) => {
  const { asked, door } = makeGateway();
  const image = await buildImage({ os: "linux", architecture: "amd64", config: { User: "app" } });
  const tool = toolsOf(door, {
    repositories: { "registry.example/a/time": { tags: { "1": image } } },
  });
  const told: Progress[] = [];
  const planned = await tool("registry-add").call({ id: "ours/time", dry_run: true }, context());
  await t.assertSnapshot(planned.content);
  const added = await tool("registry-add").call(
    { entry_id: "ours/time", environment: { ZONE: "x" }, confirm: "true" },
    context({
      caller: { client: "inspector 1", transport: "http" },
      progress: (progress) => told.push(progress),
    }),
  );
  await t.assertSnapshot(added.content);
  assert.deepEqual(told, [{ message: "pulling", done: 1 }]);
  const [, second] = asked;
  assert.deepEqual(second?.args.slice(1), [{ client: "inspector 1", transport: "http" }, "client"]);
  const request = second?.args[0];
  assert.ok(typeof request === "object" && request !== null);
  assert.deepEqual({ ...request }, {
    id: "ours/time",
    dryRun: false,
    confirm: true,
    persist: true,
    acceptsNew: false,
    acceptsChanges: false,
    env: { ZONE: "x" },
  });
});

Deno.test("registry-add takes the command line for its operator, and settings as NAME=VALUE", async () => {
  const { asked, door } = makeGateway();
  await toolsOf(door)("registry-add").call(
    { id: "ours/time", env: ["A=1", "B=x=y"] },
    context({ caller: { client: "cli", transport: "cli" } }),
  );
  assert.equal(asked[0]?.args[2], "operator");
  const request = asked[0]?.args[0];
  assert.ok(typeof request === "object" && request !== null && "env" in request);
  assert.deepEqual(request.env, { A: "1", B: "x=y" });
  await assert.rejects(
    () => toolsOf(door)("registry-add").call({ id: "x", env: ["nonsense"] }, context()),
    (error) => error instanceof AppError && error.code === "INVALID_ARGUMENT",
  );
});

Deno.test("registry-add goes on without a look into an image that cannot be had", async () => {
  const { door } = makeGateway();
  const added = await toolsOf(door)("registry-add").call({ id: "ours/time" }, context());
  assert.match(JSON.stringify(added.content), /note: The image was not looked into\. Cannot/);
});

Deno.test("registry-active, -remove, -config-set and -logs say what they did", async (t) => {
  const { asked, door } = makeGateway();
  const tool = toolsOf(door);
  await t.assertSnapshot(await tool("registry-active").call({}, context()));
  await t.assertSnapshot(await tool("registry-remove").call({ id: "ours/time" }, context()));
  await t.assertSnapshot(
    await tool("registry-config-set").call(
      { id: "ours/time", env: { TOKEN: "hunter2" }, unset: "OLD" },
      context(),
    ),
  );
  await t.assertSnapshot(
    await tool("registry-logs").call({ id: "ours/time", lines: 1 }, context()),
  );
  assert.deepEqual(asked.map(({ what }) => what), ["remove", "configure"]);
  assert.deepEqual(asked[1]?.args[1], { set: { TOKEN: "hunter2" }, unset: ["OLD"] });
});

Deno.test("registry-exec passes a result on as it came, and promises no schema", async () => {
  const { asked, door } = makeGateway();
  const exec = toolsOf(door)("registry-exec");
  assert.equal(exec.outputSchema, undefined);
  const told: Progress[] = [];
  const result = await exec.call(
    { id: "ours/time", tool: "now", arguments: { zone: "x" } },
    context({ progress: (progress) => told.push(progress) }),
  );
  assert.deepEqual(result, { content: [{ type: "text", text: "10:00" }], _meta: { a: 1 } });
  assert.deepEqual(told, [{ done: 1, total: 2, message: "half" }]);
  await exec.call({ tool_name: "time_now" }, context());
  assert.deepEqual(asked.map(({ args }) => args[0]), [{ id: "ours/time", tool: "now" }, {
    name: "time_now",
  }]);
  await assert.rejects(
    () => exec.call({ id: "ours/time" }, context()),
    (error) => error instanceof AppError && error.code === "INVALID_ARGUMENT",
  );
});

Deno.test("a client that can ask its person does; one that cannot is not asked", async () => {
  const heard: unknown[] = [];
  const tool: BoundTool = {
    name: "asks",
    title: "Asks",
    toolset: "gateway",
    description: "",
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
    inputSchema: { type: "object" },
    async call(_args, { ask, confirm, caller, openPage }) {
      heard.push(
        caller?.client,
        await openPage?.(new URL("https://login.example/"), "Sign in").then(() => "opened"),
        await confirm?.("Agree?"),
        await ask?.("Settings", [
          { name: "ZONE", description: "A zone\u202e" },
          { name: "COUNT", format: "number" },
          { name: "KIND", choices: ["a", "b"] },
          { name: "ON", format: "boolean" },
        ]),
      );
      return { content: [] };
    },
  };
  const inventory = createInventory({ tools: [tool], prompts: [], templates: [] });
  const forms: unknown[] = [];
  for (const answers of [true, false]) {
    const server = new Server({
      info: { name: "wharf", version: "1" },
      instructions: "",
      inventory,
      clock: new FakeClock(),
      log: new FakeLog(),
    });
    const client = new Client(
      { name: "asker", version: "9" },
      answers ? { capabilities: { elicitation: { form: {}, url: {} } } } : {},
    );
    if (answers) {
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        forms.push(params);
        if (params.mode === "url") return { action: "accept" };
        return "requestedSchema" in params && "agree" in params.requestedSchema.properties
          ? { action: "accept", content: { agree: true } }
          : { action: "accept", content: { ZONE: "x", COUNT: 3, KIND: "a", ON: true } };
      });
    }
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(ours), client.connect(theirs)]);
    await client.callTool({ name: "asks", arguments: {} });
    await client.close();
  }
  assert.deepEqual(heard, [
    "asker 9",
    "opened",
    true,
    { ZONE: "x", COUNT: "3", KIND: "a", ON: "true" },
    "asker 9",
    undefined,
    undefined,
    undefined,
  ]);
  assert.equal(forms.length, 3);
  assert.ok(!JSON.stringify(forms).includes("\u202e"));
});
