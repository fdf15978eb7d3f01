import assert from "node:assert/strict";
import { checkIssuer, Issuer } from "../../lib/http/issuer.ts";
import { FakeClock, settle } from "../fake_clock.ts";
import { FakeLog } from "../fake_log.ts";
import { ISSUER, TestIssuer } from "./test_issuer.ts";

const MINUTE_MS = 60_000;

function open(
  server: TestIssuer,
  name = ISSUER,
): { issuer: Issuer; clock: FakeClock; log: FakeLog } {
  const clock = new FakeClock();
  const log = new FakeLog();
  return { issuer: new Issuer(name, { net: server.net, clock, log }), clock, log };
}

Deno.test("Issuer keys() asks once for all who want them, and again beside the calls after 10 minutes", async () => {
  const server = await TestIssuer.open();
  const { issuer, clock } = open(server);
  const [first, second] = await Promise.all([issuer.keys(), issuer.keys()]);
  assert.equal(first, second);
  const once = ["/.well-known/oauth-authorization-server", "/jwks"];
  assert.deepEqual(server.asked, once);
  await clock.advance(9 * MINUTE_MS);
  assert.equal(await issuer.keys(), first);
  await clock.advance(MINUTE_MS);
  assert.equal(await issuer.keys(), first);
  await settle();
  assert.deepEqual(server.asked, [...once, ...once]);
  assert.notEqual(await issuer.keys(), first);
});

Deno.test("Issuer keys() lives with old keys for an hour when the issuer is away, and no longer", async () => {
  const server = await TestIssuer.open();
  const { issuer, clock, log } = open(server);
  const first = await issuer.keys();
  server.isDown = true;
  await clock.advance(59 * MINUTE_MS);
  assert.equal(await issuer.keys(), first);
  await settle();
  assert.equal(log.records[0]?.message, "the issuer's keys cannot be fetched");
  await clock.advance(MINUTE_MS);
  await assert.rejects(issuer.keys(), { code: "UNAVAILABLE" });
  server.isDown = false;
  await clock.advance(5_000);
  assert.equal((await issuer.keys()).askedMs, clock.now());
});

Deno.test("Issuer keys() does not ask a failing issuer for each call", async () => {
  const server = await TestIssuer.open();
  server.isDown = true;
  const { issuer, clock, log } = open(server);
  for (let call = 0; call < 5; call++) await assert.rejects(issuer.keys(), { code: "UNAVAILABLE" });
  assert.equal(server.asked.length, 1);
  assert.equal(log.records.length, 1);
  await clock.advance(5_000);
  await assert.rejects(issuer.keys());
  assert.equal(server.asked.length, 2);
});

Deno.test("Issuer newerKeys() asks again, but not for every unknown key", async () => {
  const server = await TestIssuer.open();
  const { issuer, clock } = open(server);
  const known = await issuer.keys();
  assert.equal(await issuer.newerKeys(known), undefined);
  await clock.advance(30_000);
  const [newer, same] = await Promise.all([issuer.newerKeys(known), issuer.newerKeys(known)]);
  assert.ok(newer !== undefined && newer !== known);
  assert.equal(newer, same);
  assert.equal(await issuer.newerKeys(known), newer);
  assert.equal(await issuer.newerKeys(newer), undefined);
  await clock.advance(30_000);
  server.isDown = true;
  assert.equal(await issuer.newerKeys(newer), undefined);
  assert.equal(server.asked.length, 5);
});

Deno.test("Issuer keys() finds metadata at the places of RFC 8414 and OpenID Connect", async () => {
  const name = `${ISSUER}/tenant`;
  const places = [
    "/.well-known/oauth-authorization-server/tenant",
    "/.well-known/openid-configuration/tenant",
    "/tenant/.well-known/openid-configuration",
  ];
  for (const place of places) {
    const server = await TestIssuer.open();
    server.documents.set(place, { issuer: name, jwks_uri: `${ISSUER}/jwks` });
    assert.equal((await open(server, name).issuer.keys()).issuer, name);
    assert.deepEqual(server.asked, [...places.slice(0, places.indexOf(place) + 1), "/jwks"]);
  }
});

Deno.test("Issuer keys() takes the issuer's own word for a slash at the end, and for nothing else", async () => {
  const server = await TestIssuer.open();
  const place = "/.well-known/oauth-authorization-server";
  server.documents.set(place, { issuer: `${ISSUER}/`, jwks_uri: `${ISSUER}/jwks` });
  assert.equal((await open(server).issuer.keys()).issuer, `${ISSUER}/`);
  for (
    const bad of [
      { issuer: "https://evil.example", jwks_uri: `${ISSUER}/jwks` },
      { issuer: ISSUER },
      { issuer: ISSUER, jwks_uri: "keys" },
      [],
    ]
  ) {
    server.documents.set(place, bad);
    await assert.rejects(open(server).issuer.keys(), { code: "BAD_RESPONSE" });
  }
});

Deno.test("Issuer keys() follows a public issuer to no private address, and to no plain http", async () => {
  const server = await TestIssuer.open({
    peer: ({ hostname }) => hostname === "10.0.0.1" ? "private" : "public",
  });
  const place = "/.well-known/oauth-authorization-server";
  server.documents.set(place, { issuer: ISSUER, jwks_uri: "https://10.0.0.1/jwks" });
  await assert.rejects(open(server).issuer.keys(), { code: "ADDRESS_REFUSED" });
  server.documents.set(place, { issuer: ISSUER, jwks_uri: "http://auth.example/jwks" });
  await assert.rejects(open(server).issuer.keys(), { code: "INVALID_ARGUMENT" });
  const inside = await TestIssuer.open({ peer: () => "private" });
  inside.documents.set(place, { issuer: ISSUER, jwks_uri: "https://10.0.0.1/jwks" });
  assert.ok(await open(inside).issuer.keys());
});

Deno.test("Issuer keys() reads no answer without end", async () => {
  const server = await TestIssuer.open();
  server.documents.set("/jwks", { keys: [], padding: "x".repeat(600 * 1024) });
  await assert.rejects(open(server).issuer.keys(), { code: "TOO_LARGE" });
});

Deno.test("checkIssuer() wants an address over TLS, or loopback", () => {
  for (
    const good of [
      "https://a.example",
      "https://a.example/t/",
      "http://127.0.0.1:1",
      "http://localhost",
      "http://[::1]:2",
    ]
  ) {
    assert.equal(checkIssuer(good).href, new URL(good).href);
  }
  for (
    const bad of [
      "",
      "a.example",
      "http://a.example",
      "http://10.0.0.1",
      "https://u:p@a.example",
      "https://a.example?x",
      "https://a.example#x",
      "file:///x",
    ]
  ) {
    assert.throws(() => checkIssuer(bad), { code: "INVALID_ARGUMENT" }, bad);
  }
});
