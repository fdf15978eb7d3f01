/**
 * What Wharf gives back at its start, of the permissions that it was given. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { runWharf, startWharf } from "./wharf.ts";

/** The permissions that the banner lists. */
async function granted(flags: readonly string[], permissions: readonly string[]): Promise<string> {
  await using server = await startWharf(flags, { permissions });
  const [, line = ""] = /^ *granted +(.*)$/m.exec(server.stderr()) ?? [];
  return line;
}

Deno.test("a server gives back the programs that its toolsets do not start", async () => {
  const permissions = ["--allow-net", "--allow-read", "--allow-env", "--allow-run=podman,git"];
  assert.match(await granted([], permissions), /run=podman,git/);
  assert.match(await granted(["--toolsets", "catalog"], permissions), /run=git/);
  assert.doesNotMatch(await granted(["--toolsets", "catalog"], permissions), /podman/);
  const images = await granted(["--toolsets", "oci,hub"], permissions);
  assert.doesNotMatch(images, /run|env/);
  assert.match(images, /net.*read/);
  const all = await granted(["--toolsets", "hub"], ["-A"]);
  assert.match(all, /net.*read/);
  assert.doesNotMatch(all, /write|env/);
});

Deno.test("a server that keeps nothing can write to the file of calls all the same", async () => {
  const folder = await Deno.makeTempDir({ prefix: "wharf-grants-" });
  try {
    const file = `${folder}/calls.jsonl`;
    await using server = await startWharf(["--toolsets", "hub", "--audit-log", file], {
      permissions: ["-A"],
    });
    const client = new Client({ name: "test", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(server.mcp));
    const invalid = { name: "get_hub_repository", arguments: { repository: "" } };
    await client.callTool(invalid);
    assert.match(await Deno.readTextFile(file), /"tool":"get_hub_repository"/);
    await client.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("doctor looks at the file of calls, and does not make it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "wharf-grants-" });
  try {
    const args = ["--audit-log", `${folder}/calls.jsonl`, "--transport", "http", "--flags"];
    const { code, stdout, stderr } = await runWharf(["doctor", "--toolsets", "oci", ...args]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /--allow-write=\S*\/calls\.jsonl/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the widest set starts Docker for whoever asks for it, and for nobody else", async () => {
  const folder = await Deno.makeTempDir({ prefix: "wharf-grants-" });
  try {
    const places = ["--cache-dir", `${folder}/cache`, "--state-dir", `${folder}/state`];
    const asked = await granted(["--engine", "docker", ...places], ["-P=full"]);
    assert.match(asked, /run=podman,docker,/);
    const usual = await granted(places, ["-P=full"]);
    assert.match(usual, /run=podman,/);
    assert.doesNotMatch(usual, /docker(?:,|$)/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the status tells a podman that is refused from one that has no use", async () => {
  const directory = await Deno.makeTempDir({ prefix: "wharf-grants-" });
  try {
    const state = ["--cache-dir", `${directory}/cache`, "--state-dir", `${directory}/state`];
    const permissions = [
      ...["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-run=git"],
    ];
    const status = await runWharf(["status", ...state], { permissions });
    assert.match(status.stdout, /grant --allow-run=podman/);
    const narrowed = await runWharf(["status", "--toolsets", "catalog", ...state], { permissions });
    assert.match(narrowed.stdout, /not used without the toolset gateway/);
    const docker = await runWharf(["status", "--engine", "docker", ...state], { permissions });
    assert.match(docker.stdout, /not used with --engine docker/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
