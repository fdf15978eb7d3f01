import assert from "node:assert/strict";
import { encodePkt } from "../../lib/catalog/git_pkt.ts";
import { addressOf, readRemote, repositoryUrl } from "../../lib/catalog/git_remote.ts";
import { handlerNet } from "../oci/handler_net.ts";

const COMMIT = "1234567890".repeat(4);
const OTHER = "f".repeat(40);
const REPOSITORY = new URL("https://git.example/team/catalogue");
const REFS = "/info/refs?service=git-upload-pack";

function refs(lines: readonly string[], capabilities = "shallow filter"): Response {
  const [first = "", ...rest] = lines;
  const packets = [`${first}\0${capabilities}\n`, ...rest.map((line) => `${line}\n`)];
  return new Response(
    `${encodePkt("# service=git-upload-pack\n")}0000${packets.map(encodePkt).join("")}0000`,
    { headers: { "content-type": "application/x-git-upload-pack-advertisement" } },
  );
}

Deno.test("readRemote() tells commit, branch and capabilities", async () => {
  const net = handlerNet(() =>
    refs([`${COMMIT} HEAD`, `${COMMIT} refs/heads/trunk`], "shallow symref=HEAD:refs/heads/trunk")
  );
  const remote = await readRemote(net, new URL(`${REPOSITORY.href}/`));
  assert.deepEqual(remote, {
    url: REPOSITORY,
    origin: "named",
    ref: "HEAD",
    branch: "trunk",
    commit: COMMIT,
    capabilities: new Set(["shallow", "symref=HEAD:refs/heads/trunk"]),
  });
  assert.equal(net.requests.length, 1);
  assert.equal(net.requests[0]?.url.href, `${REPOSITORY.href}${REFS}`);
  assert.equal(net.requests[0]?.origin, "named");
  assert.match(net.requests[0]?.headers?.["user-agent"] ?? "", /^git\//);
});

Deno.test("readRemote() takes the only branch of a repository without HEAD", async () => {
  const net = handlerNet(() => refs([`${OTHER} refs/heads/x-1`, `${COMMIT} refs/tags/v1`]));
  const remote = await readRemote(net, REPOSITORY);
  assert.deepEqual([remote.ref, remote.branch, remote.commit], ["refs/heads/x-1", "x-1", OTHER]);
});

Deno.test("readRemote() does not guess between branches, nor take one with a hostile name", async () => {
  const cases: readonly [lines: readonly string[], message: RegExp][] = [
    [[`${COMMIT} refs/heads/a`, `${OTHER} refs/heads/b`], /default branch does not exist$/],
    [[`${COMMIT} refs/heads/--upload-pack=x`], /has no branch$/],
    [[`${COMMIT} refs/heads/a..b`], /has no branch$/],
    [[`${"0".repeat(40)} capabilities^{}`], /has no branch$/],
  ];
  for (const [lines, message] of cases) {
    await assert.rejects(readRemote(handlerNet(() => refs(lines)), REPOSITORY), {
      code: "NOT_FOUND",
      message,
    });
  }
});

Deno.test("readRemote() follows redirects as addresses that were not named", async () => {
  const places: Readonly<Record<string, string>> = {
    "/team/catalogue": "/moved",
    "/moved": "https://other.example/moved/again",
  };
  const net = handlerNet(({ url }) => {
    const { pathname } = new URL(url);
    const target = places[pathname.replace("/info/refs", "")];
    return target === undefined
      ? refs([`${COMMIT} HEAD`])
      : new Response(null, { status: 301, headers: { location: `${target}${REFS}` } });
  });
  const remote = await readRemote(net, REPOSITORY);
  assert.equal(remote.url.href, "https://other.example/moved/again");
  assert.equal(remote.origin, "derived");
  assert.deepEqual(net.requests.map(({ origin }) => origin), ["named", "derived", "derived"]);
});

Deno.test("readRemote() refuses redirects to http, to other things, and in a circle", async () => {
  const cases: readonly [location: string, code: string, message: RegExp][] = [
    [`http://git.example/x${REFS}`, "ADDRESS_REFUSED", /from https to http$/],
    [`ssh://git.example/x${REFS}`, "BAD_RESPONSE", /to no web address$/],
    ["https://git.example/login", "BAD_RESPONSE", /to something else$/],
    [`https://git.example/team/catalogue${REFS}`, "BAD_RESPONSE", /more than 3 times$/],
  ];
  for (const [location, code, message] of cases) {
    const net = handlerNet(() => new Response(null, { status: 302, headers: { location } }));
    await assert.rejects(readRemote(net, REPOSITORY), { code, message });
    assert.ok(net.requests.length <= 4);
  }
});

Deno.test("readRemote() refuses a public host without https", async () => {
  const net = handlerNet(() => refs([`${COMMIT} HEAD`]));
  await assert.rejects(readRemote(net, new URL("http://git.example/x")), {
    code: "ADDRESS_REFUSED",
    message: 'Cannot fetch "http://git.example/x": it is a public host without https',
  });
});

Deno.test("readRemote() says what a status means", async () => {
  const cases: readonly [status: number, code: string][] = [
    [401, "UNAUTHORIZED"],
    [403, "FORBIDDEN"],
    [404, "NOT_FOUND"],
    [410, "NOT_FOUND"],
    [418, "BAD_RESPONSE"],
    [429, "RATE_LIMITED"],
    [502, "UNAVAILABLE"],
  ];
  for (const [status, code] of cases) {
    const net = handlerNet(() => new Response(null, { status }));
    await assert.rejects(readRemote(net, REPOSITORY), { code, status });
  }
});

Deno.test("readRemote() refuses what is no git server, or one of another kind", async () => {
  const plain = new Response("hello", { headers: { "content-type": "text/plain" } });
  await assert.rejects(readRemote(handlerNet(() => plain), REPOSITORY), {
    code: "BAD_RESPONSE",
    message: /no git repository over smart HTTP$/,
  });
  const cases: readonly [answer: () => Response, code: string, message: RegExp][] = [
    [() => refs([`${COMMIT} HEAD`], "object-format=sha256"), "UNSUPPORTED", /hash than SHA-1$/],
    [() => refs([`${COMMIT}ff HEAD`]), "BAD_RESPONSE", /list of references is broken$/],
    [() => refs([`ERR no\u001b[31m such`]), "BAD_RESPONSE", /it says "no/],
  ];
  for (const [answer, code, message] of cases) {
    await assert.rejects(readRemote(handlerNet(answer), REPOSITORY), (thrown: Error) => {
      assert.match(thrown.message, message);
      assert.ok(!thrown.message.includes("\u001b"));
      assert.equal("code" in thrown ? thrown.code : "", code);
      return true;
    });
  }
});

Deno.test("repositoryUrl() takes plain http(s) addresses only", () => {
  assert.equal(
    repositoryUrl(new URL("https://git.example/a/b.git//")).href,
    "https://git.example/a/b.git",
  );
  assert.equal(addressOf(repositoryUrl(new URL("http://git.example/"))), "http://git.example");
  const wrong = [
    "file:///etc",
    "ssh://git@git.example/a",
    "ext::sh",
    "https://user:secret@git.example/a",
    "https://git.example/a?b",
    "https://git.example/a#b",
  ];
  for (const text of wrong) {
    assert.throws(() => repositoryUrl(new URL(text)), (thrown: Error) => {
      assert.ok("code" in thrown && thrown.code === "INVALID_ARGUMENT");
      assert.ok(!thrown.message.includes("secret"));
      return true;
    });
  }
});
