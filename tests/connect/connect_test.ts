/**
 * Tests of lib/connect/connect.ts: files of clients that change, break, vanish and are written by
 * others. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CLIENTS, findClient } from "../../lib/connect/clients.ts";
import {
  connectClient,
  type ConnectDeps,
  disconnectClient,
  type EntryRequest,
  listClients,
} from "../../lib/connect/connect.ts";
import type { Machine } from "../../lib/connect/machine.ts";
import { AppError } from "../../lib/core/errors.ts";
import { FakeClock } from "../fake_clock.ts";
import { MemoryFiles } from "./memory_files.ts";

const MACHINES: readonly Machine[] = [
  { os: "linux", env: { HOME: "/home/ada" } },
  { os: "darwin", env: { HOME: "/Users/ada" } },
  { os: "windows", env: { USERPROFILE: "C:\\Users\\ada", LOCALAPPDATA: "C:\\Local" } },
];
const [linux = { os: "linux", env: {} }] = MACHINES;
const connection = { kind: "stdio", command: "/usr/local/bin/wharf", args: [] } as const;
const CURSOR = "/home/ada/.cursor/mcp.json";

function world(files: MemoryFiles, machine = linux): ConnectDeps {
  return { files, machine, clock: new FakeClock(Date.UTC(2026, 10, 21, 7, 30)) };
}

function request(id: string, more: Partial<EntryRequest> = {}): EntryRequest {
  const client = findClient(id);
  assert.ok(client !== undefined);
  return { client, name: "wharf", connection, isDryRun: false, ...more };
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof AppError, "it did not fail");
  return error;
}

Deno.test("connectClient() makes, finds and takes out the entry of every client on every system", async () => {
  for (const machine of MACHINES) {
    for (const client of CLIENTS) {
      const location = client.locations(machine).at(-1);
      assert.ok(location !== undefined);
      const [mark = ""] = location.marks;
      const folder = mark === location.file ? location.marks[1] ?? "" : mark;
      const files = new MemoryFiles({ [folder]: undefined });
      const deps = world(files, machine);
      const made = await connectClient(request(client.id), deps);
      assert.equal(made.action, "connected", `${client.id} on ${machine.os}`);
      assert.equal(made.file, location.file);
      assert.equal(made.backup, undefined);
      assert.match(files.text(location.file) ?? "", /\/usr\/local\/bin\/wharf/);
      const again = await connectClient(request(client.id), deps);
      assert.equal(again.action, "already");
      assert.equal(files.replaced, 1, "the same entry is not written again");
      const states = await listClients({ name: "wharf", connection }, deps);
      assert.deepEqual(
        states.filter(({ state }) => state === "connected").map(({ client }) => client.id),
        [client.id],
      );
      const out = await disconnectClient(request(client.id), deps);
      assert.equal(out.action, "removed");
      // The file was Wharf's own.
      assert.equal(files.text(location.file), undefined);
      assert.equal((await disconnectClient(request(client.id), deps)).action, "absent");
    }
  }
});

Deno.test("connectClient() prefers the place of the packaged Claude Desktop where it is there", async () => {
  const [, , windows = linux] = MACHINES;
  const packaged = "C:\\Local\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude";
  const plain = "C:\\Users\\ada\\AppData\\Roaming\\Claude";
  const both = world(new MemoryFiles({ [packaged]: undefined, [plain]: undefined }), windows);
  const { file } = await connectClient(request("claude-desktop"), both);
  assert.equal(file, `${packaged}\\claude_desktop_config.json`);
  const one = world(new MemoryFiles({ [plain]: undefined }), windows);
  const other = await connectClient(request("claude-desktop"), one);
  assert.equal(other.file, `${plain}\\claude_desktop_config.json`);
});

Deno.test("connectClient() keeps a backup and everything else in the file", async () => {
  const before = '{\n  // mine\n  "mcpServers": {\n    "a": { "command": "x" },\n  }\n}\n';
  const files = new MemoryFiles({ [CURSOR]: before });
  const deps = world(files);
  const made = await connectClient(request("cursor"), deps);
  const backup = `${CURSOR}.wharf-backup-20261121T073000Z`;
  assert.equal(made.backup, backup);
  assert.equal(files.text(backup), before);
  const replaced = await connectClient(
    request("cursor", { connection: { ...connection, args: ["--toolsets", "oci"] } }),
    deps,
  );
  assert.equal(replaced.action, "replaced");
  assert.equal(replaced.backup, `${backup}-2`);
  assert.deepEqual(replaced.difference, [
    "@@ -3,7 +3,8 @@",
    '   "mcpServers": {',
    '     "a": { "command": "…" },',
    '     "wharf": {',
    '-      "command": "/usr/local/bin/wharf"',
    '+      "command": "/usr/local/bin/wharf",',
    '+      "args": ["--toolsets", "oci"]',
    "     },",
    "   }",
    " }",
  ]);
  const out = await disconnectClient(request("cursor"), deps);
  assert.equal(out.action, "removed");
  assert.equal(files.text(CURSOR), before);
});

Deno.test("disconnectClient() gives back the bytes of before, also where an object was empty", async () => {
  for (
    const before of [
      '{"mcpServers":{ }}',
      "{}",
      "",
      '{\n\t"mcpServers": {\n\t}\n}',
      "\uFEFF{ }\r\n",
    ]
  ) {
    const files = new MemoryFiles({ [CURSOR]: before });
    const deps = world(files);
    await connectClient(request("cursor"), deps);
    assert.notEqual(files.text(CURSOR), before);
    await disconnectClient(request("cursor"), deps);
    assert.equal(files.text(CURSOR), before);
    // Once more, with backups of both states beside it.
    await connectClient(request("cursor"), deps);
    await disconnectClient(request("cursor"), deps);
    assert.equal(files.text(CURSOR), before);
  }
});

Deno.test("disconnectClient() keeps what was written since", async () => {
  const files = new MemoryFiles({ [CURSOR]: "{}" });
  const deps = world(files);
  await connectClient(request("cursor"), deps);
  files.set(CURSOR, (files.text(CURSOR) ?? "").replace("{", '{\n  "new": 1,'));
  await disconnectClient(request("cursor"), deps);
  assert.equal(files.text(CURSOR), '{\n  "new": 1,\n  "mcpServers": {}\n}');
});

Deno.test("connectClient() keeps what the user added to the entry, but nothing of another way to reach it", async () => {
  const added =
    '{"mcpServers":{"wharf":{"env":{"OCI_TOKEN":"s3cret"},"command":"/old","timeout":9}}}';
  const files = new MemoryFiles({ [CURSOR]: added });
  const deps = world(files);
  const entry = () => JSON.parse(files.text(CURSOR) ?? "").mcpServers.wharf;
  assert.equal((await connectClient(request("cursor"), deps)).action, "replaced");
  const kept = { env: { OCI_TOKEN: "s3cret" }, command: "/usr/local/bin/wharf", timeout: 9 };
  assert.deepEqual(entry(), kept);
  assert.equal((await connectClient(request("cursor"), deps)).action, "already");
  const [, , cursor] = await listClients({ name: "wharf", connection }, deps);
  assert.equal(cursor?.state, "connected");
  const http = { kind: "http", url: "http://h/mcp", tokenVariable: "T" } as const;
  const moved = await connectClient(request("cursor", { connection: http }), deps);
  const headers = { Authorization: "Bearer ${env:T}" };
  assert.deepEqual(entry(), { timeout: 9, url: "http://h/mcp", headers });
  assert.doesNotMatch(moved.difference.join("\n"), /s3cret/);
  await connectClient(request("cursor"), deps);
  assert.deepEqual(entry(), { timeout: 9, command: "/usr/local/bin/wharf" });
});

Deno.test("connectClient() shows what would change and writes nothing when asked for that", async () => {
  const files = new MemoryFiles({ [CURSOR]: '{\n  "key": "s3cret"\n}' });
  const deps = world(files);
  const dry = await connectClient(request("cursor", { isDryRun: true }), deps);
  assert.deepEqual(dry.difference, [
    "@@ -1,3 +1,8 @@",
    " {",
    '-  "key": "…"',
    '+  "key": "…",',
    '+  "mcpServers": {',
    '+    "wharf": {',
    '+      "command": "/usr/local/bin/wharf"',
    "+    }",
    "+  }",
    " }",
  ]);
  assert.equal(dry.backup, undefined);
  assert.equal(files.replaced, 0);
  assert.deepEqual(files.paths, [CURSOR]);
});

Deno.test("connectClient() leaves a broken file as it is and gives the text to paste", async () => {
  const broken = '{\n  "mcpServers": {\n    "a": {}\n    "b": {}\n  }\n}';
  const files = new MemoryFiles({
    [CURSOR]: broken,
    "/home/ada/.codex/config.toml": "a = \n",
    "/home/ada/.gemini/settings.json": "\uFFFD",
  });
  const deps = world(files);
  const error = await failure(connectClient(request("cursor"), deps));
  assert.equal(error.code, "BAD_RESPONSE");
  assert.equal(
    error.message,
    `Cannot change "${CURSOR}": it is not valid JSON (comma expected) at 4:5`,
  );
  assert.deepEqual(error.details, {
    client: "cursor",
    file: CURSOR,
    paste:
      '{\n  "mcpServers": {\n    "wharf": {\n      "command": "/usr/local/bin/wharf"\n    }\n  }\n}',
  });
  assert.equal(files.text(CURSOR), broken);
  const codex = await failure(connectClient(request("codex"), deps));
  assert.match(codex.message, /it is not valid TOML \(.+\) at 1:/);
  assert.equal(codex.details?.["paste"], '[mcp_servers.wharf]\ncommand = "/usr/local/bin/wharf"');
  assert.equal((await failure(disconnectClient(request("cursor"), deps))).code, "BAD_RESPONSE");
  assert.equal(files.replaced, 0);
  const states = await listClients({ name: "wharf", connection }, deps);
  assert.match(
    states.find(({ client }) => client.id === "cursor")?.problem ?? "",
    /^it is not valid JSON \(comma expected\) at 4:5$/,
  );
});

Deno.test("connectClient() says that a client is not installed and gives the text to paste", async () => {
  const files = new MemoryFiles();
  const deps = world(files);
  for (const client of CLIENTS) {
    const error = await failure(connectClient(request(client.id), deps));
    assert.equal(error.code, "NOT_FOUND", client.id);
    assert.match(error.message, new RegExp(`^Cannot connect ${client.title}: it is not installed`));
    assert.match(error.hint ?? "", /^There is no \/home\/ada\/\.\w+/);
    assert.match(String(error.details?.["paste"]), /wharf/);
  }
  assert.deepEqual(files.paths, []);
  const nowhere = await failure(
    connectClient(request("cursor"), world(files, { os: "linux", env: {} })),
  );
  assert.match(nowhere.hint ?? "", /^No home directory is known\. /);
});

Deno.test("connectClient() takes a file that is named, wherever it is", async () => {
  const files = new MemoryFiles({ "/x": undefined });
  const made = await connectClient(request("vscode", { file: "/x/mcp.json" }), world(files));
  assert.equal(made.file, "/x/mcp.json");
  assert.match(files.text("/x/mcp.json") ?? "", /"servers"/);
});

Deno.test("connectClient() says what to do where a client takes no address", async () => {
  const url = "https://wharf.example.com/mcp";
  const files = new MemoryFiles({ "/home/ada/.config/Claude": undefined });
  const error = await failure(
    connectClient(request("claude-desktop", { connection: { kind: "http", url } }), world(files)),
  );
  assert.equal(error.code, "UNSUPPORTED");
  assert.match(
    error.hint ?? "",
    /Connectors.*npx -y mcp-remote https:\/\/wharf\.example\.com\/mcp$/,
  );
  assert.deepEqual(files.paths, []);
});

Deno.test("connectClient() puts the entry into what another program wrote meanwhile", async () => {
  const files = new MemoryFiles({ [CURSOR]: '{"n":0}' });
  let writes = 0;
  files.beforeReplace = () => {
    if (++writes <= 2) files.set(CURSOR, `{"n":${writes}}`);
  };
  const made = await connectClient(request("cursor"), world(files));
  assert.equal(files.replaced, 3);
  assert.equal(files.text(made.backup ?? ""), '{"n":2}');
  assert.equal(
    files.text(CURSOR),
    '{"n":2,"mcpServers":{"wharf":{"command":"/usr/local/bin/wharf"}}}',
  );
});

Deno.test("connectClient() gives up where another program never rests", async () => {
  const files = new MemoryFiles({ [CURSOR]: '{"n":0}' });
  let writes = 0;
  files.beforeReplace = () => files.set(CURSOR, `{"n":${++writes}}`);
  const error = await failure(connectClient(request("cursor"), world(files)));
  assert.equal(error.code, "UNAVAILABLE");
  assert.equal(error.hint, "Close Cursor and try again");
  assert.equal(files.text(CURSOR), '{"n":10}');
  assert.deepEqual(files.paths, [CURSOR]);
});

Deno.test("connectClient() stops when it is told to", async () => {
  const files = new MemoryFiles({ [CURSOR]: "{}" });
  const error = await failure(
    connectClient(request("cursor", { signal: AbortSignal.abort() }), world(files)),
  );
  assert.equal(error.code, "CANCELLED");
  assert.equal(files.replaced, 0);
});

Deno.test("listClients() says of each client how it stands, also where one may not be read", async () => {
  const files = new MemoryFiles({
    [CURSOR]: '{"mcpServers":{"wharf":{"command":"/usr/local/bin/wharf"}}}',
    "/home/ada/.gemini/settings.json": '{"mcpServers":{"wharf":{"httpUrl":"http://x/mcp"}}}',
    "/home/ada/.codex/config.toml": "model = 1\n",
    "/home/ada/.config/zed/settings.json": "{",
  });
  files.denied.add("/home/ada/.codeium/windsurf");
  const states = await listClients({ name: "wharf", connection }, world(files));
  assert.deepEqual(Object.fromEntries(states.map(({ client, state }) => [client.id, state])), {
    "claude-desktop": "not-installed",
    "claude-code": "not-installed",
    "cursor": "connected",
    "vscode": "not-installed",
    "windsurf": "unusable",
    "zed": "unusable",
    "gemini": "other",
    "codex": "absent",
  });
});
