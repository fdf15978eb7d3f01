/**
 * OpenTelemetry by Deno's own means: what a collector gets of a Wharf that was started with
 * `OTEL_DENO=true`. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "../sdk.ts";
import { startWharf } from "./wharf.ts";

/** A collector of OTLP over HTTP. */
function startCollector() {
  const received: { readonly path: string; readonly body: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    received.push({ path: new URL(request.url).pathname, body: await request.text() });
    return Response.json({});
  });
  return {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    received,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a collector gets spans of the requests, without a line of Wharf's own for it", async () => {
  await using collector = startCollector();
  await using server = await startWharf(["--toolsets", "oci"], {
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_SERVICE_NAME: "wharf-of-tests",
    },
    // The exporter is Deno's, and asks for no permission of Wharf's.
    permissions: ["--allow-net=127.0.0.1:0", "--allow-env"],
  });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(server.mcp));
  await client.callTool({ name: "ping", arguments: {} });
  await client.close();
  // What is left is sent at the end.
  assert.equal(await server.stop("SIGTERM"), 0);
  const spans = collector.received.filter(({ path }) => path === "/v1/traces")
    .map(({ body }) => body.replaceAll(/\s+/g, "")).join("\n");
  assert.ok(spans.includes('"wharf-of-tests"'));
  assert.ok(spans.includes('"key":"http.request.method","value":{"stringValue":"POST"}'));
  assert.ok(spans.includes('"key":"url.path","value":{"stringValue":"/mcp"}'));
  assert.ok(spans.includes('"key":"http.response.status_code","value":{"stringValue":"200"}'));
});
