/**
 * What a binary is made of: the bundle runs alone in an empty folder and does what the source
 * does, also in the parts that are loaded late; and it packs, with its permissions. Needs all
 * permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { makeBundle } from "../../tools/bundle.ts";
import { showPacking, TESTS } from "../../tools/compile_check.ts";
import { compile, makeStage, writeChecksum } from "../../tools/compile.ts";
import { bakedOptions, ENTRY } from "../../tools/release.ts";
import { smoke } from "../../tools/smoke.ts";
import { card, detail, html, sitemap } from "../catalog/web_world.ts";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { makeBundled } from "./bundled.ts";
import { file } from "./git_repository.ts";
import { startGitServer } from "./git_server.ts";
import { buildImage, buildIndex } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { RemoteServer } from "./remote_server.ts";
import { runWharf, startWharf } from "./wharf.ts";

interface Message {
  readonly id?: number;
  readonly result?: {
    readonly tools?: readonly { readonly name: string }[];
    readonly structuredContent?: Readonly<Record<string, unknown>>;
  };
}

/** What is said over standard input, in order. */
function messages(...requests: readonly (readonly [method: string, params: unknown])[]): string {
  const lines = [
    {
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-06-18",
        capabilities: {},
        clientInfo: { name: "t", version: "1" },
      },
    },
    { method: "notifications/initialized" },
    ...requests.map(([method, params], index) => ({ id: index + 2, method, params })),
  ];
  return lines.map((line) => `${JSON.stringify({ jsonrpc: "2.0", ...line })}\n`).join("");
}

/** The names of the tools that the source offers. */
async function toolNames(): Promise<readonly string[]> {
  const { stdout } = await runWharf(["tools", "--output", "json"]);
  const { tools }: { readonly tools: readonly { readonly name: string }[] } = JSON.parse(stdout);
  return tools.map(({ name }) => name);
}

integrationTest(
  "the bundle alone lists every tool and inspects an image, over stdio and over HTTP",
  { needs: ["docker-registry", "git"] },
  async (t) => {
    await using bundled = await makeBundled();
    await using registry = await startRegistry();
    const amd64 = await buildImage({ os: "linux", architecture: "amd64" });
    const arm64 = await buildImage({ os: "linux", architecture: "arm64" });
    const index = buildIndex([amd64, arm64]);
    await registry.push("demo/app", index, ["1.0.0"]);
    const image = { "image_ref": `${registry.host}/demo/app:1.0.0` };
    const names = await toolNames();
    const program = bundled.program();
    assert.ok(names.length >= 24);

    await t.step("it says the commit and the day that it was made of", async () => {
      const { code, stdout } = await runWharf(["--version"], { program });
      const head = await new Deno.Command("git", {
        args: ["rev-parse", "--short=12", "HEAD"],
        cwd: new URL(".", import.meta.url),
      }).output();
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(
        `wharf ${config.version} (commit ${new TextDecoder().decode(head.stdout).trim()}`,
      ));
      assert.match(stdout, new RegExp(`, built ${bundled.bundle.build.date}; deno `));
    });
    await t.step("it passes what a release asks of a binary on its own machine", async () => {
      const [version, tools] = await smoke(Deno.execPath(), { before: program.args });
      assert.match(version ?? "", /\(commit [0-9a-f]{12}/);
      assert.equal(tools, `over stdio: ${names.length} tools`);
      await assert.rejects(
        smoke(Deno.execPath(), { before: program.args, commit: "0".repeat(40) }),
        /not "wharf .* \(commit 000000000000…"/,
      );
      // As where DENORT_BIN names Deno itself: what it makes is Deno, whatever is packed into it.
      await assert.rejects(smoke(Deno.execPath()), /it says "deno .*", not "wharf /);
    });
    await t.step("over stdio", async () => {
      const { code, stdout, stderr } = await runWharf([], {
        program,
        stdin: messages(["tools/list", {}], ["tools/call", {
          name: "get_image_info",
          arguments: image,
        }]),
      });
      assert.equal(code, 0, stderr);
      const answers = new Map(
        stdout.split("\n").filter(Boolean).map((line): [unknown, Message] => {
          const message: Message = JSON.parse(line);
          return [message.id, message];
        }),
      );
      assert.deepEqual(answers.get(2)?.result?.tools?.map(({ name }) => name), names);
      assert.equal(answers.get(3)?.result?.structuredContent?.["digest"], index.root.digest);
    });
    await t.step("over HTTP", async () => {
      await using server = await startWharf([], { program });
      const client = new Client({ name: "test", version: "1" });
      await client.connect(new StreamableHTTPClientTransport(server.mcp));
      assert.deepEqual((await client.listTools()).tools.map(({ name }) => name), names);
      const result = await client.callTool({ name: "get_image_info", arguments: image });
      assert.match(JSON.stringify(result.structuredContent), new RegExp(index.root.digest));
      await client.close();
      assert.equal(await server.stop("SIGTERM"), 0, server.stderr());
    });
    await t.step("nothing is read from beside it, and nothing is left there", async () => {
      const log = `${registry.directory}/audit.jsonl`;
      const { code, stderr } = await runWharf(["inspect", image.image_ref], {
        program,
        env: { DENO_AUDIT_PERMISSIONS: log },
      });
      assert.equal(code, 0, stderr);
      const checks = (await Deno.readTextFile(log)).trim().split("\n")
        .map((line): { permission: string; value: string } => JSON.parse(line));
      const read = checks.filter(({ permission }) => permission === "read");
      assert.ok(read.length > 0);
      for (const { value } of read) {
        assert.ok(!value.startsWith(bundled.folder) && !value.startsWith(bundled.cwd), value);
      }
      const left = await Array.fromAsync(Deno.readDir(bundled.cwd), ({ name }) => name);
      assert.deepEqual(left, []);
    });
  },
);

const YAML = [
  "name: warehouse",
  "image: mcp/warehouse",
  "type: server",
  "meta:",
  "  category: database",
  "about:",
  "  title: warehouse",
  "  description: Counts what is in stock.",
  "",
].join("\n");

/** A site with one server on it. */
function startSite(): { readonly url: string } & AsyncDisposable {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { origin, pathname } = new URL(request.url);
    const pages: Record<string, () => Response> = {
      "/robots.txt": () => new Response("User-agent: *\nDisallow: /private\n"),
      "/sitemap.xml": () => sitemap({ [`${origin}/servers/acme/a`]: "2026-01-01" }),
      "/official": () => html(card("acme/a")),
      "/remote-mcp-servers": () => html(""),
      "/all": () => html(card("acme/a")),
      "/servers/acme/a": () => detail("acme/a"),
    };
    return pages[pathname]?.() ?? new Response("no such page", { status: 404 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

integrationTest(
  "the bundle alone reads repositories and pages, and speaks with a server",
  { needs: ["git"] },
  async (t) => {
    await using bundled = await makeBundled();
    await using git = await startGitServer();
    const repository = await git.create("catalogue");
    await repository.commit([file("servers/warehouse/server.yaml", YAML)]);
    const source = `docker=${git.repositoryUrl("catalogue").href}`;

    for (const [client, run] of [["git", true], ["its own client of git", false]] as const) {
      await t.step(`${client} and YAML`, async () => {
        const { code, stdout, stderr } = await runWharf(
          ["find", "stock", "--source", "none", "--source", source, "--output", "json"],
          { program: bundled.program({ run }), env: { XDG_CACHE_HOME: `${bundled.cwd}/${run}` } },
        );
        assert.equal(code, 0, stderr);
        assert.match(stdout, /"id":"docker\/warehouse"/);
      });
    }
    await t.step("pages", async () => {
      await using site = startSite();
      const { code, stdout, stderr } = await runWharf(
        [
          ...["list", "--source", "none", "--source", `mcpservers=${site.url}`],
          ...["--from", "mcpservers", "--output", "json"],
        ],
        { program: bundled.program() },
      );
      assert.equal(code, 0, stderr);
      assert.match(stdout, /acme\/a/);
    });
    await t.step("a server of MCP", async () => {
      await using remote = new RemoteServer();
      const path = `${bundled.folder}/../config.json`;
      await Deno.writeTextFile(path, JSON.stringify({ policy: { "ad_hoc": true } }));
      const { code, stdout, stderr } = await runWharf(["--config", path], {
        program: bundled.program(),
        stdin: messages(
          ["tools/call", {
            name: "registry-add",
            arguments: { id: "ours/remote", url: remote.url.href, confirm: true },
          }],
        ),
      });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /echo/);
    });
  },
);

Deno.test("without Deno's runtime, compiling says in one sentence how to get it", async () => {
  const stage = await makeStage();
  try {
    // No cache, and a network that leads nowhere.
    const nowhere = "http://127.0.0.1:9";
    const env = { DENO_DIR: `${stage}/deno`, HTTPS_PROXY: nowhere, "https_proxy": nowhere };
    const [target, path] = [Deno.build.target, `${stage}/wharf`];
    const problem = await compile(stage, { target, path }, { env });
    assert.match(
      problem ?? "",
      new RegExp(`^Cannot compile for ${target}: denort-${target}\\.zip`),
    );
    assert.match(problem ?? "", /set DENORT_BIN to the denort in it$/);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
});

Deno.test("a folder of something else is not taken for an earlier bundle", async () => {
  const folder = await Deno.makeTempDir({ prefix: "wharf-not-a-bundle-" });
  try {
    await Deno.writeTextFile(`${folder}/mine.txt`, "mine");
    await assert.rejects(makeBundle(folder), /it is a folder of something else/);
    assert.equal(await Deno.readTextFile(`${folder}/mine.txt`), "mine");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the bundle packs into a binary that carries its permissions and asks nobody", async () => {
  // A stand-in for Deno's own runtime, which is not to be had everywhere: what is packed is the same.
  const stage = await makeStage();
  try {
    const path = `${stage}/wharf`;
    const runtime = Deno.execPath();
    assert.equal(await compile(stage, { target: Deno.build.target, path }, { runtime }), undefined);
    const bytes = await Deno.readFile(path);
    const added = bytes.length - (await Deno.stat(runtime)).size;
    assert.ok(added > 1_000_000 && added < 10_000_000, `${added} bytes`);
    const baked = bakedOptions(bytes);
    const { permissions } = config;
    assert.equal(baked?.permissions["prompt"], false);
    assert.deepEqual(baked?.permissions["allow_run"], permissions.full.run);
    assert.deepEqual(baked?.permissions["allow_env"], permissions.full.env.allow);
    assert.deepEqual(baked?.permissions["ignore_env"], []);
    assert.deepEqual(baked?.permissions["deny_net"], permissions.full.net.deny);
    assert.deepEqual(
      ["allow_net", "allow_read", "allow_write"].map((kind) => baked?.permissions[kind]),
      [[], [], []],
    );
    assert.equal(baked?.permissions["allow_ffi"], null);
    assert.deepEqual(baked?.permissions["allow_sys"], permissions.full.sys);
    assert.equal(baked?.entrypoint_key, ENTRY);
    const hex = await writeChecksum(path);
    assert.equal(await Deno.readTextFile(`${path}.sha256`), `${hex}  wharf\n`);
    if (Deno.build.os !== "linux") return;
    const checked = await new Deno.Command("sha256sum", {
      args: ["-c", "wharf.sha256"],
      cwd: stage,
    }).output();
    assert.equal(new TextDecoder().decode(checked.stdout), "wharf: OK\n");
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
});

Deno.test("compile:check packs the bundle, says what it carries, and runs tests that are there", async () => {
  const lines: string[] = [];
  assert.equal(await showPacking((line) => lines.push(line)), true);
  assert.match(lines[0] ?? "", /^bundle: \d+ files, \d\.\d\d MB$/);
  assert.match(lines[1] ?? "", /^packed: adds \d\.\d\d MB to a runtime of \d+\.\d\d MB$/);
  assert.ok(lines.includes("  prompt: false"), lines.join("\n"));
  assert.ok(lines.includes(`  allow_run: ${config.permissions.full.run.join(" ")}`));
  for (const path of TESTS) {
    assert.ok((await Deno.stat(new URL(`../../${path}`, import.meta.url))).isFile);
  }
});
