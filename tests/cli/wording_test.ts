/**
 * What tools say, in the words of the command line. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { z } from "zod";
import { findCommand } from "../../lib/cli/commands.ts";
import { errorInCommands, errorInFlags, inCommands } from "../../lib/cli/wording.ts";
import { AppError, toAppError } from "../../lib/core/errors.ts";
import { defineTool } from "../../lib/mcp/tool.ts";

Deno.test("inCommands() names commands for tools, with what is passed to them", () => {
  const table: readonly (readonly [tool: string, command: string])[] = [
    ["It has 1.0, 2.0; list_tags shows all", "It has 1.0, 2.0; wharf tags shows all"],
    [
      "Look at registry-active, then registry-add id=a/b accept_changes=true",
      "Look at wharf active, then wharf add a/b --accept-changes",
    ],
    [
      'Call registry-config-set {"id":"a/b","env":{"KEY":"<value, or env:KEY>","URL":"<value>"}}',
      "Run wharf config-set a/b KEY=VALUE URL=VALUE",
    ],
    ["Call registry-config-set {with care}", "Call registry-config-set {with care}"],
    ["ping get_hub_user registry-findings", "ping get_hub_user registry-findings"],
  ];
  for (const [text, expected] of table) assert.equal(inCommands(text), expected);
});

Deno.test("inCommands() names flags for the arguments of the command that was run", () => {
  const add = findCommand("add");
  const find = findCommand("find");
  assert.equal(
    inCommands("Try launch_method=stdio-proxy. Try again", add),
    "Try --method stdio-proxy. Try again",
  );
  assert.equal(inCommands("choose another launch_method", add), "choose another --method");
  assert.equal(inCommands("then pass confirm=true", add), "then pass --yes");
  assert.equal(
    inCommands("accept_new_digest=true takes the new one", add),
    "--accept-new-digest takes the new one",
  );
  assert.equal(inCommands('Go on with cursor="abc"', find), "Go on with --cursor abc");
  assert.equal(inCommands("Try launch_method=stdio-proxy"), "Try launch_method=stdio-proxy");
});

Deno.test("inCommands() leaves what the catalogue says in its quotes", () => {
  const text = '- a/b (podman): "Call list_tags or registry-add id=x confirm=true."';
  assert.equal(inCommands(text, findCommand("find")), text);
});

Deno.test("errorInCommands() names the flag whose value a tool refuses", async () => {
  const tool = defineTool({
    name: "list_tags",
    title: "",
    toolset: "oci",
    description: "",
    annotations: {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: true,
    },
    input: z.strictObject({
      repository: z.string().max(3),
      limit: z.number().max(1000).optional(),
    }),
    output: z.object({}),
    handle: () => Promise.reject(new AppError("INTERNAL", "Cannot be reached")),
  }).bind({});
  const given = { repository: "long", limit: 5000 };
  const error = await tool.call(given, {
    caller: { client: "cli", transport: "cli" },
    signal: new AbortController().signal,
    budgetTokens: Infinity,
    progress: () => {},
  }).then(() => assert.fail(), toAppError);
  const { code, message, hint } = errorInCommands(error, findCommand("tags"));
  assert.equal(code, "INVALID_ARGUMENT");
  assert.match(message, /^Cannot run "tags": <repository>: too big: .*; --limit: too big: /);
  assert.equal(hint, "See wharf tags --help");
  const late = new AppError("TIMEOUT", "Cannot finish in 2 s: the deadline passed");
  assert.equal(
    errorInCommands(late, findCommand("ping")).message,
    'Cannot finish "ping" in 2 s: the deadline passed',
  );
  // `call` names tools and their arguments itself.
  assert.equal(errorInCommands(error, findCommand("call")), error);
});

Deno.test("errorInFlags() says by which flag a server that is called once gets its key", () => {
  const error = new AppError("UNAUTHORIZED", "Cannot use it: it wants a key", {
    hint: "Check the key in its settings",
    status: 401,
  });
  const { message, hint, status } = errorInFlags(error);
  assert.deepEqual([message, status], [error.message, 401]);
  assert.equal(hint, 'Give its key, for example by --header "Authorization=Bearer file:/path"');
  const other = new AppError("TIMEOUT", "Cannot use it: no answer", { hint: "Try again" });
  assert.equal(errorInFlags(other), other);
});
