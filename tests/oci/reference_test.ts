/**
 * Tests of lib/oci/reference.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../lib/core/errors.ts";
import {
  apiHost,
  formatReference,
  isDockerHub,
  parseReference,
  parseRegistry,
  parseRepository,
} from "../../lib/oci/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const SHA256 = `sha256:${HEX}`;
const SHA512 = `sha512:${HEX}${HEX}`;

function refused(text: string, parse: (text: string) => unknown = parseReference): AppError {
  try {
    parse(text);
  } catch (thrown) {
    assert(thrown instanceof AppError, `${JSON.stringify(text)}: ${thrown}`);
    assert.equal(thrown.code, "INVALID_ARGUMENT");
    assert(thrown.hint !== undefined, `${thrown.message} has no next step`);
    return thrown;
  }
  assert.fail(`${JSON.stringify(text)} was taken`);
}

/** Each text, and the canonical form of what it means. */
function assertAll(cases: Readonly<Record<string, string>>): void {
  for (const [text, expected] of Object.entries(cases)) {
    assert.equal(formatReference(parseReference(text)), expected, text);
  }
}

Deno.test("parseReference() gives the parts", () => {
  assert.deepEqual(parseReference("alpine"), {
    registry: "docker.io",
    repository: "library/alpine",
    tag: "latest",
  });
  assert.deepEqual(parseReference(`ghcr.io/org/team/app:v1.2@${SHA256}`), {
    registry: "ghcr.io",
    repository: "org/team/app",
    tag: "v1.2",
    digest: SHA256,
  });
  assert.deepEqual(parseReference(`org/app@${SHA512}`), {
    registry: "docker.io",
    repository: "org/app",
    digest: SHA512,
  });
});

Deno.test("parseReference() knows Docker Hub under all its names", () => {
  const alpine = "docker.io/library/alpine:latest";
  assertAll({
    "alpine": alpine,
    "library/alpine": alpine,
    "docker.io/alpine": alpine,
    "docker.io/library/alpine": alpine,
    "Docker.IO/alpine": alpine,
    "index.docker.io/alpine": alpine,
    "index.docker.io/library/alpine": alpine,
    "registry-1.docker.io/library/alpine": alpine,
    "registry.hub.docker.com/library/alpine": alpine,
    "hub.docker.com/alpine": alpine,
    "docker://alpine": alpine,
    "DOCKER://docker.io/library/alpine": alpine,
    "https://docker.io/library/alpine": alpine,
    " \talpine\n": alpine,
    "grafana/grafana:11.2.0": "docker.io/grafana/grafana:11.2.0",
    "a/b/c": "docker.io/a/b/c:latest",
    [`alpine:3.20@${SHA256}`]: `docker.io/library/alpine:3.20@${SHA256}`,
  });
});

Deno.test("parseReference() takes the pages of Docker Hub", () => {
  const alpine = "docker.io/library/alpine:latest";
  assertAll({
    "https://hub.docker.com/_/alpine": alpine,
    "http://hub.docker.com/_/alpine/": alpine,
    "hub.docker.com/_/alpine": alpine,
    "www.hub.docker.com/_/alpine": alpine,
    "docker://hub.docker.com/_/alpine": alpine,
    "https://hub.docker.com/_/alpine/tags": alpine,
    "https://hub.docker.com/_/alpine/tags?name=": alpine,
    "https://hub.docker.com/_/alpine?tab=tags&page=1#top": alpine,
    "https://hub.docker.com/_/alpine/tags?page=1&name=3.20": "docker.io/library/alpine:3.20",
    "https://hub.docker.com/r/grafana/grafana": "docker.io/grafana/grafana:latest",
    "https://hub.docker.com/r/library/alpine/tags?name=edge": "docker.io/library/alpine:edge",
    "https://hub.docker.com/repository/docker/me/app/general": "docker.io/me/app:latest",
    "https://hub.docker.com/repository/docker/me/app/tags?tag=1": "docker.io/me/app:1",
    [`https://hub.docker.com/layers/library/alpine/3.20/images/${SHA256.replace(":", "-")}`]:
      "docker.io/library/alpine:3.20",
    "https://hub.docker.com/layers/grafana/grafana/main": "docker.io/grafana/grafana:main",
    "https://hub.docker.com/layers/grafana/grafana": "docker.io/grafana/grafana:latest",
  });
});

Deno.test("parseReference() takes the pages of GitHub packages", () => {
  assertAll({
    "https://github.com/orgs/Acme/packages/container/package/tool": "ghcr.io/acme/tool:latest",
    "https://github.com/orgs/acme/packages/container/package/repo%2Ftool":
      "ghcr.io/acme/repo/tool:latest",
    "https://github.com/orgs/acme/packages/container/repo%2ftool/1234?tag=v1.0":
      "ghcr.io/acme/repo/tool:v1.0",
    "https://github.com/orgs/acme/packages/container/package": "ghcr.io/acme/package:latest",
    "https://github.com/users/me/packages/container/tool/versions": "ghcr.io/me/tool:latest",
    "https://github.com/Acme/repo/pkgs/container/tool": "ghcr.io/acme/tool:latest",
    "https://github.com/acme/repo/pkgs/container/tool/1234?tag=V2": "ghcr.io/acme/tool:V2",
    "https://www.github.com/acme/repo/pkgs/container/tool?tag=": "ghcr.io/acme/tool:latest",
    "github.com/acme/repo/pkgs/container/repo%2Ftool": "ghcr.io/acme/repo/tool:latest",
  });
});

Deno.test("parseReference() takes the pages of Quay, API paths and plain addresses", () => {
  assertAll({
    "https://quay.io/repository/podman/stable": "quay.io/podman/stable:latest",
    "https://quay.io/repository/podman/stable?tab=tags&tag=v5": "quay.io/podman/stable:v5",
    "https://quay.io/repository/podman/stable/tag/v5": "quay.io/podman/stable:v5",
    [`https://quay.io/repository/podman/stable/manifest/${SHA256}`]:
      `quay.io/podman/stable@${SHA256}`,
    "quay.io/repository/podman/stable": "quay.io/podman/stable:latest",
    "https://quay.io/podman/stable:v5": "quay.io/podman/stable:v5",
    "quay.io/podman/stable": "quay.io/podman/stable:latest",
    "https://ghcr.io/acme/tool:v1": "ghcr.io/acme/tool:v1",
    "https://ghcr.io/acme/tool/": "ghcr.io/acme/tool:latest",
    "http://localhost:5000/tool?x=1": "localhost:5000/tool:latest",
    [`https://ghcr.io/acme/tool@${SHA256}`]: `ghcr.io/acme/tool@${SHA256}`,
    "https://ghcr.io/v2/acme/tool/manifests/v1": "ghcr.io/acme/tool:v1",
    [`https://ghcr.io/v2/acme/tool/manifests/${SHA256}`]: `ghcr.io/acme/tool@${SHA256}`,
    "https://registry-1.docker.io/v2/library/alpine/tags/list?n=5":
      "docker.io/library/alpine:latest",
    "https://registry.example/v2/tool": "registry.example/v2/tool:latest",
    "oci://registry.example/charts/web:1.0.0": "registry.example/charts/web:1.0.0",
  });
});

Deno.test("parseReference() tells a host from a repository", () => {
  assertAll({
    "localhost/app": "localhost/app:latest",
    "LOCALHOST/app": "localhost/app:latest",
    "localhost:5000/app": "localhost:5000/app:latest",
    "registry:5000/app:1": "registry:5000/app:1",
    "registry/app": "docker.io/registry/app:latest",
    "GHCR.io/org/app": "ghcr.io/org/app:latest",
    "Registry.Example:443/app": "registry.example:443/app:latest",
    "127.0.0.1:5000/app": "127.0.0.1:5000/app:latest",
    "[::1]:5000/a": "[::1]:5000/a:latest",
    "[::1]/a/b:tag": "[::1]/a/b:tag",
    "[2001:DB8:0:0:0:0:0:1]:5000/a:1": "[2001:db8::1]:5000/a:1",
    "app:5000": "docker.io/library/app:5000",
    "xn--bcher-kva.example/app": "xn--bcher-kva.example/app:latest",
  });
});

Deno.test("parseReference() keeps to the grammar of the distribution-spec", () => {
  const long = "a".repeat(247);
  assertAll({
    [long]: `docker.io/library/${long}:latest`,
    "a__b/c-d--e/f.g_h": "docker.io/a__b/c-d--e/f.g_h:latest",
    [`a/b:_${"x".repeat(127)}`]: `docker.io/a/b:_${"x".repeat(127)}`,
    "a/b:UPPER.lower-1_2": "docker.io/a/b:UPPER.lower-1_2",
  });
  const faults: readonly (readonly [string, RegExp])[] = [
    ["", /it is empty/],
    ["  ", /it is empty/],
    ["a".repeat(248), /longer than 255/],
    ["a".repeat(1025), /longer than 1024/],
    [`a/b:${"x".repeat(129)}`, /is not a tag/],
    ["a/b:", /is not a tag/],
    ["a/b:.x", /is not a tag/],
    ["a/b:-x", /is not a tag/],
    ["a/b:x:y", /is not a tag/],
    ["/a", /does not have the form/],
    ["a/", /does not have the form/],
    ["a//b", /does not have the form/],
    ["a/../b", /does not have the form/],
    ["a/./b", /does not have the form/],
    ["-a", /does not have the form/],
    ["a-", /does not have the form/],
    ["a._b", /does not have the form/],
    ["a___b", /does not have the form/],
    ["a%2Fb", /does not have the form/],
    ["a\\b", /does not have the form/],
    ["docker.io/", /names no repository/],
    ["ghcr.io/", /names no repository/],
    ["[::1]:5000", /does not have the form/],
    [`alpine@${SHA256}x`, /it has|other than hex/],
    ["alpine@", /not of the form algorithm:hex/],
    ["alpine@latest", /not of the form algorithm:hex/],
    [`alpine@sha256:${HEX.slice(1)}`, /it has 63 hex digits/],
    [`alpine@sha512:${HEX}`, /it has 64 hex digits/],
    [`alpine@md5:${HEX.slice(32)}`, /algorithm is not supported/],
  ];
  for (const [text, expected] of faults) assert.match(refused(text).message, expected, text);
});

Deno.test("parseReference() refuses hosts that are none or that the web reads as another", () => {
  for (
    const host of [
      "exa_mple.com",
      "-a.example",
      "a-.example",
      "a..example",
      "ghcr.io.",
      "127.1",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "1.2.3",
      "256.1.1.1",
      "[::1",
      "[::g]",
      "[1.2.3.4]",
      "[fe80::1%25eth0]",
      "xn--\u2028.example",
      "xn--a.example",
      `${"a".repeat(64)}.example`,
      `${"a.".repeat(127)}example`,
    ]
  ) {
    refused(`${host}/app`);
  }
  for (const port of ["", "0", "00", "080", "65536", "123456", "x", "-1", "80:80"]) {
    refused(`registry.example:${port}/app`);
  }
  assert.equal(parseReference("registry.example:65535/app").registry, "registry.example:65535");
});

Deno.test("parseReference() corrects what is nearly right", () => {
  const hints: readonly (readonly [string, string])[] = [
    ["Alpine", "Did you mean alpine?"],
    ["Grafana/Grafana:11.2.0-RC1", "Did you mean grafana/grafana:11.2.0-RC1?"],
    ["Grafana/grafana", "Did you mean grafana/grafana?"],
    ["GHCR.io/GHCR/App", "Did you mean ghcr.io/ghcr/app?"],
    [`ghcr.io/A/a@${SHA256}`, `Did you mean ghcr.io/a/a@${SHA256}?`],
    ["https://ghcr.io/Acme/Tool:V1", "Did you mean ghcr.io/acme/tool:V1?"],
    [`alpine:${SHA256}`, `Write …@${SHA256}`],
  ];
  for (const [text, hint] of hints) assert.equal(refused(text).hint, hint);
  assert.doesNotMatch(refused("A--/..").hint ?? "", /Did you mean/);
});

Deno.test("parseReference() refuses hidden and look-alike characters and shows them cleaned", () => {
  for (
    const text of [
      "al\u200Bpine",
      "alpine\u202E",
      "al\u0000pine",
      "al pine",
      "a\tb",
      "a\nb",
      "\u{E0041}a",
    ]
  ) {
    const { message } = refused(text);
    assert.match(message, /blanks or hidden characters/);
    assert(!/[\u200b\u202e]|\p{Cc}/u.test(message));
  }
  for (
    const text of ["аlpine", "ghcr．io/a", "https://ｈub.docker.com/_/a", "hub.doc\u212Aer.com/_/a"]
  ) {
    assert.match(refused(text).message, /outside of ASCII/);
  }
});

Deno.test("parseReference() refuses tricks in web addresses", () => {
  for (
    const text of [
      "https://hub.docker.com/r/a/../b/c",
      "https://hub.docker.com/r/a/%2e%2e/b/c",
      "https://hub.docker.com/r/a/%2E./b/c",
      "https://hub.docker.com/r/a%00/b",
      "https://hub.docker.com/r/a%3Atag/b",
      "https://hub.docker.com\\r\\a\\b",
      "https://github.com/orgs/a/packages/container/package/x%2F..%2F..%2Fy",
      "https://github.com/orgs/a/packages/container/package/x%252Fy",
      "https://registry.example/v2/a/../b/manifests/c",
      "https://ghcr.io/./a",
      "https://",
      "https:///a",
      "https://[::1/a",
      "https://registry.example",
      "https://__proto__/a",
      "__proto__/a",
      "https://constructor/",
      "ftp://registry.example/a",
      "docker://https://ghcr.io",
    ]
  ) {
    refused(text);
  }
  assert.equal(
    formatReference(parseReference("constructor/a")),
    "docker.io/constructor/a:latest",
  );
});

Deno.test("parseReference() says when a page is not about an image", () => {
  for (
    const text of [
      "https://hub.docker.com/",
      "https://hub.docker.com/u/grafana",
      "https://hub.docker.com/r/grafana",
      "https://hub.docker.com/search?q=alpine",
      "https://hub.docker.com/repository/docker/me",
      "https://github.com/acme/repo",
      "github.com/acme/repo",
      "https://github.com/acme/repo/pkgs/npm/tool",
      "https://github.com/acme/repo/pkgs/container",
      "https://github.com/orgs/acme/packages",
    ]
  ) {
    assert.match(refused(text).message, /the page is not about an image/, text);
  }
});

Deno.test("parseReference() never gives a password or a signature back", () => {
  const secret = "hunter2secret";
  for (
    const text of [
      `https://user:${secret}@ghcr.io/a`,
      `https://user:${secret}@ghcr.io`,
      `https://user:${secret}@ghcr.io:5000`,
      `https://${secret}@ghcr.io/a`,
      `docker://user:${secret}@ghcr.io/a:1`,
      `docker://user:${secret}@ghcr.io`,
      `user:${secret}@ghcr.io/a`,
      `user:${secret}@ghcr.io`,
      `user:${secret}@ghcr.io/a@${SHA256}`,
      `user:${secret}@x@ghcr.io/a`,
      `user:x@${secret}@ghcr.io`,
      `user:${secret}/x@ghcr.io/a`,
      `ftp://user:${secret}@ghcr.io/a`,
      `https://user:${secret}@ghcr.io/${"a".repeat(2000)}`,
      `https://user:${secret}@ghcr.io/\u200B`,
      `https://Registry.example/App?sig=${secret}`,
      `https://registry.example/UPPER//?sig=${secret}`,
    ]
  ) {
    for (const parse of [parseReference, parseRegistry]) {
      const { message, hint } = refused(text, parse);
      assert(!`${message} ${hint}`.includes(secret), text.slice(0, 60));
    }
  }
});

Deno.test("parseRepository() drops tag and digest", () => {
  const app = { registry: "ghcr.io", repository: "a/app" };
  assert.deepEqual(parseRepository("ghcr.io/a/app"), app);
  assert.deepEqual(parseRepository(`ghcr.io/a/app:1@${SHA256}`), app);
  assert.equal(formatReference(parseRepository("alpine:3")), "docker.io/library/alpine");
  refused("ghcr.io/a/app:", parseRepository);
});

Deno.test("parseRegistry() takes a host with or without scheme and API path", () => {
  const registries: Readonly<Record<string, string>> = {
    "docker.io": "docker.io",
    "https://index.docker.io/v1/": "docker.io",
    "registry-1.docker.io": "docker.io",
    "hub.docker.com": "docker.io",
    " GHCR.io ": "ghcr.io",
    "https://registry.example/v2/": "registry.example",
    "http://localhost:5000/": "localhost:5000",
    "docker://quay.io": "quay.io",
    "registry": "registry",
    "[0::1]:5000": "[::1]:5000",
  };
  for (const [text, registry] of Object.entries(registries)) {
    assert.equal(parseRegistry(text), registry);
  }
  for (const text of ["", "a b", "ghcr.io/org", "a:b", "https://", "[::1", "user@ghcr.io"]) {
    refused(text, parseRegistry);
  }
  const { message, hint } = refused("ghcr.io/org?token=x", parseRegistry);
  assert.equal(message, 'Cannot use registry "ghcr.io/org?…": it is more than a host');
  assert.equal(hint, "Write the host alone, for example ghcr.io or localhost:5000");
});

Deno.test("apiHost() and isDockerHub() know where Docker Hub answers", () => {
  assert.equal(apiHost("docker.io"), "registry-1.docker.io");
  assert.equal(apiHost("ghcr.io"), "ghcr.io");
  assert.equal(apiHost("[::1]:5000"), "[::1]:5000");
  assert(isDockerHub("Index.Docker.IO"));
  assert(!isDockerHub("docker.io.evil.example"));
  assert(!isDockerHub("docker.io:5000"));
});

const host = fc.oneof(
  fc.constantFrom("docker.io", "index.docker.io", "localhost", "[::1]", "[2001:db8::7]:443"),
  fc.tuple(fc.domain(), fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined })).map((
    [name, port],
  ) => port === undefined ? name : `${name}:${port}`),
  fc.tuple(fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/), fc.integer({ min: 1, max: 65535 })).map((
    [name, port],
  ) => `${name}:${port}`),
);
const component = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
/** Without a host, a dot in the first of several components would make it one. */
const bare = path.filter((text) => !/^[^/]*\..*\//.test(text));
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
const digest = fc.constantFrom(SHA256, SHA512);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const written = fc.record({
  scheme: fc.constantFrom("", "docker://", "oci://"),
  name: fc.oneof(bare.map((path) => ({ path, host: "" })), fc.record({ path, host })),
  tag: optional(tag),
  digest: optional(digest),
});

Deno.test("parseReference() reads back what formatReference() writes", () => {
  fc.assert(
    fc.property(written, (parts) => {
      const text = [
        parts.scheme,
        parts.name.host && `${parts.name.host}/`,
        parts.name.path,
        parts.tag === undefined ? "" : `:${parts.tag}`,
        parts.digest === undefined ? "" : `@${parts.digest}`,
      ].join("");
      const reference = parseReference(text);
      const canonical = formatReference(reference);
      assert.deepEqual(parseReference(canonical), reference);
      assert.equal(formatReference(parseReference(canonical)), canonical);
      assert.equal(reference.digest, parts.digest);
      assert.equal(
        reference.tag,
        parts.tag ?? (parts.digest === undefined ? "latest" : undefined),
      );
      assert(reference.repository.endsWith(parts.name.path));
    }),
    { seed: 20260901, numRuns: 1000 },
  );
});

Deno.test("parseReference() gives any text a reference that stays, or a refusal that can be shown", () => {
  const alphabet = fc.constantFrom(
    ..."abzAZ019._-/:@[]%?#\\ \u200b\u212aé",
    "sha256:",
    SHA256,
    "https://",
    "docker://",
    "hub.docker.com/",
    "github.com/",
    "quay.io/repository/",
    "__proto__",
    "%2F",
    "..",
  );
  const any = fc.oneof(
    fc.array(alphabet, { maxLength: 20 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
  );
  fc.assert(
    fc.property(any, (text) => {
      let canonical: string;
      try {
        canonical = formatReference(parseReference(text));
      } catch (thrown) {
        assert(thrown instanceof AppError && thrown.code === "INVALID_ARGUMENT");
        assert.match(thrown.message, /^Cannot use /);
        assert(thrown.message.length < 700);
        return;
      }
      assert.match(canonical, /^[\x21-\x7e]+$/);
      assert.equal(formatReference(parseReference(canonical)), canonical);
    }),
    { seed: 20260901, numRuns: 3000 },
  );
});
