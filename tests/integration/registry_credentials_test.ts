/**
 * Tests of passwords, certificates and where credentials must not go, against real registries and
 * a counting server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { inspectImage, parseReference, parseRepository } from "../../lib/oci/mod.ts";
import { buildEightPlatforms, buildImage } from "./images.ts";
import { integrationTest } from "./needs.ts";
import { openClient } from "./registry_client.ts";
import { startRegistry } from "./registry_harness.ts";
import { dockerUrl, skopeo } from "./skopeo.ts";

const USER = { name: "harbour", password: "pass:word with spaces, ünïcode" } as const;

/** Entry of an auth file, as `docker login` and `podman login` write it. */
function authEntry(user: { readonly name: string; readonly password: string }) {
  const bytes = new TextEncoder().encode(`${user.name}:${user.password}`);
  return { auth: bytes.toBase64() };
}

async function writeAuthFile(path: string, auths: Record<string, unknown>): Promise<string> {
  await Deno.writeTextFile(path, JSON.stringify({ auths }), { mode: 0o600 });
  return path;
}

/** A server that speaks enough of a registry to be asked, and counts what it is told. */
function countingServer(answer: (request: Request) => Response) {
  const authorizations: string[] = [];
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    requests.push(`${request.method} ${new URL(request.url).pathname}`);
    const header = request.headers.get("authorization");
    if (header !== null) authorizations.push(header);
    return answer(request);
  });
  return {
    host: `127.0.0.1:${server.addr.port}`,
    authorizations,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

integrationTest(
  "RegistryClient reads with the password of an auth file, as skopeo does",
  { needs: ["docker-registry", "htpasswd", "skopeo"] },
  async () => {
    await using registry = await startRegistry({ user: USER });
    const built = await buildEightPlatforms();
    await registry.push("team/app", built, ["1.0"]);
    const authFile = await writeAuthFile(`${registry.directory}/auth.json`, {
      [registry.host]: authEntry(USER),
    });
    await using opened = openClient({ REGISTRY_AUTH_FILE: authFile });
    const reference = parseReference(`${registry.host}/team/app:1.0`);
    const { document } = await opened.client.manifest(reference);
    assert.deepEqual(
      document.bytes,
      await skopeo([
        ...["inspect", "--raw", "--tls-verify=false", "--authfile", authFile],
        dockerUrl(registry, "team/app:1.0"),
      ]),
    );
    const ping = await opened.client.ping(registry.host);
    assert.deepEqual([ping.authentication, ping.authenticated], ["basic", true]);
    const info = await inspectImage(opened.client, reference);
    const { tags } = await opened.client.tags(parseRepository(`${registry.host}/team/app`));
    const shown = JSON.stringify([info, tags, ping, opened.log.records]);
    assert.ok(!shown.includes(USER.password) && !shown.includes(authEntry(USER).auth));
  },
);

integrationTest(
  "RegistryClient says UNAUTHORIZED without a password and with a wrong one, and shows neither",
  { needs: ["docker-registry", "htpasswd"] },
  async () => {
    await using registry = await startRegistry({ user: USER });
    const image = await buildImage({ os: "linux", architecture: "amd64" });
    await registry.push("team/app", image, ["1.0"]);
    const wrong = { name: USER.name, password: "mistyped-secret" };
    const authFile = await writeAuthFile(`${registry.directory}/auth.json`, {
      [registry.host]: authEntry(wrong),
    });
    for (const env of [{}, { REGISTRY_AUTH_FILE: authFile }]) {
      await using opened = openClient(env);
      const asked = opened.client.manifest(parseReference(`${registry.host}/team/app:1.0`));
      await assert.rejects(asked, (error: unknown) => {
        assert.ok(error instanceof AppError);
        assert.equal(error.code, "UNAUTHORIZED");
        const shown = [error.message, error.hint, error.stack, String(error.cause)].join("\n") +
          JSON.stringify(opened.log.records);
        assert.ok(!shown.includes(wrong.password) && !shown.includes(authEntry(wrong).auth));
        return true;
      });
    }
  },
);

integrationTest(
  "RegistryClient trusts the CA in certs.d for its registry, and no registry without one",
  { needs: ["docker-registry", "openssl", "skopeo"] },
  async () => {
    await using registry = await startRegistry({ tls: true });
    const built = await buildEightPlatforms();
    await registry.push("team/app", built, ["1.0"]);
    const certs = `${registry.directory}/config/containers/certs.d/${registry.host}`;
    await Deno.mkdir(certs, { recursive: true });
    await Deno.writeTextFile(`${certs}/ca.crt`, registry.ca ?? "");
    const reference = parseReference(`${registry.host}/team/app:1.0`);
    {
      await using opened = openClient({ XDG_CONFIG_HOME: `${registry.directory}/config` });
      const { document } = await opened.client.manifest(reference);
      assert.deepEqual(
        document.bytes,
        await skopeo([
          ...["inspect", "--raw", "--cert-dir", certs],
          dockerUrl(registry, "team/app:1.0"),
        ]),
      );
    }
    await using opened = openClient();
    await assert.rejects(opened.client.manifest(reference), (error: unknown) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, "UNREACHABLE");
      assert.match(error.hint ?? "", /certs\.d/);
      return true;
    });
  },
);

integrationTest(
  "RegistryClient sends a registry's password to no other registry",
  { needs: ["docker-registry", "htpasswd"] },
  async () => {
    await using registry = await startRegistry({ user: USER });
    const image = await buildImage({ os: "linux", architecture: "amd64" });
    await registry.push("team/app", image, ["1.0"]);
    await using other = countingServer(() =>
      new Response(null, {
        status: 401,
        headers: { "www-authenticate": 'Basic realm="give me what you have"' },
      })
    );
    const authFile = await writeAuthFile(`${registry.directory}/auth.json`, {
      [registry.host]: authEntry(USER),
    });
    const env = {
      REGISTRY_AUTH_FILE: authFile,
      OCI_USERNAME: "operator",
      OCI_PASSWORD: "operators-secret",
    };
    await using opened = openClient(env);
    await opened.client.manifest(parseReference(`${registry.host}/team/app:1.0`));
    await assert.rejects(opened.client.manifest(parseReference(`${other.host}/team/app:1.0`)), {
      code: "UNAUTHORIZED",
    });
    assert.ok(other.requests.length > 0);
    assert.deepEqual(other.authorizations, []);
  },
);

integrationTest(
  "RegistryClient sends OCI_PASSWORD to the registries in OCI_REGISTRY only",
  { needs: ["docker-registry", "htpasswd"] },
  async () => {
    await using registry = await startRegistry({ user: USER });
    const image = await buildImage({ os: "linux", architecture: "amd64" });
    await registry.push("team/app", image, ["1.0"]);
    const variables = { OCI_USERNAME: USER.name, OCI_PASSWORD: USER.password };
    const reference = parseReference(`${registry.host}/team/app:1.0`);
    await using named = openClient({ ...variables, OCI_REGISTRY: registry.host });
    const { document } = await named.client.manifest(reference);
    assert.equal(document.digest, image.root.digest);
    await using unnamed = openClient(variables);
    const { requests } = await registry.watch(() =>
      assert.rejects(unnamed.client.manifest(reference), { code: "UNAUTHORIZED" })
    );
    // The first request without credentials is all that it is told.
    assert.deepEqual([...new Set(requests.map(({ status }) => status))], [401]);
  },
);

integrationTest(
  "RegistryClient follows a redirect of a blob to another host without the password",
  { needs: ["docker-registry", "htpasswd"] },
  async () => {
    await using registry = await startRegistry({ user: USER });
    const image = await buildImage({ os: "linux", architecture: "amd64" });
    await registry.push("team/app", image, ["1.0"]);
    const config = image.blobs[0];
    assert.ok(config !== undefined);
    await using storage = countingServer(() => new Response(config.bytes));
    // Stands before the real registry as a load balancer does, and leads blobs elsewhere.
    const seen: (string | null)[] = [];
    await using front = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        const { pathname } = new URL(request.url);
        const authorization = request.headers.get("authorization");
        if (!pathname.includes("/blobs/")) {
          return fetch(`${registry.url}${pathname}`, {
            method: request.method,
            headers: request.headers,
          });
        }
        seen.push(authorization);
        return new Response(null, {
          status: 307,
          headers: { location: `http://${storage.host}/store/object?sig=1` },
        });
      },
    );
    const host = `127.0.0.1:${front.addr.port}`;
    const authFile = await writeAuthFile(`${registry.directory}/auth.json`, {
      [host]: authEntry(USER),
    });
    await using opened = openClient({ REGISTRY_AUTH_FILE: authFile });
    const info = await inspectImage(opened.client, parseReference(`${host}/team/app:1.0`));
    assert.equal(info.platforms[0]?.created, "2026-01-02T03:04:05Z");
    assert.deepEqual(storage.requests, ["GET /store/object"]);
    assert.deepEqual(storage.authorizations, []);
    assert.deepEqual(seen.map((header) => header?.startsWith("Basic ")), [true]);
  },
);
