/**
 * Tests of lib/cli/connect.ts: what `wharf connect` prints, and its exit codes. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { runConnect } from "../../lib/cli/connect.ts";
import { MemoryFiles } from "../connect/memory_files.ts";
import { FakeClock } from "../fake_clock.ts";

const HOME = { "/home/ada/.cursor": undefined, "/home/ada/.codex": undefined };

/** Runs a command line after `wharf connect`. */
async function run(
  argv: readonly string[],
  files: MemoryFiles = new MemoryFiles(HOME),
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const invocation = parseArguments(["connect", ...argv]);
  assert.ok(invocation.kind === "connect");
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runConnect(invocation, {
    files,
    clock: new FakeClock(Date.UTC(2026, 10, 21)),
    machine: { os: "linux", env: { HOME: "/home/ada" } },
    started: {
      isCompiled: true,
      execPath: "/usr/local/bin/wharf",
      mainModule: "file:///wharf/main.ts",
      runFlags: [],
      directory: "/project",
    },
    terminal: { out: (line) => out.push(line), err: (line) => err.push(line), columns: undefined },
    signal: new AbortController().signal,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

Deno.test("wharf connect lists the clients and where their files are", async () => {
  const files = new MemoryFiles({ ...HOME, "/home/ada/.gemini/settings.json": "{" });
  await run(["cursor"], files);
  const { code, out } = await run([], files);
  assert.equal(code, 0);
  assert.match(out, /^client +wharf +config file$/m);
  assert.match(out, /^cursor +connected +\/home\/ada\/\.cursor\/mcp\.json$/m);
  assert.match(out, /^codex +no +\/home\/ada\/\.codex\/config\.toml$/m);
  assert.match(out, /^zed +not installed +\/home\/ada\/\.config\/zed\/settings\.json$/m);
  assert.match(out, /^gemini +it is not valid JSON \(.+\) at 1:2 +\/home/m);
  const json = await run(["--output", "json", "--name", "other"], files);
  const { name, clients } = JSON.parse(json.out);
  assert.equal(name, "other");
  assert.deepEqual(clients[2], {
    client: "cursor",
    title: "Cursor",
    file: "/home/ada/.cursor/mcp.json",
    state: "absent",
  });
});

Deno.test("wharf connect <client> says what it did and what is next", async () => {
  const files = new MemoryFiles(HOME);
  const made = await run(["cursor", "--toolsets", "oci"], files);
  assert.deepEqual(made, {
    code: 0,
    out: 'Cursor: "wharf" connected\nfile    /home/ada/.cursor/mcp.json',
    err: "Next: Switch it on in Cursor's settings, under MCP",
  });
  const again = await run(["cursor", "--toolsets", "oci"], files);
  assert.match(again.out, /^Cursor: "wharf" already connected$/m);
  const replaced = await run(["cursor"], files);
  assert.match(replaced.out, /^Cursor: "wharf": its entry was replaced$/m);
  assert.match(
    replaced.out,
    /^backup {2}\/home\/ada\/\.cursor\/mcp\.json\.wharf-backup-20261121T/m,
  );
  assert.match(replaced.out, /^- +"args": \["--toolsets", "oci"\]$/m);
  const dry = await run(["cursor", "--remove", "--dry-run"], files);
  assert.match(dry.out, /^Cursor: "wharf" would be taken out$/m);
  assert.match(dry.out, /^-\{$/m);
  assert.equal(dry.err, "");
  const removed = await run(["cursor", "--remove"], files);
  assert.match(removed.out, /^Cursor: "wharf" taken out$/m);
  assert.equal(removed.err, "Next: Cursor lets go of it when it starts anew");
  assert.deepEqual(await run(["cursor", "--remove"], files), {
    code: 0,
    out: 'Cursor: "wharf" not connected\nfile    /home/ada/.cursor/mcp.json',
    err: "",
  });
});

Deno.test("wharf connect --output json says the same for programs", async () => {
  const { code, out } = await run(["codex", "--output", "json", "--name", "two"]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), {
    client: "codex",
    name: "two",
    file: "/home/ada/.codex/config.toml",
    action: "connected",
    dry_run: false,
    entry: { command: "/usr/local/bin/wharf" },
    difference: ["@@ -0,0 +1,2 @@", "+[mcp_servers.two]", '+command = "/usr/local/bin/wharf"'],
    next: ["Start codex anew; /mcp shows it"],
  });
});

Deno.test("wharf connect --http names the server, and never a token", async () => {
  const files = new MemoryFiles({ ...HOME, "/home/ada/.config/zed": undefined });
  const plain = await run(["cursor", "--http", "http://127.0.0.1:8080"], files);
  // Wharf serves MCP at /mcp.
  assert.match(files.text("/home/ada/.cursor/mcp.json") ?? "", /"http:\/\/127\.0\.0\.1:8080\/mcp"/);
  assert.match(plain.err, /wants a token, connect again with --token-env MCP_AUTH_TOKEN$/);
  const token = ["--http", "https://h.example/x", "--token-env", "MY_TOKEN"];
  const named = await run(["cursor", ...token], files);
  assert.match(files.text("/home/ada/.cursor/mcp.json") ?? "", /"Bearer \$\{env:MY_TOKEN\}"/);
  assert.match(named.err, /^Next: Set MY_TOKEN where Cursor is started$/m);
  assert.match((await run(["zed", "--http", "http://h/mcp"], files)).err, /"Bearer …"/);
  for (
    const argv of [
      ["zed", ...token],
      ["cursor", "--http", "https://user:s3cret@h/mcp"],
      ["cursor", "--http", "https://h/mcp?api_key=s3cret"],
      ["cursor", "--http", "ftp://h/mcp"],
      ["cursor", "--http", "no address"],
      ["cursor", "--http", "http://h/mcp", "--token-env", "s3cret-token.with=more"],
      ["cursor", "--token-env", "MY_TOKEN"],
      ["cursor", "--remove", "--http", "http://h/mcp"],
    ]
  ) {
    const refused = await run(argv, files);
    assert.equal(refused.code, 2, argv.join(" "));
    assert.match(refused.err, /^wharf: Cannot use --\S.*\nNext: /);
    assert.doesNotMatch(refused.err, /s3cret/);
  }
});

Deno.test("wharf connect refuses what it does not know", async () => {
  for (
    const argv of [
      ["emacs"],
      ["cursor", "--name", "a b"],
      ["cursor", "--name", "__proto__"],
      [
        "--remove",
      ],
      ["--dry-run"],
      ["--config-file", "/x"],
    ]
  ) {
    const { code, err } = await run(argv);
    assert.equal(code, 2, argv.join(" "));
    assert.match(err, /^wharf: Cannot .+\nNext: /);
  }
  assert.match((await run(["emacs"])).err, /Choose from claude-desktop, claude-code, cursor, /);
});

Deno.test("wharf connect prints the text to paste where it cannot write", async () => {
  const missing = await run(["zed"]);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /^wharf: Cannot connect Zed: it is not installed here$/m);
  assert.deepEqual(JSON.parse(missing.out), {
    context_servers: { wharf: { command: "/usr/local/bin/wharf" } },
  });
  const files = new MemoryFiles({ "/home/ada/.cursor/mcp.json": "{ broken" });
  const broken = await run(["cursor"], files);
  assert.equal(broken.code, 1);
  assert.match(broken.err, /is not valid JSON \(.+\) at 1:3\nNext: .+\nTo put in by hand:$/);
  assert.match(broken.out, /"mcpServers"/);
  assert.equal(files.text("/home/ada/.cursor/mcp.json"), "{ broken");
  const json = await run(["cursor", "--output", "json"], files);
  const { error } = JSON.parse(json.out);
  assert.equal(error.code, "BAD_RESPONSE");
  assert.match(error.details.paste, /"mcpServers"/);
});

Deno.test("wharf connect --config-file takes a path from where the person is", async () => {
  const files = new MemoryFiles({ "/project/.vscode": undefined, "/x": undefined });
  await run(["vscode", "--config-file", "./.vscode/mcp.json"], files);
  assert.deepEqual(files.paths, ["/project/.vscode/mcp.json"]);
  await run(["vscode", "--config-file", "/x/mcp.json"], files);
  assert.deepEqual(files.paths, ["/project/.vscode/mcp.json", "/x/mcp.json"]);
  // A slip in a path makes no folders.
  const slip = await run(["vscode", "--config-file", "/y/mcp.json"], files);
  assert.equal(slip.code, 1);
  assert.match(slip.err, /^wharf: Cannot write "\/y\/mcp\.json": there is no such folder\nNext: /);
  assert.match(slip.out, /"servers"/);
});
