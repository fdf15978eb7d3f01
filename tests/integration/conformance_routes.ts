/**
 * The ways to the conformance server: asked directly, and through Wharf with the server behind it
 * as a process, in a container, and remote; each under an empty prefix. Needs all permissions, and
 * for the container podman and a real registry.
 *
 * @module
 */

import { denoArgs } from "../../tools/deno.ts";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { serveConformance } from "./conformance_server.ts";
import { startContainers, type TestEngine } from "./containers.ts";
import { startRegistry } from "./registry_harness.ts";
import { startWharf } from "./wharf.ts";

const SERVER = new URL("./conformance_server.ts", import.meta.url).pathname;

/** Where the server is, behind Wharf. */
export type Route = "process" | "container" | "remote";

/** A way that is open. */
export interface OpenRoute extends AsyncDisposable {
  /** What a client is to ask. */
  readonly mcp: URL;
  /** What Wharf wrote to standard error. */
  stderr(): string;
}

/** All of them. */
export const ROUTES: readonly Route[] = ["process", "container", "remote"];

/** A person has given these servers by hand, and trusts them. */
const POLICY = { unsandboxed: true, "ad_hoc": true };

/**
 * Starts the server and a Wharf that has activated it.
 *
 * @param route Where the server is.
 * @returns The way to it; disposing ends and removes all that was started.
 */
export async function openRoute(route: Route): Promise<OpenRoute> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "wharf-routes-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const env: Record<string, string> = {
    XDG_STATE_HOME: `${folder}/state`,
    MCP_REGISTRY_CACHE_DIR: `${folder}/cache`,
  };
  let target: Readonly<Record<string, unknown>>;
  switch (route) {
    case "process":
      target = {
        command: Deno.execPath(),
        args: [...RUN, await bundled(folder)],
      };
      break;
    case "container": {
      const registry = stack.use(await startRegistry());
      const containers = stack.use(await startContainers());
      env["CONTAINERS_CONF"] = containers.env["CONTAINERS_CONF"] ?? "";
      const image = `${registry.host}/team/conformance:1`;
      await pushServer(containers, { image, bundle: await bundled(folder) });
      stack.defer(() => forget(containers, image));
      target = { image };
      break;
    }
    case "remote":
      target = { url: stack.use(serveConformance(0)).url.href };
  }
  const config = `${folder}/config.json`;
  await Deno.writeTextFile(config, JSON.stringify({ policy: POLICY }));
  const wharf = stack.use(await startWharf(["--config", config], { env }));
  // Ends its servers as well, which a kill would not.
  stack.defer(async () => void await wharf.stop("SIGTERM"));
  await add(wharf.mcp, target);
  const open = stack.move();
  return {
    mcp: wharf.mcp,
    stderr: () => wharf.stderr(),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Flags with which the server runs with no permission and reaches for nothing. */
const RUN = ["run", "-q", "--no-prompt", "--no-config", "--no-lock", "--cached-only"];

async function add(mcp: URL, target: Readonly<Record<string, unknown>>): Promise<void> {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(mcp));
  try {
    const { isError, content } = await client.callTool(
      {
        name: "registry-add",
        arguments: { id: "conformance", prefix: "", confirm: true, ...target },
      },
      undefined,
      { timeout: 120_000 },
    );
    if (isError === true) throw new Error(JSON.stringify(content));
  } finally {
    await client.close();
  }
}

/** The server with all that it imports, in one file. */
async function bundled(folder: string): Promise<string> {
  const file = `${folder}/server.js`;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: await denoArgs(["bundle", "-q", "--output", file, SERVER]),
    env: { NO_COLOR: "1" },
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return file;
}

/** Makes an image of this Deno with the libraries that it is linked to, and the server. */
async function pushServer(
  containers: TestEngine,
  { image, bundle }: { readonly image: string; readonly bundle: string },
): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: containers.folder });
  await Deno.copyFile(Deno.execPath(), `${folder}/deno`);
  await Deno.copyFile(bundle, `${folder}/server.js`);
  const lines = [
    "FROM scratch",
    "COPY deno /bin/deno",
    "COPY server.js /server.js",
    "ENV DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1",
  ];
  for (const library of await librariesOf(Deno.execPath())) {
    const name = library.slice(library.lastIndexOf("/") + 1);
    await Deno.copyFile(library, `${folder}/${name}`);
    lines.push(`COPY ${name} ${library}`);
  }
  lines.push(`ENTRYPOINT ${JSON.stringify(["/bin/deno", ...RUN, "/server.js"])}`, "");
  await Deno.writeTextFile(`${folder}/Containerfile`, lines.join("\n"));
  await containers.podman(["build", "-q", "-t", image, folder]);
  await containers.podman([
    "push",
    "-q",
    "--tls-verify=false",
    image,
  ]);
  await containers.podman(["rmi", "-f", image]);
  await Deno.remove(folder, { recursive: true });
}

async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("ldd", { args: [program] }).output();
  return [...new TextDecoder().decode(stdout).matchAll(/(?:^\s*|=> )(\/\S+)/gm)]
    .map((match) => match[1] ?? "");
}

/** Removes what Wharf has pulled. */
async function forget(containers: TestEngine, image: string): Promise<void> {
  const [repository] = image.split(/:\d+$/);
  const listed = await containers.podman(["images", "--format={{.ID}} {{.Repository}}"]);
  for (const line of listed.split("\n")) {
    const [id = "", name] = line.split(" ");
    if (name === repository) await containers.podman(["rmi", "-f", id]);
  }
}
