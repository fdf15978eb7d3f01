/**
 * A server for a team under the flags that `wharf doctor` prints for it: issuer, certificate and the
 * file of calls are in them, and nothing beyond them is asked for. Needs all permissions.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ENV_NAMES } from "../../lib/host/env.ts";
import { audited, covers, ROOT, setOfFlags } from "./audit.ts";
import { startAuthorizationServer } from "./authorization_server.ts";
import { Authority, OPENSSL } from "./certificates.ts";
import { integrationTest } from "./needs.ts";
import { runWharf, startWharf } from "./wharf.ts";

const AUDIENCE = "urn:wharf:tests";

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  },
});

integrationTest(
  "the flags of wharf doctor are enough for OAuth, TLS and the file of calls, and no more",
  OPENSSL,
  async () => {
    await using issuer = await startAuthorizationServer({ audience: AUDIENCE });
    await using authority = await Authority.create();
    await authority.issue("IP:127.0.0.1");
    const { folder } = authority;
    const calls = `${folder}/calls.jsonl`;
    await Deno.writeTextFile(`${folder}/token`, "a-token-of-tests\n");
    const serving = [
      ...["--auth-token-file", `${folder}/token`, "--audit-log", calls],
      ...["--tls-cert", `${folder}/leaf.crt`, "--tls-key", `${folder}/leaf.key`],
      ...["--oauth-issuer", issuer.issuer, "--oauth-audience", AUDIENCE],
    ];
    const common = ["--toolsets", "oci", "--cache-dir", `${folder}/cache`];
    const ownEnv = { XDG_CONFIG_HOME: folder, DOCKER_CONFIG: folder };
    const { stdout, stderr, code } = await runWharf([
      ...["doctor", "--flags", "--registry", "localhost:5000", "--transport", "http"],
      ...["--port", "0", ...common, ...serving],
    ], { env: ownEnv });
    assert.deepEqual([code, stderr], [0, ""]);
    const flags = stdout.trim().split(" ");
    assert.ok(!flags.some((flag) => /^--allow-(?:net|read|write|run)$/.test(flag)), stdout);
    const checks = await audited(async (env) => {
      await using server = await startWharf([...common, ...serving], {
        permissions: flags,
        env: { ...ownEnv, ...env },
      });
      using client = Deno.createHttpClient({ caCerts: [authority.cert] });
      const post = async (token: string) => {
        const response = await fetch(server.mcp, {
          client,
          method: "POST",
          headers: {
            accept: "application/json, text/event-stream",
            "content-type": "application/json",
            authorization: `Bearer ${token}`,
          },
          body: INITIALIZE,
        });
        await response.text();
        return response.status;
      };
      assert.equal(await post("a-token-of-tests"), 200);
      assert.equal(await post(await issuer.token("read")), 200);
      assert.equal(await post("another-token"), 401);
      assert.equal(await server.stop("SIGTERM"), 0);
      assert.doesNotMatch(server.stderr(), /--allow-|permission|cannot/i);
    });
    const set = setOfFlags(flags);
    const beyond = checks.filter((check) =>
      !covers(set, check) && !check.value.startsWith(ROOT) &&
      // What is declared and not granted reads as unset, by --ignore-env.
      !(check.permission === "env" && ENV_NAMES.includes(check.value))
    );
    assert.deepEqual(beyond, []);
    assert.ok(checks.some(({ permission, value }) => permission === "write" && value === calls));
  },
);
