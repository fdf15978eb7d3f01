/** Tests of `wharf health`. @module */

import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { checkHealth, healthUrl } from "../../lib/cli/health.ts";
import { AppError } from "../../lib/core/errors.ts";
import { boundedResponse } from "../../lib/core/http.ts";

/** Asks a server that answers with a status. */
async function ask(url: string, status: number): Promise<{ code: number; out: string[] }> {
  const out: string[] = [];
  const code = await checkHealth(new URL(url), {
    net: {
      fetch: (request) => {
        assert.equal(request.url.href, url);
        assert.equal(request.timeoutMs, 5000);
        return Promise.resolve(boundedResponse(new Response("OK\n", { status })));
      },
    },
    terminal: {
      out: (line) => void out.push(line),
      err: () => assert.fail(),
      status: undefined,
      columns: undefined,
    },
    signal: new AbortController().signal,
  });
  return { code, out };
}

Deno.test("health is a command with a port and an address", () => {
  const { kind, flags } = parseArguments(["health", "--port", "8081"]);
  assert.equal(kind, "health");
  assert.deepEqual(flags, { port: "8081" });
  assert.throws(() => parseArguments(["health", "alpine"]), { code: "INVALID_ARGUMENT" });
});

Deno.test("healthUrl() asks this machine, or where it is told to", () => {
  assert.equal(healthUrl(undefined, 8081).href, "http://127.0.0.1:8081/healthz");
  assert.equal(healthUrl("https://wharf.example/readyz", 1).href, "https://wharf.example/readyz");
});

Deno.test("healthUrl() refuses what is no address of HTTP", () => {
  for (const url of ["", "wharf.example", "file:///etc/passwd", "http://me:secret@wharf.example"]) {
    assert.throws(() => healthUrl(url, 1), { code: "INVALID_ARGUMENT" }, url);
  }
});

Deno.test("checkHealth() ends well where the server answers with 200", async () => {
  assert.deepEqual(await ask("http://127.0.0.1:8080/healthz", 200), {
    code: 0,
    out: ["http://127.0.0.1:8080/healthz: well"],
  });
});

Deno.test("checkHealth() fails with what the server answers", async () => {
  await assert.rejects(ask("http://127.0.0.1:8080/readyz", 503), {
    code: "UNREACHABLE",
    message: 'Cannot use "http://127.0.0.1:8080/readyz": it answers 503',
  });
});

Deno.test("checkHealth() says how to start a server that does not run on this machine", async () => {
  const refuse = (url: string) =>
    checkHealth(new URL(url), {
      net: {
        fetch: () =>
          Promise.reject(
            new AppError("UNREACHABLE", 'Cannot reach "x": the connection was refused', {
              hint: "Check that the host is up",
            }),
          ),
      },
      terminal: {
        out: () => assert.fail(),
        err: () => assert.fail(),
        status: undefined,
        columns: undefined,
      },
      signal: new AbortController().signal,
    });
  await assert.rejects(refuse("http://127.0.0.1:8080/healthz"), {
    code: "UNREACHABLE",
    hint: "Start it with wharf serve --transport http, or name its port with --port",
  });
  await assert.rejects(refuse("https://wharf.example/healthz"), {
    hint: "Check that the host is up",
  });
});
