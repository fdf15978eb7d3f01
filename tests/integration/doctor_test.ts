/**
 * `wharf doctor` on this machine, and Wharf under the flags that it prints. Needs all permissions,
 * and what the tests name.
 *
 * @module
 */

import assert from "node:assert/strict";
import { denoArgs } from "../../tools/deno.ts";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { ENV_NAMES } from "../../lib/host/env.ts";
import { audited, covers, type Grant, ROOT, setOfFlags } from "./audit.ts";
import { pushTinyServer, startContainers } from "./containers.ts";
import { buildImage } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { startRegistry } from "./registry_harness.ts";
import { runWharf, startWharf } from "./wharf.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

const DIAGNOSIS = { timeout: "no answer within" };

/** A person's own folders, empty. */
async function person() {
  const folder = await Deno.makeTempDir({ prefix: "wharf-doctor-" });
  const env = {
    // Not XDG_CACHE_HOME: Deno's own cache would move with it.
    MCP_REGISTRY_CACHE_DIR: `${folder}/cache`,
    XDG_CONFIG_HOME: `${folder}/config`,
    XDG_STATE_HOME: `${folder}/state`,
    DOCKER_CONFIG: `${folder}/docker`,
  };
  await Deno.mkdir(env.DOCKER_CONFIG, { recursive: true });
  return {
    folder,
    env,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

interface Report {
  readonly state: string;
  readonly checks: readonly { check: string; state: string; message: string; next?: string }[];
}

async function doctor(
  args: readonly string[],
  options: Parameters<typeof runWharf>[1],
): Promise<{ code: number; report: Report; text: string }> {
  const { code, stdout, stderr } = await runWharf(["doctor", "--output", "json", ...args], options);
  assert.equal(stderr, "");
  return { code, report: JSON.parse(stdout), text: stdout };
}

integrationTest(
  "wharf doctor finds a container engine that starts containers, a registry, a source and credentials",
  { needs: ["docker-registry", "podman", "runc", "git", "htpasswd"] },
  async () => {
    await using me = await person();
    await using containers = await startContainers();
    const secret = "pa55-of-doctor";
    await using registry = await startRegistry({ user: { name: "ann", password: secret } });
    await Deno.writeTextFile(
      `${me.env.DOCKER_CONFIG}/config.json`,
      JSON.stringify({ auths: { [registry.host]: { auth: btoa(`ann:${secret}`) } } }),
    );
    await Deno.writeTextFile(`${me.folder}/servers.json`, JSON.stringify({ servers: [] }));
    const { code, report, text } = await doctor([
      "--registry",
      registry.host,
      "--source",
      "none",
      "--source",
      `ours=${me.folder}/servers.json`,
      "--transport",
      "http",
      "--port",
      "0",
    ], { env: { ...containers.env, ...me.env } });
    const states = Object.fromEntries(report.checks.map(({ check, state }) => [check, state]));
    assert.deepEqual(states, {
      "permissions": "ok",
      "podman": "ok",
      "credentials": "ok",
      [`registry ${registry.host}`]: "ok",
      "source builtin": "ok",
      "source ours": "ok",
      "cache": "ok",
      "state": "ok",
      "disk": report.checks.find(({ check }) => check === "disk")?.state,
      "clock": "ok",
      "port": "ok",
    });
    const said = (check: string) => report.checks.find((one) => one.check === check)?.message ?? "";
    assert.match(said("podman"), /^\d+\.\d+.*, (?:rootless|as root), starts containers$/);
    assert.match(said(`registry ${registry.host}`), /takes the credential of/);
    assert.match(said("disk"), /free for the cache/);
    assert.ok(!report.checks.some(({ message }) => message.startsWith(DIAGNOSIS.timeout)));
    assert.ok(!text.includes(secret) && !text.includes(btoa(`ann:${secret}`)));
    assert.equal(code, report.state === "fail" ? 1 : 0);
    // Nothing is left but the folders themselves.
    for (const folder of [me.env.MCP_REGISTRY_CACHE_DIR, `${me.env.XDG_STATE_HOME}/wharf`]) {
      assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    }
    assert.equal(await containers.podman(["ps", "--all", "-q", "--filter=name=wharf-doctor-"]), "");
  },
);

Deno.test("wharf doctor fails where the port of a server is taken, and says what to do", async () => {
  await using me = await person();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const { code, report } = await doctor(
    ["--toolsets", "oci", "--transport", "http", "--port", String(port)],
    { env: me.env },
  );
  assert.equal(code, 1);
  assert.equal(report.state, "fail");
  const found = report.checks.find(({ check }) => check === "port");
  assert.equal(found?.state, "fail");
  assert.match(found?.next ?? "", /--port/);
});

Deno.test("wharf doctor says what it is not allowed to see, and asks for nothing", async () => {
  await using me = await person();
  const { code, report } = await doctor(["--toolsets", "gateway"], {
    env: me.env,
    permissions: ["--allow-env"],
  });
  assert.equal(code, 0);
  const said = (check: string) => {
    const { message, next } = report.checks.find((one) => one.check === check) ?? {};
    return `${message} ${next}`;
  };
  assert.match(said("permissions"), /grants are missing: net for .*wharf doctor --flags$/);
  assert.match(said("podman"), /--allow-run=podman/);
  assert.match(said("credentials"), /may not be read/);
  assert.match(said("cache"), /--allow-write=/);
  assert.match(said("port"), /--allow-net=127\.0\.0\.1:8080/);
});

Deno.test("wharf doctor compares the clock with a source's", async () => {
  await using me = await person();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("[]", { headers: { date: new Date(Date.now() - 3_600_000).toUTCString() } }),
  );
  const { code, report } = await doctor([
    "--toolsets",
    "catalog",
    "--source",
    "none",
    "--source",
    `ours=http://127.0.0.1:${server.addr.port}/servers.json`,
  ], { env: me.env });
  const clock = report.checks.find(({ check }) => check === "clock");
  assert.equal(clock?.state, "fail");
  assert.match(clock?.message ?? "", /^3[56]\d\d s ahead of 127\.0\.0\.1/);
  assert.equal(code, 1);
});

Deno.test("wharf doctor says when a source was read, and how much it gave", async () => {
  await using me = await person();
  await Deno.writeTextFile(
    `${me.folder}/servers.json`,
    JSON.stringify({
      servers: [{
        server: {
          name: "com.example/one",
          description: "For a test.",
          version: "1.0.0",
          remotes: [{ type: "streamable-http", url: "https://one.example/mcp" }],
        },
      }],
    }),
  );
  const source = ["--source", "none", "--source", `ours=${me.folder}/servers.json`];
  const said = async () => {
    const { report } = await doctor(["--toolsets", "catalog", ...source], { env: me.env });
    return report.checks.find(({ check }) => check === "source ours");
  };
  const before = await said();
  assert.equal(before?.message, "can be reached; never read");
  assert.equal(before?.next, "Run: wharf refresh ours");
  assert.equal((await runWharf(["refresh", ...source], { env: me.env })).code, 0);
  assert.match((await said())?.message ?? "", /^can be reached; 1 entries, read \d{4}-.*Z$/);
  await Deno.remove(`${me.folder}/servers.json`);
  const after = await said();
  assert.equal(after?.state, "warn");
  assert.match(after?.message ?? "", /it is not there, or empty; 1 entries, read/);
});

Deno.test({
  name: "a shell takes the flags of wharf doctor apart as they are meant",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using me = await person();
    const { stdout } = await runWharf(["doctor", "--flags", "--toolsets", "oci"], { env: me.env });
    const flags = stdout.trim();
    assert.match(flags, /\*\.docker\.io/);
    const [run = "", ...rest] = await denoArgs(["run", "-q", MAIN, "tools", "--toolsets", "oci"]);
    const output = await new Deno.Command("sh", {
      args: [
        "-c",
        'flags=$1; run=$2; shift 2; exec "$0" "$run" $flags "$@"',
        Deno.execPath(),
        flags,
        run,
        ...rest,
      ],
      // Whatever is here must not be taken for what a pattern means.
      cwd: me.folder,
      stdin: "null",
    }).output();
    assert.equal(new TextDecoder().decode(output.stderr), "");
    assert.match(new TextDecoder().decode(output.stdout), /get_image_info/);
  },
});

/** Images for the calls: one behind a login, and a server that anybody may pull. */
interface Images {
  readonly app: string;
  readonly tiny: string;
}

/** A call, and whether it succeeds without the internet. */
type Call = readonly [tool: string, args: Record<string, unknown>, works: boolean];

/** Calls of each toolset. */
const CALLS: Readonly<Record<string, (images: Images) => readonly Call[]>> = {
  oci: ({ app }) => [
    ["ping", { registry: hostOf(app) }, true],
    ["get_image_info", { image_ref: `${app}:1` }, true],
    ["list_tags", { repository: app }, true],
    ["get_image_manifest", { image_ref: `${app}:1` }, true],
    ["get_image_config", { image_ref: `${app}:1` }, true],
  ],
  hub: ({ app }) => [
    ["search_images", { query: "app", registry: hostOf(app) }, true],
    ["search_images", { query: "app" }, false],
    ["get_hub_repository", { repository: "library/alpine" }, false],
    ["get_hub_user", { name: "docker" }, false],
    ["get_rate_limit", {}, false],
  ],
  catalog: () => [
    ["registry-refresh", {}, true],
    ["registry-find", { query: "memory" }, true],
    ["registry-list", {}, true],
    ["registry-get", { id: "ours/com.example/app", inspect: true }, true],
    ["registry-status", {}, true],
  ],
  gateway: () => [
    ["registry-add", { id: "ours/com.example/app", dry_run: true }, true],
    ["registry-add", { id: "ours/com.example/tiny", confirm: true }, true],
    ["registry-config-set", { id: "ours/com.example/tiny", env: { GREETING: "hello" } }, true],
    ["registry-exec", { id: "ours/com.example/tiny", tool: "say", arguments: {} }, true],
    ["registry-active", {}, true],
    ["registry-logs", { id: "ours/com.example/tiny" }, true],
    ["registry-remove", { id: "ours/com.example/tiny" }, true],
  ],
  compat: ({ app }) => [
    ["list_oci_tags", { registry: hostOf(app), repository: "team/app" }, true],
    ["get_image_details", { image_name: app, tag: "1" }, true],
  ],
};

function hostOf(image: string): string {
  return image.split("/")[0] ?? "";
}

/** A catalogue with both images. */
function startSource({ app, tiny }: Images): { readonly url: string } & AsyncDisposable {
  const entry = (name: string, identifier: string) => ({
    server: {
      name: `com.example/${name}`,
      description: "For a test.",
      version: "1.0.0",
      packages: [{
        registryType: "oci",
        identifier,
        transport: { type: "stdio" },
        environmentVariables: [{ name: "GREETING", description: "What it says" }],
      }],
    },
  });
  const servers = [entry("app", `${app}:1`), entry("tiny", `${tiny}:1`)];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json({ servers }),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/servers.json`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function names(grant: Grant): readonly string[] {
  return typeof grant === "object" && !("allow" in grant) ? grant : [];
}

for (const toolsets of ["oci", "hub", "catalog", "gateway", "oci,hub,catalog,gateway,compat"]) {
  integrationTest(
    `the flags of wharf doctor for ${toolsets} are enough, and Wharf asks for nothing beyond them`,
    { needs: ["docker-registry", "git", "htpasswd", "podman", "runc", "busybox"] },
    async () => {
      await using me = await person();
      await using containers = await startContainers();
      const user = { name: "ann", password: "pa55-of-doctor" };
      await using shut = await startRegistry({ user });
      await using open = await startRegistry();
      const images = { app: `${shut.host}/team/app`, tiny: `${open.host}/team/tiny` };
      const image = await buildImage({ os: "linux", architecture: "amd64" });
      await shut.push("team/app", image, ["1"]);
      if (toolsets.includes("gateway")) await pushTinyServer(containers, `${images.tiny}:1`);
      const auth = btoa(`${user.name}:${user.password}`);
      await Deno.writeTextFile(
        `${me.env.DOCKER_CONFIG}/config.json`,
        JSON.stringify({ auths: { [shut.host]: { auth } } }),
      );
      await using source = startSource(images);
      const common = ["--toolsets", toolsets, "--source", "none", "--source", `ours=${source.url}`];
      const ownEnv = { ...containers.env, ...me.env };
      const { stdout, stderr, code } = await runWharf([
        "doctor",
        "--flags",
        ...common,
        "--registry",
        `docker.io,${shut.host},${open.host}`,
        "--transport",
        "http",
        "--port",
        "0",
      ], { env: ownEnv });
      assert.deepEqual([code, stderr], [0, ""]);
      const flags = stdout.trim().split(" ");
      const checks = await audited(async (env) => {
        await using server = await startWharf(common, {
          permissions: flags,
          env: { ...ownEnv, ...env },
        });
        const client = new Client({ name: "test", version: "1" });
        await client.connect(new StreamableHTTPClientTransport(server.mcp));
        for (const toolset of toolsets.split(",")) {
          for (const [tool, args, works] of CALLS[toolset]?.(images) ?? []) {
            const result = await client.callTool({ name: tool, arguments: args });
            const text = JSON.stringify(result);
            assert.doesNotMatch(text, /PERMISSION_MISSING/, tool);
            if (works) assert.ok(result.isError !== true, `${tool}: ${text}`);
          }
        }
        await client.close();
        assert.equal(await server.stop("SIGTERM"), 0);
        assert.doesNotMatch(server.stderr(), /--allow-|permission/i);
      });
      const set = setOfFlags(flags);
      const beyond = checks.filter((check) =>
        !covers(set, check) && !check.value.startsWith(ROOT) &&
        // What is declared and not granted reads as unset, by --ignore-env.
        !(check.permission === "env" && ENV_NAMES.includes(check.value))
      );
      assert.deepEqual(beyond, []);
      // And none of them is there for nothing.
      for (const kind of ["read", "write"]) {
        const unused = names(set[kind]).filter((name) =>
          !checks.some((check) => check.permission === kind && covers({ [kind]: [name] }, check))
        );
        assert.deepEqual(unused, [], kind);
      }
    },
  );
}
