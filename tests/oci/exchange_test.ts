/**
 * The way to a registry: its scheme, its redirects, and the addresses that they may lead to.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { RegistryRequest } from "../../lib/oci/exchange.ts";
import { connectionLost, json, play, refusal, type Scene } from "./scripted_registry.ts";

const ASK: RegistryRequest = {
  registry: "registry.test",
  repository: "app",
  scope: "",
  path: "/v2/app/x",
  action: 'read "registry.test/app:1"',
  maxBytes: 1024,
};

const to = (location: string, status = 307) => () =>
  new Response(null, { status, headers: { location } });

function rejects(sent: Promise<unknown>, code: string, words: RegExp): Promise<void> {
  return assert.rejects(sent, (thrown) => {
    assert.ok(thrown instanceof AppError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, words);
    return true;
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`exchange() follows status ${status}, and a HEAD stays a HEAD`, () =>
    play(async (scene) => {
      scene.host("registry").on("HEAD /v2/app/x", to("https://mirror.test/y?sig=s", status));
      scene.host("mirror").on("HEAD /y", () => new Response(null, { headers: { "x-a": "b" } }));
      const answer = await scene.transport().send(
        { ...ASK, method: "HEAD", headers: { accept: "a/b" } },
        scene.operation(),
      );
      assert.equal(answer.headers.get("x-a"), "b");
      assert.equal(answer.url.href, "https://registry.test/v2/app/x");
      assert.equal(scene.host("mirror").requests[0]?.headers.get("accept"), "a/b");
    }));
}

Deno.test("exchange() takes status 304 and a redirect without Location as answers", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", () => new Response(null, { status: 304 }))
      .on("GET /v2/app/y", () => new Response("where?", { status: 302 }));
    const transport = scene.transport();
    const answer = await transport.send({ ...ASK, accept: [304] }, scene.operation());
    assert.equal(answer.status, 304);
    await rejects(
      transport.send({ ...ASK, path: "/v2/app/y" }, scene.operation()),
      "BAD_RESPONSE",
      /status 302 \("where\?"\)/,
    );
  }));

Deno.test("exchange() follows five redirects and no more", () =>
  play(async (scene) => {
    const registry = scene.host("registry").on("GET /v2/app/x", to("/1"));
    for (let hop = 1; hop <= 5; hop++) registry.on(`GET /${hop}`, to(`/${hop + 1}`));
    await rejects(
      scene.transport().send(ASK, scene.operation()),
      "BAD_RESPONSE",
      /the redirect of "registry\.test" is one of more than 5 in a row$/,
    );
    assert.equal(registry.requests.length, 6);
    registry.on("GET /5", () => json({}));
    await scene.transport().send(ASK, scene.operation());
  }));

Deno.test("exchange() refuses a redirect from https to http", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", to("http://registry.test/y?sig=SECRET"));
    await rejects(
      scene.transport().send(ASK, scene.operation()),
      "ADDRESS_REFUSED",
      /^Cannot read "registry\.test\/app:1": the redirect of "registry\.test" leads from https to http$/,
    );
  }));

for (const location of ["file:///etc/passwd", "data:text/plain,x", "https://", "javascript:1"]) {
  Deno.test(`exchange() refuses a redirect to ${location}`, () =>
    play(async (scene) => {
      scene.host("registry").on("GET /v2/app/x", to(location));
      await rejects(
        scene.transport().send(ASK, scene.operation()),
        "BAD_RESPONSE",
        /leads to no web address$/,
      );
    }));
}

for (const location of ["https://127.0.0.1/", "https://192.168.1.1/", "https://[fd00::1]/"]) {
  Deno.test(`exchange() refuses a redirect of a public registry to ${location}`, () =>
    play(async (scene) => {
      scene.host("registry").on("GET /v2/app/x", to(location));
      await rejects(scene.transport().send(ASK, scene.operation()), "ADDRESS_REFUSED", /refused$/);
    }));
}

Deno.test("exchange() refuses a name that stands for an inside address, behind a public host", () =>
  play(async (scene) => {
    scene.host("registry").on("GET /v2/app/x", to("https://hop.test/"));
    scene.host("hop").on("GET /", to("https://intranet.test/"));
    scene.host("intranet", "private");
    await rejects(scene.transport().send(ASK, scene.operation()), "ADDRESS_REFUSED", /refused$/);
    assert.equal(scene.host("intranet", "private").requests.length, 0);
  }));

Deno.test("exchange() follows a private registry to its private storage", () =>
  play(async (scene) => {
    scene.host("https://registry.corp", "private").on("GET /v2/app/x", to("https://s3.corp/b"));
    scene.host("https://s3.corp", "private").on("GET /b", () => json({}));
    await scene.transport().send({ ...ASK, registry: "registry.corp" }, scene.operation());
  }));

Deno.test("exchange() refuses the way from a private registry over a public host back inside", () =>
  play(async (scene) => {
    scene.host("https://registry.corp", "private").on("GET /v2/app/x", to("https://hop.test/"));
    scene.host("hop").on("GET /", to("https://s3.corp/b"));
    scene.host("https://s3.corp", "private");
    await rejects(
      scene.transport().send({ ...ASK, registry: "registry.corp" }, scene.operation()),
      "ADDRESS_REFUSED",
      /refused$/,
    );
  }));

Deno.test("exchange() never goes to the metadata address, not even for a private registry", () =>
  play(async (scene) => {
    const location = "https://169.254.169.254/latest/meta-data";
    scene.host("https://registry.corp", "private").on("GET /v2/app/x", to(location));
    await rejects(
      scene.transport().send({ ...ASK, registry: "registry.corp" }, scene.operation()),
      "ADDRESS_REFUSED",
      /refused$/,
    );
  }));

Deno.test("exchange() dials Docker Hub where its registry is", () =>
  play(async (scene) => {
    scene.host("https://registry-1.docker.io").on("GET /v2/app/x", () => json({}));
    await scene.transport().send({ ...ASK, registry: "docker.io" }, scene.operation());
  }));

const PLAIN = ["localhost:5000", "app.localhost", "127.0.0.1:5000", "[::1]:5000", "127.8.8.8"];
for (const registry of PLAIN) {
  Deno.test(`exchange() speaks plain http to ${registry}`, () =>
    play(async (scene) => {
      scene.host(`http://${registry}`, "loopback").on("GET /v2/app/x", () => json({}));
      await scene.transport().send({ ...ASK, registry }, scene.operation());
    }));
}

const SECURE = ["registry.test", "localhost.evil.test", "127.0.0.1.evil.test", "192.168.0.9:5000"];
for (const registry of SECURE) {
  Deno.test(`exchange() speaks only https to ${registry}`, () =>
    play(async (scene) => {
      scene.host(`https://${registry}`).on("GET /v2/app/x", connectionLost);
      scene.host(`http://${registry}`);
      await rejects(
        scene.transport().send({ ...ASK, registry }, scene.operation()),
        "UNREACHABLE",
        /broke off/,
      );
      assert.equal(scene.host(`http://${registry}`).requests.length, 0);
    }));
}

for (const named of ["192.168.0.9:5000", "192.168.0.9"]) {
  Deno.test(`exchange() speaks plain http where the operator names ${named}`, () =>
    play(async (scene) => {
      scene.host("http://192.168.0.9:5000").on("GET /v2/app/x", () => json({}));
      const transport = scene.transport({ insecureRegistries: new Set([named]) });
      await transport.send({ ...ASK, registry: "192.168.0.9:5000" }, scene.operation());
    }));
}

/** A loopback registry that speaks TLS; what plain http gets is up to the test. */
function tlsRegistry(scene: Scene): { plain: ReturnType<Scene["host"]>; registry: string } {
  scene.host("https://localhost:5000", "loopback").on("GET /v2/app/x", () => json({}));
  return { plain: scene.host("http://localhost:5000", "loopback"), registry: "localhost:5000" };
}

Deno.test("exchange() goes over to https when told so, or dropped, and remembers it", async () => {
  const says = [
    () => new Response("Client sent an HTTP request to an HTTPS server.\n", { status: 400 }),
    () =>
      new Response("<h1>400 The plain HTTP request was sent to HTTPS port</h1>", { status: 400 }),
    connectionLost,
  ];
  for (const handler of says) {
    await play(async (scene) => {
      const { plain, registry } = tlsRegistry(scene);
      plain.on("GET /v2/app/x", handler);
      const transport = scene.transport();
      await transport.send({ ...ASK, registry }, scene.operation());
      await transport.send({ ...ASK, registry }, scene.operation());
      assert.equal(plain.requests.length, 1);
    });
  }
});

Deno.test("exchange() tries https where a plain HEAD is refused without words", () =>
  play(async (scene) => {
    const { plain, registry } = tlsRegistry(scene);
    plain.on("HEAD /v2/app/x", () => new Response(null, { status: 400 }));
    scene.host("https://localhost:5000").on("HEAD /v2/app/x", () => new Response(null));
    const transport = scene.transport();
    const ask = { ...ASK, registry, method: "HEAD" } as const;
    await transport.send(ask, scene.operation());
    await transport.send(ask, scene.operation());
    assert.equal(plain.requests.length, 1);
  }));

Deno.test("exchange() takes the refusal of a plain HEAD where nothing speaks TLS", () =>
  play(async (scene) => {
    scene.host("http://localhost:5000", "loopback").on(
      "HEAD /v2/app/x",
      () => new Response(null, { status: 400 }),
    );
    scene.host("https://localhost:5000", "loopback").on("HEAD /v2/app/x", () => {
      throw new AppError("UNREACHABLE", 'Cannot reach "localhost:5000": it does not speak TLS');
    });
    await rejects(
      scene.transport().send(
        { ...ASK, registry: "localhost:5000", method: "HEAD" },
        scene.operation(),
      ),
      "BAD_RESPONSE",
      /status 400$/,
    );
  }));

Deno.test("exchange() keeps the scheme that has answered when another call fails meanwhile", () =>
  play(async (scene) => {
    const { plain, registry } = tlsRegistry(scene);
    plain.on("GET /v2/app/x", connectionLost);
    let isFirst = true;
    scene.host("https://localhost:5000").on("GET /v2/app/x", async () => {
      if (!isFirst) return json({});
      isFirst = false;
      // Fails after the other call has succeeded.
      await new Promise((resolve) => setTimeout(resolve, 0));
      return connectionLost();
    });
    const transport = scene.transport();
    const ask = () => transport.send({ ...ASK, registry }, scene.operation());
    await Promise.all([ask(), ask()]);
    await ask();
    assert.equal(plain.requests.length, 2);
  }));

Deno.test("exchange() shows the plain attempt's error when https is not there either", () =>
  play(async (scene) => {
    scene.host("http://localhost:5000", "loopback").on("GET /v2/app/x", () => {
      throw new AppError(
        "UNREACHABLE",
        'Cannot reach "localhost:5000": the connection was refused',
      );
    });
    scene.host("https://localhost:5000", "loopback").on("GET /v2/app/x", () => {
      throw new AppError("UNREACHABLE", 'Cannot reach "localhost:5000": it does not speak TLS');
    });
    await rejects(
      scene.transport().send({ ...ASK, registry: "localhost:5000" }, scene.operation()),
      "UNREACHABLE",
      /the connection was refused$/,
    );
  }));

Deno.test("exchange() shows what is wrong with the certificate of a registry on loopback", () =>
  play(async (scene) => {
    const { plain, registry } = tlsRegistry(scene);
    plain.on("GET /v2/app/x", connectionLost);
    scene.host("https://localhost:5000").on("GET /v2/app/x", () => {
      throw new AppError("UNREACHABLE", "Cannot reach it: its certificate has expired", {
        details: { speaks_tls: true },
      });
    });
    await rejects(
      scene.transport().send({ ...ASK, registry }, scene.operation()),
      "UNREACHABLE",
      /certificate has expired$/,
    );
  }));

Deno.test("exchange() takes any other 400 over http as the registry's answer, with its words", () =>
  play(async (scene) => {
    scene.host("http://localhost:5000", "loopback").on(
      "GET /v2/app/x",
      () => refusal(400, "NAME_INVALID", { message: "bad name" }),
    );
    await rejects(
      scene.transport().send({ ...ASK, registry: "localhost:5000" }, scene.operation()),
      "INVALID_ARGUMENT",
      /status 400 \("bad name"\)/,
    );
  }));

Deno.test("exchange() does not try https when the plain attempt was refused by policy or cancelled", () =>
  play(async (scene) => {
    const controller = new AbortController();
    scene.host("http://localhost:5000", "loopback").on("GET /v2/app/x", () => {
      controller.abort();
      throw new AppError("CANCELLED", "Cannot finish: the call was cancelled");
    });
    scene.host("https://localhost:5000", "loopback");
    await rejects(
      scene.transport().send(
        { ...ASK, registry: "localhost:5000" },
        scene.operation(60_000, controller.signal),
      ),
      "CANCELLED",
      /cancelled/,
    );
    assert.equal(scene.host("https://localhost:5000").requests.length, 0);
  }));
