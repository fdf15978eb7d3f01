/**
 * `wharf connect` as its users run it, on config files in temporary directories; what it writes is
 * started as a client starts it. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CLIENTS } from "../../lib/connect/mod.ts";
import { runWharf, type WharfResult } from "./wharf.ts";

const posix = Deno.build.os !== "windows";

/** Directories of clients, moved by their own variables; the home directory is not touched. */
interface World extends AsyncDisposable {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the config file of a client is, and how the command line finds it. */
  place(client: string): { readonly file: string; readonly flags: readonly string[] };
}

async function world(): Promise<World> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "wharf-connect-" }));
  const moved: Readonly<Record<string, string>> = {
    "claude-code": "claude/.claude.json",
    "codex": "codex/config.toml",
    "gemini": "gemini/.gemini/settings.json",
  };
  for (const folder of ["claude", "codex", "gemini/.gemini", "other"]) {
    await Deno.mkdir(`${path}/${folder}`, { recursive: true });
  }
  return {
    path,
    env: {
      CLAUDE_CONFIG_DIR: `${path}/claude`,
      CODEX_HOME: `${path}/codex`,
      GEMINI_CLI_HOME: `${path}/gemini`,
    },
    place(client) {
      const own = moved[client];
      if (own !== undefined) return { file: `${path}/${own}`, flags: [] };
      const file = `${path}/other/${client}.json`;
      return { file, flags: ["--config-file", file] };
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

function connect(
  { env }: World,
  args: readonly string[],
  permissions?: readonly string[],
): Promise<WharfResult> {
  return runWharf(["connect", ...args], {
    env,
    ...(permissions === undefined ? {} : { permissions }),
  });
}

/** Starts what an entry says, as a client does, and asks it to introduce itself. */
async function initialize(entry: {
  readonly command: string;
  readonly args: readonly string[];
}): Promise<unknown> {
  const child = new Deno.Command(entry.command, {
    args: [...entry.args],
    // A client starts its servers anywhere.
    cwd: "/",
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  try {
    const writer = child.stdin.getWriter();
    const message = {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "test", version: "1" },
      },
    };
    await writer.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
    let text = "";
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    while (!text.includes("\n")) {
      const { done, value } = await reader.read();
      assert.ok(!done, "it ended before it answered");
      text += value;
    }
    await writer.close();
    while (!(await reader.read()).done);
    return JSON.parse(text.slice(0, text.indexOf("\n"))).result.serverInfo.name;
  } finally {
    await child.status;
  }
}

Deno.test("wharf connect writes for every client what starts Wharf, and takes it out again", async () => {
  await using here = await world();
  const before = '{\n  // mine\n  "other": "s3cret"\n}\n';
  const entries: { readonly command: string; readonly args: readonly string[] }[] = [];
  const serve = [
    "--toolsets",
    "oci",
    "--state-dir",
    `${here.path}/state`,
    "--cache-dir",
    `${here.path}/cache`,
  ];
  for (const { id, map, form } of CLIENTS) {
    const { file, flags } = here.place(id);
    if (form === "json") await Deno.writeTextFile(file, before);
    const made = await connect(here, [id, ...flags, ...serve]);
    assert.equal(made.code, 0, `${id}: ${made.stderr}`);
    assert.match(made.stdout, /^.+: "wharf" connected\nfile {4}\//);
    const text = await Deno.readTextFile(file);
    if (form === "json") {
      assert.ok(text.startsWith('{\n  // mine\n  "other": "s3cret",'), id);
      const { [map]: servers } = JSON.parse(text.replace("  // mine\n", ""));
      entries.push(servers.wharf);
    } else assert.match(text, /^\[mcp_servers\.wharf\]\ncommand = /);
  }
  // All say the same, so that one start tells of all.
  const [entry] = entries;
  assert.ok(entry !== undefined);
  for (const { command, args } of entries) {
    assert.deepEqual({ command, args }, {
      command: entry.command,
      args: entry.args,
    });
  }
  assert.equal(await initialize(entry), "wharf");
  const listed = await connect(here, [...serve, "--output", "json"]);
  const states = JSON.parse(listed.stdout).clients.filter(({ client }: { client: string }) =>
    ["claude-code", "gemini", "codex"].includes(client)
  );
  assert.deepEqual(
    states.map(({ client, state }: { client: string; state: string }) => [client, state]),
    [["claude-code", "connected"], ["gemini", "connected"], ["codex", "connected"]],
  );
  for (const { id, form } of CLIENTS) {
    const { file, flags } = here.place(id);
    const out = await connect(here, [id, ...flags, "--remove"]);
    assert.equal(out.code, 0, out.stderr);
    const text = await Deno.readTextFile(file).catch(() => undefined);
    assert.equal(text, form === "json" ? before : undefined, id);
  }
});

Deno.test("wharf connect --dry-run shows the difference and touches nothing", async () => {
  await using here = await world();
  const { file } = here.place("codex");
  await Deno.writeTextFile(file, 'model = "s3cret"\n');
  const { mtime } = await Deno.stat(file);
  const dry = await connect(here, ["codex", "--http", "http://127.0.0.1:8080/mcp", "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.equal(
    dry.stdout,
    `Codex: "wharf" would be connected\nfile    ${file}\n@@ -1,1 +1,4 @@\n model = "…"\n+\n` +
      '+[mcp_servers.wharf]\n+url = "http://127.0.0.1:8080/mcp"\n',
  );
  assert.deepEqual((await Deno.stat(file)).mtime, mtime);
  assert.equal((await Array.fromAsync(Deno.readDir(`${here.path}/codex`))).length, 1);
});

Deno.test("wharf connect leaves a broken file to the byte and prints the text to paste", async () => {
  await using here = await world();
  const { file } = here.place("claude-code");
  const broken = new Uint8Array([0x7b, 0xff, 0xfe, 0x0a]);
  await Deno.writeFile(file, broken);
  const { code, stdout, stderr } = await connect(here, ["claude-code"]);
  assert.equal(code, 1);
  assert.match(stderr, /^wharf: Cannot change "[^"]+": it is not text in UTF-8$/m);
  assert.equal(JSON.parse(stdout).mcpServers.wharf.type, "stdio");
  assert.deepEqual(await Deno.readFile(file), broken);
  await Deno.writeTextFile(file, '{\n  "a": 1\n  "b": 2\n}\n');
  const second = await connect(here, ["claude-code", "--remove"]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /it is not valid JSON \(comma expected\) at 3:3$/m);
  assert.equal(await Deno.readTextFile(file), '{\n  "a": 1\n  "b": 2\n}\n');
});

Deno.test({
  name: "wharf connect keeps modes and links, and writes over nothing that is read-only",
  ignore: !posix,
  async fn() {
    await using here = await world();
    const { file } = here.place("codex");
    const real = `${here.path}/other/dotfile.toml`;
    await Deno.writeTextFile(real, "a = 1\n");
    await Deno.chmod(real, 0o640);
    await Deno.symlink(real, file);
    const made = await connect(here, ["codex"]);
    assert.equal(made.code, 0, made.stderr);
    assert.ok((await Deno.lstat(file)).isSymlink);
    assert.match(await Deno.readTextFile(real), /^a = 1\n\n\[mcp_servers\.wharf\]/);
    assert.equal(((await Deno.stat(real)).mode ?? 0) & 0o777, 0o640);
    const backup = /^backup {2}(.+)$/m.exec(made.stdout)?.[1] ?? "";
    assert.equal(await Deno.readTextFile(backup), "a = 1\n");
    assert.ok(backup.startsWith(`${file}.wharf-backup-`));
    await Deno.chmod(real, 0o444);
    const text = await Deno.readTextFile(real);
    const refused = await connect(here, ["codex", "--remove"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /the file is read-only\nNext: .+chmod u\+w/);
    assert.equal(await Deno.readTextFile(real), text);
  },
});

Deno.test("several wharf connect at once all get their entry in", async () => {
  await using here = await world();
  const { file } = here.place("gemini");
  await Deno.writeTextFile(file, '{\n  "theme": "dark" // mine\n}\n');
  const names = ["one", "two", "three", "four"];
  const done = await Promise.all(names.map((name) => connect(here, ["gemini", "--name", name])));
  for (const { code, stderr } of done) assert.equal(code, 0, stderr);
  const text = await Deno.readTextFile(file);
  for (const name of names) assert.match(text, new RegExp(`^    "${name}": \\{$`, "m"));
  assert.match(text, /"theme": "dark", \/\/ mine$/m);
});

Deno.test("wharf connect needs no more than the folder of the file and the variables", async () => {
  await using here = await world();
  const { file } = here.place("codex");
  const folder = `${here.path}/codex`;
  const read = [`--allow-read=${folder}`, "--allow-env=CODEX_HOME,NO_COLOR", "--ignore-env"];
  const refused = await connect(here, ["codex"], read);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    new RegExp(`^Next: Start Wharf with .*--allow-write=${folder}$`, "m"),
  );
  assert.match(refused.stdout, /^\[mcp_servers\.wharf\]$/m);
  const made = await connect(here, ["codex"], [...read, `--allow-write=${folder}`]);
  assert.equal(made.code, 0, made.stderr);
  assert.match(await Deno.readTextFile(file), /^\[mcp_servers\.wharf\]$/m);
  // Without the variables nobody's home is known.
  const blind = await connect(here, ["codex"], [`--allow-read=${folder}`, "--deny-env"]);
  assert.equal(blind.code, 1);
  assert.match(blind.stderr, /it is not installed here\nNext: No home directory is known\. /);
});
