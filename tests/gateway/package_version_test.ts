import assert from "node:assert/strict";
import { AppError, type ErrorCode } from "../../lib/core/errors.ts";
import { boundedResponse, type HttpRequest, type Net } from "../../lib/core/http.ts";
import { newestVersion } from "../../lib/gateway/package_version.ts";

const INTEGRITY = `sha512-${"A".repeat(86)}==`;
const SHA = "a".repeat(64);

/** A network with one page. */
function site(url: string, answer: () => Response): { net: Net; asked: HttpRequest[] } {
  const asked: HttpRequest[] = [];
  return {
    asked,
    net: {
      fetch(request) {
        asked.push(request);
        assert.equal(request.url.href, url);
        return Promise.resolve(boundedResponse(answer()));
      },
    },
  };
}

function npm(answer: unknown): Promise<unknown> {
  const { net } = site("https://registry.npmjs.org/a/latest", () => Response.json(answer));
  return newestVersion({ type: "npm", identifier: "a" }, { net });
}

function pypi(answer: unknown): Promise<unknown> {
  const { net } = site("https://pypi.org/pypi/a/json", () => Response.json(answer));
  return newestVersion({ type: "pypi", identifier: "a[cli]", version: ">=1" }, { net });
}

Deno.test("newestVersion() asks npm for the version behind latest", async () => {
  const { net, asked } = site(
    "https://registry.npmjs.org/@scope%2fserver/latest",
    () => Response.json({ version: "1.2.3", dist: { integrity: INTEGRITY, tarball: "x" } }),
  );
  const { signal } = new AbortController();
  const found = await newestVersion(
    { type: "npm", identifier: "@scope/server" },
    { net },
    { signal, timeoutMs: 7 },
  );
  assert.deepEqual(found, { version: "1.2.3", integrity: INTEGRITY });
  assert.equal(asked[0]?.timeoutMs, 7);
  assert.equal(asked[0]?.signal, signal);
});

Deno.test("newestVersion() keeps what a registry says against a version", async () => {
  assert.deepEqual(
    await npm({ version: "1.0.0", deprecated: "use\u202e b\ninstead", dist: { integrity: "md5" } }),
    { version: "1.0.0", deprecated: "use b instead" },
  );
  assert.deepEqual(await npm({ version: "1.0.0", deprecated: "", dist: 7 }), { version: "1.0.0" });
  assert.deepEqual(await pypi({ info: { version: "2.0", yanked: true, yanked_reason: null } }), {
    version: "2.0",
    deprecated: "its makers took it back",
  });
});

Deno.test("newestVersion() asks PyPI for the newest release and the hash of its wheel", async () => {
  const files = [
    { packagetype: "sdist", digests: { sha256: "b".repeat(64) } },
    { packagetype: "bdist_wheel", digests: { sha256: SHA } },
  ];
  const info = { version: "2025.1.2", yanked: false };
  assert.deepEqual(await pypi({ info, urls: files }), {
    version: "2025.1.2",
    integrity: `sha256:${SHA}`,
  });
  assert.deepEqual(await pypi({ info, urls: files.slice(0, 1) }), {
    version: "2025.1.2",
    integrity: `sha256:${"b".repeat(64)}`,
  });
  assert.deepEqual(await pypi({ info, urls: "none" }), { version: "2025.1.2" });
  const odd = [{ packagetype: "sdist", digests: { sha256: "short" } }];
  assert.deepEqual(await pypi({ info, urls: odd }), { version: "2025.1.2" });
});

Deno.test("newestVersion() takes no version that is none", async () => {
  const bad = /^Cannot resolve the version of "(npm|pypi):a": \S+ names none$/;
  for (
    const answer of [{}, [], null, { version: 1 }, { version: "latest" }, { version: "1.0.0 -y" }]
  ) {
    await assert.rejects(npm(answer), { code: "BAD_RESPONSE", message: bad });
  }
  for (const answer of [{}, { info: {} }, { info: { version: ">=1" } }]) {
    await assert.rejects(pypi(answer), { code: "BAD_RESPONSE", message: bad });
  }
});

Deno.test("newestVersion() says why a registry gives none", async () => {
  const cases: [number, ErrorCode, RegExp][] = [
    [404, "NOT_FOUND", /: its registry has no such package$/],
    [429, "RATE_LIMITED", /: its registry answered with status 429$/],
    [503, "UNAVAILABLE", /status 503$/],
    [302, "UNAVAILABLE", /status 302$/],
  ];
  for (const [status, code, message] of cases) {
    const { net } = site(
      "https://registry.npmjs.org/a/latest",
      () => new Response("x", { status }),
    );
    await assert.rejects(
      newestVersion({ type: "npm", identifier: "a" }, { net }),
      (thrown) =>
        thrown instanceof AppError && thrown.code === code && message.test(thrown.message) &&
        thrown.status === status,
    );
  }
});

Deno.test("newestVersion() reads an answer within limits, and asks nothing for a bad name", async () => {
  const { net } = site(
    "https://registry.npmjs.org/a/latest",
    () => new Response("x".repeat(3 * 1024 * 1024)),
  );
  await assert.rejects(newestVersion({ type: "npm", identifier: "a" }, { net }), {
    code: "TOO_LARGE",
  });
  const silent: Net = { fetch: () => assert.fail("asked") };
  await assert.rejects(newestVersion({ type: "npm", identifier: "../a" }, { net: silent }), {
    code: "INVALID_ARGUMENT",
  });
});
