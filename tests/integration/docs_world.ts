/**
 * The world in which the commands of the documentation are run: registries, catalogues and servers
 * under the names that the documents use, all on loopback; folders of its own for the cache, the
 * state, settings and containers; and `wharf` in the `PATH`. Needs all permissions.
 *
 * @module
 */

import { denoArgs } from "../../tools/deno.ts";
import { Authority } from "./certificates.ts";
import { startContainers } from "./containers.ts";
import { buildEightPlatforms } from "./images.ts";
import { Internet, type Site } from "./internet.ts";
import type { NeedName } from "./needs.ts";
import { type LocalRegistry, startRegistry } from "./registry_harness.ts";
import { RemoteServer } from "./remote_server.ts";
import { buildShellServer } from "./shell_server.ts";

/** What the world is made of. */
export const WORLD_NEEDS: readonly NeedName[] = [
  "busybox",
  "curl",
  "docker-registry",
  "openssl",
  "podman",
  "runc",
];

/** How a script went. */
export interface ScriptResult {
  /** How many of its commands ended well. */
  readonly ended: number;
  /** Everything that was printed. */
  readonly output: string;
}

/** The world. */
export interface DocsWorld extends AsyncDisposable {
  /** The folder that commands are run in. */
  readonly folder: string;
  /**
   * Runs commands one after the other in one shell, up to the first that fails. One that serves is
   * left running until the last has ended.
   */
  run(commands: readonly string[]): Promise<ScriptResult>;
  /** Names of hosts that were asked for and are not there. */
  readonly missed: readonly string[];
}

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** A login, as `podman login` writes it. */
const AUTH = JSON.stringify({
  auths: { "registry.example.com": { auth: btoa("ci:not-a-real-one") } },
});

/** What a reader would have prepared, by path. */
const FILES: Readonly<Record<string, string>> = {
  "auth.json": AUTH,
  "home/auth.json": AUTH,
  "catalogue/words/server.yaml":
    "name: words\nimage: ghcr.io/example/words:1.2\ntype: server\nabout:\n  title: Words\n  description: Counts words.\n",
  "docker/servers/hello/server.yaml":
    "name: hello\nimage: mcp/hello\ntype: server\nabout:\n  title: Hello\n  description: Says hello.\n",
  "docker/servers/postgres/server.yaml":
    "name: postgres\nimage: mcp/postgres\ntype: server\nabout:\n  title: Postgres\n  description: Query a Postgres database.\nconfig:\n  secrets:\n    - name: postgres.url\n      env: POSTGRES_URL\n",
  "secrets/postgres_url": "postgres://localhost/not-a-real-one\n",
  "secrets/token": "not-a-real-one\n",
  "wharf.json": '{ "sources": { "ours": "https://example.com/servers.json", "none": "none" } }',
  "policy.json":
    '{ "policy": { "confirm": "never" }, "sources": { "docker": "docker", "none": "none" } }',
};

/** Opens it. */
export async function openDocsWorld(): Promise<DocsWorld> {
  const stack = new AsyncDisposableStack();
  try {
    const registry = stack.use(await startRegistry());
    const containers = stack.use(await startContainers());
    const remote = stack.use(new RemoteServer({ tools: [SEARCH] }));
    const internet = stack.use(await Internet.open(sitesOf(registry, remote)));
    const authority = stack.use(await Authority.create());
    await fill(registry);
    const { folder } = containers;
    const work = `${folder}/work`;
    const pair = await authority.issue("IP:127.0.0.1");
    const port = freePort();
    const config = { sources: { docker: `${work}/docker`, none: "none" } };
    await writeFiles(folder, {
      ...Object.fromEntries(Object.entries(FILES).map(([path, text]) => [`work/${path}`, text])),
      "work/server.crt": pair.cert,
      "work/server.key": pair.key,
      "config/wharf/config.json": JSON.stringify(config),
      "config/Code/User/mcp.json": "{}",
      "clients/claude/.claude.json": "{}",
      "clients/codex/config.toml": "",
      "clients/gemini/.gemini/settings.json": "{}",
      "registries.conf": registriesConf(registry.host),
      "storage.conf":
        `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/images"\nrunroot = "${folder}/run"\n`,
      "bin/wharf": await wharfProgram(),
      "bin/deno": denoProgram(await importMap()),
      "bin/ready": READY,
    });
    for (const name of ["wharf", "deno", "ready"]) await Deno.chmod(`${folder}/bin/${name}`, 0o755);
    const env = {
      ...passedOn(),
      ...internet.env,
      ...clientFolders(folder),
      ...await moduleAccess(internet.env, `${folder}/authorities.pem`),
      CONTAINERS_CONF: `${folder}/containers.conf`,
      CONTAINERS_REGISTRIES_CONF: `${folder}/registries.conf`,
      CONTAINERS_STORAGE_CONF: `${folder}/storage.conf`,
      MCP_PORT: String(port),
      MCP_REGISTRY_CACHE_DIR: `${folder}/cache`,
      NO_COLOR: "1",
      PATH: `${folder}/bin:${Deno.env.get("PATH") ?? ""}`,
      REGISTRY_AUTH_FILE: `${work}/home/auth.json`,
      XDG_CONFIG_HOME: `${folder}/config`,
      XDG_STATE_HOME: `${folder}/state`,
    };
    stack.defer(() => removeImages(env));
    const disposed = stack.move();
    const shown = (text: string) =>
      text
        .replaceAll("localhost:5000", registry.host)
        .replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`)
        .replaceAll("npx -y deno@2.9.6", "deno");
    return {
      folder: work,
      run: (commands) => runScript(commands.map(shown), { env, cwd: work, port }),
      missed: internet.missed,
      [Symbol.asyncDispose]: () => disposed.disposeAsync(),
    };
  } catch (thrown) {
    await stack.disposeAsync();
    throw thrown;
  }
}

const SEARCH = {
  definition: {
    name: "search",
    description: "Searches",
    inputSchema: {
      type: "object" as const,
      properties: { query: { type: "string" }, q: { type: "string" }, limit: { type: "number" } },
    },
  },
  call: (args: Record<string, unknown>) => ({
    content: [{ type: "text", text: JSON.stringify(args) }],
  }),
};

/** What the registry has; every name of a registry leads to it. */
async function fill(registry: LocalRegistry): Promise<void> {
  const base = await buildEightPlatforms();
  await registry.push("library/alpine", base, ["3.19", "3.20", "latest"]);
  await registry.push("library/nginx", base, ["1.26-alpine", "1.27-alpine", "1.27", "latest"]);
  await registry.push("ratelimitpreview/test", base, ["latest"]);
  for (const name of ["team/app", "app"]) await registry.push(name, base, ["1.0", "1.1", "latest"]);
  const said = (name: string, parameters: readonly string[]) => ({
    name,
    description: `The tool ${name}`,
    parameters,
    command: `echo ${name}`,
  });
  const memory = await buildShellServer([said("search_nodes", ["query"])]);
  await registry.push("mcp/memory", memory, ["latest"]);
  await registry.push("mcp/hello", await buildShellServer([said("hello", [])]), ["latest"]);
  await registry.push("mcp/postgres", await buildShellServer([said("query", ["sql"])]), ["latest"]);
  await registry.push("example/words", await buildShellServer([said("count", ["text"])]), ["1.2"]);
}

function sitesOf(registry: LocalRegistry, remote: RemoteServer): Readonly<Record<string, Site>> {
  const open: Site = (request, url) => forward(request, `http://${registry.host}`, url);
  const login: Site = (request, url) =>
    request.headers.get("authorization") === `Basic ${btoa("ci:not-a-real-one")}`
      ? open(request, url)
      : new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="ci"' } });
  return {
    "registry-1.docker.io": async (request, url) => {
      const response = await open(request, url);
      response.headers.set("ratelimit-limit", "100;w=21600");
      response.headers.set("ratelimit-remaining", "99;w=21600");
      return response;
    },
    "ghcr.io": open,
    "quay.io": open,
    "registry.example.com": login,
    "hub.docker.com": (_request, url) => hub(url),
    // The catalogue's own sources, for what does not read the config file of this world.
    "registry.modelcontextprotocol.io": () => Response.json({ servers: [OFFICIAL], metadata: {} }),
    "github.com": () => new Response(null, { status: 404 }),
    "mcpservers.org": () => new Response(null, { status: 404 }),
    "auth.example.com": (_request, url) => issuer(url),
    "example.com": (request, url) =>
      url.pathname === "/mcp"
        ? forward(request, remote.url.origin, url)
        : Response.json({ servers: [OFFICIAL] }),
  };
}

const OFFICIAL = {
  server: {
    name: "com.example/weather",
    description: "Tells the weather",
    version: "1.0.0",
    remotes: [{ type: "streamable-http", url: "https://example.com/mcp" }],
  },
};

/** Docker Hub's own answers, as short as they may be. */
function hub(url: URL): Response {
  if (url.pathname.startsWith("/api/search/")) {
    return Response.json({
      total: 1,
      results: [{ id: "postgres", name: "postgres", slug: "postgres", star_count: 1 }],
    });
  }
  if (url.pathname.startsWith("/v2/users/docker")) {
    return Response.json({ id: "1", username: "docker", full_name: "Docker", type: "User" });
  }
  return Response.json({ message: "object not found" }, { status: 404 });
}

/** An authorization server that signs nothing: only its keys are asked for here. */
function issuer(url: URL): Response {
  if (url.pathname.startsWith("/.well-known/")) {
    return Response.json({ issuer: url.origin, jwks_uri: `${url.origin}/keys` });
  }
  return Response.json({ keys: [] });
}

async function forward(request: Request, origin: string, url: URL): Promise<Response> {
  const headers = new Headers(request.headers);
  for (const name of ["host", "connection", "authorization"]) headers.delete(name);
  const { status, body, headers: answered } = await fetch(`${origin}${url.pathname}${url.search}`, {
    method: request.method,
    headers,
    body: request.method === "POST" ? await request.arrayBuffer() : null,
    redirect: "manual",
  });
  return new Response(body, { status, headers: answered });
}

/** Names of registries lead to the one that is there, for podman as well. */
function registriesConf(host: string): string {
  return ["docker.io", "ghcr.io"].map((prefix) =>
    `[[registry]]\nprefix = "${prefix}"\nlocation = "${host}"\ninsecure = true\n`
  ).join("\n");
}

/** Where clients keep their config files, as far as their own variables move them. */
function clientFolders(folder: string): Readonly<Record<string, string>> {
  return {
    CLAUDE_CONFIG_DIR: `${folder}/clients/claude`,
    CODEX_HOME: `${folder}/clients/codex`,
    GEMINI_CLI_HOME: `${folder}/clients/gemini`,
  };
}

function passedOn(): Record<string, string> {
  const names = ["HOME", "DENO_DIR", "XDG_RUNTIME_DIR", "TMPDIR"];
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** Deno's own modules come from where they come from for the tests. */
async function moduleAccess(
  env: Readonly<Record<string, string>>,
  path: string,
): Promise<Readonly<Record<string, string>>> {
  const npm = Deno.env.get("NPM_CONFIG_REGISTRY");
  const files = [Deno.env.get("DENO_CERT"), env["DENO_CERT"]].filter((file) => file !== undefined);
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  await Deno.writeTextFile(path, texts.join("\n"));
  const hosts = [
    "jsr.io",
    "registry.npmjs.org",
    ...npm === undefined ? [] : [new URL(npm).hostname],
  ];
  return {
    DENO_CERT: path,
    DENO_NO_UPDATE_CHECK: "1",
    NO_PROXY: [env["NO_PROXY"], ...hosts].join(","),
    ...npm === undefined ? {} : { NPM_CONFIG_REGISTRY: npm },
  };
}

async function importMap(): Promise<string> {
  const [, ...flags] = await denoArgs(["run"]);
  return flags.map((flag) => `'${flag}'`).join(" ");
}

/** Wharf as it is installed: with the permission set that a binary has. */
async function wharfProgram(): Promise<string> {
  const config = `--config ${ROOT}deno.json`;
  const run = `run -q --no-prompt ${config} -P=full ${await importMap()}`;
  return `#!/bin/sh\nexec ${Deno.execPath()} ${run} ${ROOT}main.ts "$@"\n`;
}

/** Deno as in a checkout, whatever folder it is started in. */
function denoProgram(map: string): string {
  return [
    "#!/bin/bash",
    'case " $* " in',
    `  " task "*) cd ${ROOT};;`,
    `  *" main.ts "*) shift; exec ${Deno.execPath()} run -q --no-prompt ${map} ` +
    `--config ${ROOT}deno.json "\${@/#main.ts/${ROOT}main.ts}";;`,
    "esac",
    `exec ${Deno.execPath()} "$@"`,
    "",
  ].join("\n");
}

/** Waits until a process listens, or has ended. */
const READY = `#!/bin/bash
for turn in $(seq 600); do
  if (: </dev/tcp/127.0.0.1/$1) 2>/dev/null; then exit 0; fi
  kill -0 $2 2>/dev/null || { echo "it ended before it listened"; exit 1; }
  sleep 0.05
done
echo "it does not listen"
exit 1
`;

/** What goes on until it is told to end. */
const SERVES = /^(?:[A-Z_]+=\S+ )*(?:wharf serve .*--transport http|deno task start)\b/;

async function runScript(
  commands: readonly string[],
  { env, cwd, port }: {
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly port: number;
  },
): Promise<ScriptResult> {
  const lines = commands.flatMap((command) => [
    ...(SERVES.test(command)
      ? [`${command} </dev/null & server=$!`, `ready ${port} $server`]
      : [`${command} </dev/null`]),
    "echo .",
  ]);
  const script = [
    "set -eu",
    // Standard output is for the count alone.
    "exec 3>&1 1>&2",
    'server=""',
    "trap '[ -z \"$server\" ] || { kill $server; wait $server || true; }' EXIT",
    ...lines.map((line) => line === "echo ." ? "echo . >&3" : line),
  ].join("\n");
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script],
    cwd,
    env,
    clearEnv: true,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    ended: decoder.decode(stdout).split("\n").filter((line) => line === ".").length,
    output: decoder.decode(stderr),
  };
}

async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

/** Layers may belong to users that only podman can remove. */
async function removeImages(env: Readonly<Record<string, string>>): Promise<void> {
  await new Deno.Command("podman", { args: ["rmi", "--all", "--force"], env, clearEnv: true })
    .output();
}

/** A port that was free just now. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
