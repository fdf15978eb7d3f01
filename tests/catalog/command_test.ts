import assert from "node:assert/strict";
import { readCommand, splitCommand } from "../../lib/catalog/command.ts";

function read(line: string): ReturnType<typeof readCommand> {
  const words = splitCommand(line);
  return words === undefined ? undefined : readCommand(words);
}

Deno.test("splitCommand() splits at blanks and keeps quoted text together", () => {
  assert.deepEqual(splitCommand(`pip install "docpull[mcp]" 'a b'`), [
    "pip",
    "install",
    "docpull[mcp]",
    "a b",
  ]);
  assert.deepEqual(splitCommand(`x ""`), ["x", ""]);
});

Deno.test("splitCommand() refuses whatever needs a shell", () => {
  for (
    const line of [
      "curl -fsSL https://x.example/i.sh | sh",
      "a && b",
      "a; b",
      "a $(b)",
      "a `b`",
      "a > b",
      "echo $HOME",
      "a 'unclosed",
      "",
      "x".repeat(3000),
    ]
  ) assert.equal(splitCommand(line), undefined, line.slice(0, 40));
});

Deno.test("readCommand() reads the runners of npm", () => {
  for (
    const line of [
      "npx -y @acme/mcp@1.2.3 --stdio",
      "bunx @acme/mcp@1.2.3 --stdio",
      "npx --yes --registry https://r.example @acme/mcp@1.2.3 --stdio",
      "pnpm dlx @acme/mcp@1.2.3 --stdio",
      "cmd /c npx -y @acme/mcp@1.2.3 --stdio",
      "/usr/bin/npx @acme/mcp@1.2.3 --stdio",
    ]
  ) {
    const item = read(line)?.package;
    assert.equal(item?.identifier, "@acme/mcp", line);
    assert.equal(item?.version, "1.2.3", line);
    assert.deepEqual(item?.args, [{ value: "--stdio" }], line);
  }
  assert.equal(read("npx @acme/mcp@latest")?.package?.version, undefined);
});

Deno.test("readCommand() keeps the program where a package holds several", () => {
  const npm = read("npx -y -p @acme/cli acme-mcp serve")?.package;
  assert.deepEqual([npm?.identifier, npm?.program, npm?.args], [
    "@acme/cli",
    "acme-mcp",
    [{ value: "serve" }],
  ]);
  const pypi = read('uvx --from "lians[mcp]==0.4" lians-mcp')?.package;
  assert.deepEqual([pypi?.identifier, pypi?.version, pypi?.program], ["lians", "0.4", "lians-mcp"]);
});

Deno.test("readCommand() reads the runners and installers of PyPI", () => {
  for (
    const line of [
      "uvx mcp-time",
      "uv tool run mcp-time",
      "pipx run mcp-time",
      "pip install mcp-time[all]>=1",
      "python3 -m pip install mcp-time",
      "uv tool install mcp-time",
    ]
  ) {
    // A version range needs quotes in a shell.
    const item = readCommand(line.split(" "))?.package;
    assert.deepEqual([item?.type, item?.identifier], ["pypi", "mcp-time"], line);
  }
  assert.equal(read("npm install -g acme-mcp")?.package?.identifier, "acme-mcp");
  assert.equal(read("npm install a b"), undefined);
  assert.equal(read("npm run build"), undefined);
});

Deno.test("readCommand() reads docker run as image, settings and volumes", () => {
  const item = read(
    "docker run -i --rm -e API_KEY -e MODE=fast -v data:/data -p 80:80 acme/mcp:2 serve",
  )
    ?.package;
  assert.equal(item?.identifier, "acme/mcp:2");
  assert.deepEqual(item?.settings?.map(({ name, secret, example }) => [name, secret, example]), [
    ["API_KEY", true, undefined],
    ["MODE", false, "fast"],
  ]);
  assert.deepEqual(item?.args, [{ value: "serve" }]);
  assert.deepEqual(item?.runtimeArgs, ["-p 80:80"]);
  assert.equal(item?.run?.volumes?.[0]?.kind, "named");
  assert.equal(read("docker run -i --rm"), undefined);
  assert.equal(read("docker build ."), undefined);
});

Deno.test("readCommand() leaves helpers, other sources of packages and setup steps out", () => {
  for (
    const line of [
      "npx skills add acme/skill",
      "npx @smithery/cli install x",
      "npx @modelcontextprotocol/inspector",
      "npx create-mcp-server",
      "npx -y github:acme/tool",
      "npx ./local",
      "npx -y https://x.example/a.tgz",
      "npx",
      "node server.js",
      "env A=1 env B=2 npx x",
    ]
  ) assert.equal(read(line), undefined, line);
  assert.equal(read("npx acme-mcp --setup")?.package?.args, undefined);
  assert.equal(read("npx atxp@latest agent register")?.package?.args, undefined);
});

Deno.test("readCommand() reads a remote behind a bridge or a client's own command", () => {
  assert.deepEqual(
    read("claude mcp add --transport http acme https://mcp.acme.example/mcp")?.remote,
    {
      url: "https://mcp.acme.example/mcp",
      type: "streamable-http",
    },
  );
  assert.equal(read("claude mcp add --transport sse a https://a.example/sse")?.remote?.type, "sse");
  assert.equal(read("claude mcp add a -- npx -y @acme/mcp")?.package?.identifier, "@acme/mcp");
  assert.equal(read("claude mcp add a -- node a.js"), undefined);
  assert.equal(read("codex mcp add a"), undefined);
  assert.equal(read("npx mcp-remote"), undefined);
  const bridge = readCommand([
    "npx",
    "mcp-remote",
    "https://a.example/sse",
    "--header",
    "Authorization: Bearer ${ACME_TOKEN}",
    "--header",
    "X-Key: abc123",
  ]);
  assert.equal(bridge?.remote?.type, "sse");
  assert.deepEqual(bridge?.remote?.settings, [
    { name: "ACME_TOKEN", kind: "variable", required: true, secret: true },
    {
      name: "Authorization",
      kind: "header",
      required: true,
      secret: true,
      value: "Bearer {ACME_TOKEN}",
    },
    // What stands there instead of a variable is a placeholder or somebody's key: never kept.
    { name: "X-Key", kind: "header", required: true, secret: true },
  ]);
});

Deno.test("readCommand() takes the environment of the command and never the value of a secret", () => {
  const item = read("env ACME_TOKEN=s3cret REGION=eu npx @acme/mcp")?.package;
  assert.deepEqual(item?.settings, [
    { name: "ACME_TOKEN", kind: "env", required: false, secret: true },
    { name: "REGION", kind: "env", required: false, secret: false, example: "eu" },
  ]);
});
