/**
 * The Containerfile, built and run by podman as far as that is possible where no base can be
 * fetched: on a stand-in base with Deno and its libraries, and with a launcher of the bundle in
 * place of the binary. Needs podman, runc and a static busybox, and all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import server from "../../server.json" with { type: "json" };
import { ENTRY } from "../../tools/release.ts";
import { type Bundled, makeBundled } from "./bundled.ts";
import { startContainers, type TestEngine } from "./containers.ts";
import { integrationTest } from "./needs.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const USER = "65532:65532";
/** As an operator would: no right, no network but its own, nothing to write but the volume. */
const NARROW = ["--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"];

/** What distroless has for Wharf (a C library, a user), with Deno and what starts the bundle. */
async function buildBase(engine: TestEngine, bundled: Bundled): Promise<string> {
  const context = `${engine.folder}/base`;
  const put = async (from: string, to: string) => {
    const path = `${context}/root${to}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(await Deno.realPath(from), path);
  };
  const deno = Deno.execPath();
  await put(deno, "/deno");
  const busybox = (await which("busybox")) ?? assert.fail("busybox is not there");
  await put(busybox, "/busybox");
  for (const library of await libraries(deno)) await put(library, library);
  for await (const { name } of Deno.readDir(bundled.folder)) {
    await put(`${bundled.folder}/${name}`, `/bundle/${name}`);
  }
  await Deno.mkdir(`${context}/root/home/nonroot`, { recursive: true });
  await Deno.mkdir(`${context}/root/etc`, { recursive: true });
  await Deno.writeTextFile(
    `${context}/root/etc/passwd`,
    "root:x:0:0:root:/root:/none\nnonroot:x:65532:65532:nonroot:/home/nonroot:/none\n",
  );
  await Deno.writeTextFile(
    `${context}/Containerfile`,
    [
      "FROM scratch",
      "COPY root/ /",
      `COPY --chown=${USER} root/home/nonroot /home/nonroot`,
      "",
    ].join("\n"),
  );
  const name = `localhost/wharf-test-base-${crypto.randomUUID()}`;
  await engine.podman(["build", "-q", "-t", name, context]);
  return name;
}

/** The libraries that a program loads, as its loader names them. */
async function libraries(program: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("ldd", { args: [program] }).output();
  const text = new TextDecoder().decode(stdout);
  return [...text.matchAll(/(\/\S+\.so\S*) \(0x/g)].map((match) => match[1] ?? "");
}

async function which(command: string): Promise<string | undefined> {
  for (const directory of ["/bin", "/usr/bin"]) {
    const path = `${directory}/${command}`;
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  return undefined;
}

/** Stands for the binary: the same bundle with the same permissions. */
function launcher(bundled: Bundled): string {
  const { args } = bundled.program();
  const flags = args.slice(0, -1).map((flag) => `'${flag}'`).join(" ");
  return `#!/busybox sh\nDENO_DIR=/home/nonroot/.deno exec /deno ${flags} /bundle/${ENTRY} "$@"\n`;
}

interface Inspected {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly ExposedPorts: Readonly<Record<string, unknown>>;
  readonly Volumes: Readonly<Record<string, unknown>>;
  readonly Labels: Readonly<Record<string, string>>;
}

integrationTest(
  "the Containerfile makes an image that runs as nobody, on a read-only root, and says if it is well",
  { needs: ["podman", "runc", "busybox"] },
  async (t) => {
    await using bundled = await makeBundled();
    await using engine = await startContainers();
    const base = await buildBase(engine, bundled);
    const image = `localhost/wharf-test-${crypto.randomUUID()}`;
    const context = `${engine.folder}/context`;
    await Deno.mkdir(context);
    await Deno.writeTextFile(`${context}/wharf`, launcher(bundled));
    try {
      await engine.podman([
        ...["build", "-q", "--format", "docker", "-t", image, "-f", `${ROOT}Containerfile`],
        ...["--build-arg", `BASE=${base}`, "--build-arg", "BINARY=wharf"],
        ...["--build-arg", `VERSION=${config.version}`, context],
      ]);
      await t.step("it says who runs it and how it is asked", async () => {
        const [facts]: readonly {
          readonly Config: Inspected;
          readonly Healthcheck?: { readonly Test: readonly string[] };
        }[] = JSON.parse(
          await engine.podman(["inspect", image]),
        );
        assert.equal(facts?.Config.User, USER);
        assert.deepEqual(facts.Config.Entrypoint, ["/usr/local/bin/wharf"]);
        assert.deepEqual(facts.Healthcheck?.Test, ["CMD", "/usr/local/bin/wharf", "health"]);
        assert.deepEqual(Object.keys(facts.Config.ExposedPorts), ["8080/tcp"]);
        assert.deepEqual(Object.keys(facts.Config.Volumes), ["/home/nonroot"]);
        assert.equal(facts.Config.Labels["org.opencontainers.image.version"], config.version);
        // By this label the registry of MCP servers knows whose image it is.
        assert.equal(facts.Config.Labels["io.modelcontextprotocol.server.name"], server.name);
      });
      await t.step("it does not serve without a token", async () => {
        await assert.rejects(
          engine.podman(["run", "--rm", ...NARROW, "--network=none", image]),
          /anyone could use Wharf with your credentials/,
        );
      });
      await t.step("its own command says that it is well", async () => {
        const id = await engine.podman([
          ...["run", "-d", "--rm", ...NARROW, "--network=none"],
          ...["-e", "MCP_AUTH_TOKEN=a-secret-of-tests", "-e", "MCP_PORT=8123", image],
          ...["serve", "--transport", "http", "--host", "0.0.0.0", "--source", "none"],
        ]);
        try {
          await untilWell(engine, id);
          assert.match(await engine.podman(["healthcheck", "run", id]), /^(healthy)?$/);
          const asked = await engine.podman(["exec", id, "/usr/local/bin/wharf", "health"]);
          assert.equal(asked, "http://127.0.0.1:8123/healthz: well");
          const [user = ""] = (await engine.podman(["exec", id, "/busybox", "id"])).split(" ");
          assert.match(user, /^uid=65532/);
        } finally {
          await engine.podman(["stop", "--time=5", id]);
        }
      });
      await t.step("over stdio it lists its tools", async () => {
        const child = new Deno.Command("podman", {
          args: ["run", "-i", "--rm", ...NARROW, "--network=none", image, "serve"],
          env: engine.env,
          clearEnv: true,
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const writer = child.stdin.getWriter();
        await writer.write(new TextEncoder().encode(MESSAGES));
        await writer.close();
        const { code, stdout, stderr } = await child.output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
        assert.match(new TextDecoder().decode(stdout), /"name":"get_image_info"/);
      });
    } finally {
      await engine.podman(["rmi", "-f", image, base]);
    }
  },
);

const MESSAGES = [
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
  { id: 2, method: "tools/list" },
].map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join("");

/** Asks until the server answers, for half a minute at most. */
async function untilWell(engine: TestEngine, id: string): Promise<void> {
  let last: unknown;
  for (let turn = 0; turn < 60; turn++) {
    try {
      await engine.podman(["exec", id, "/usr/local/bin/wharf", "health"]);
      return;
    } catch (thrown) {
      last = thrown;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  throw last;
}
