/**
 * Tests of lib/oci/challenge.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseChallenges } from "../../lib/oci/challenge.ts";

type Plain = readonly [string, Readonly<Record<string, string>>];

/** Without the missing prototype, so that `deepEqual` compares contents. */
function plain(header: string): readonly Plain[] {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);
}

Deno.test("parseChallenges() reads what registries send", () => {
  const cases: readonly (readonly [string, readonly Plain[]])[] = [
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"',
      [["bearer", {
        realm: "https://auth.docker.io/token",
        service: "registry.docker.io",
        scope: "repository:library/alpine:pull",
      }]],
    ],
    ['Basic realm="Registry Realm"', [["basic", { realm: "Registry Realm" }]]],
    ["Basic", [["basic", {}]]],
    ['BASIC REALM="x"', [["basic", { realm: "x" }]]],
    // Several fields, joined by fetch.
    [
      'Basic realm="a", Bearer realm="https://b/?x=1,2",scope="repository:c:pull,push", Negotiate',
      [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "https://b/?x=1,2", scope: "repository:c:pull,push" }],
        ["negotiate", {}],
      ],
    ],
    ["Negotiate, NTLM,Basic realm=x", [
      ["negotiate", {}],
      ["ntlm", {}],
      ["basic", { realm: "x" }],
    ]],
    ['Bearer realm="a\\"b\\\\c"', [["bearer", { realm: 'a"b\\c' }]]],
    ['Bearer realm = "a" , service\t=\tb', [["bearer", { realm: "a", service: "b" }]]],
    ['Bearer realm="a",realm="b"', [["bearer", { realm: "a" }]]],
    ['Bearer realm="",service=', [["bearer", { realm: "", service: "" }]]],
  ];
  for (const [header, expected] of cases) assert.deepEqual(plain(header), expected, header);
});

Deno.test("parseChallenges() passes over token68", () => {
  for (const token of ["dGVzdA==", "dGVzdA", "a-._~+/b=="]) {
    assert.deepEqual(plain(`Negotiate ${token}, Basic realm="a"`), [
      ["negotiate", {}],
      ["basic", { realm: "a" }],
    ], token);
  }
  assert.deepEqual(plain("Negotiate Basic , Bearer realm=r"), [
    ["negotiate", {}],
    ["bearer", { realm: "r" }],
  ]);
});

Deno.test("parseChallenges() makes the best of what is broken", () => {
  const cases: readonly (readonly [string, readonly Plain[]])[] = [
    ["", []],
    [" ,,; ", []],
    ['"quoted"', []],
    ["realm=x", []],
    ["=x", [["x", {}]]],
    ['Bearer realm="https://a', [["bearer", { realm: "https://a" }]]],
    ['Bearer realm="a\\', [["bearer", { realm: "a" }]]],
    ["Bearer realm=https://a/token?x=1,service=b", [["bearer", {
      realm: "https://a/token?x=1",
      service: "b",
    }]]],
    ['Bearer realm="a" Basic realm="b"', [["bearer", { realm: "a" }], ["basic", { realm: "b" }]]],
    ["Bearer , realm=a", [["bearer", { realm: "a" }]]],
    // A comma in a value without quotes must not tear the challenge apart.
    ["Bearer realm=a,scope=repository:x:pull,push,service=s", [
      ["bearer", { realm: "a", scope: "repository:x:pull", service: "s" }],
      ["push", {}],
    ]],
    ['Bearer __proto__="x",constructor="y"', [[
      "bearer",
      JSON.parse(
        '{"__proto__":"x","constructor":"y"}',
      ),
    ]]],
  ];
  for (const [header, expected] of cases) assert.deepEqual(plain(header), expected, header);
  assert.equal(parseChallenges("Bearer x=y")[0]?.parameters["constructor"], undefined);
});

const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,11}$/);
const value = fc.string({ maxLength: 30 });
const challenge = fc.record({
  scheme: word,
  parameters: fc.uniqueArray(fc.tuple(word, value, fc.boolean()), {
    selector: ([name]) => name.toLowerCase(),
    maxLength: 5,
  }),
});

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

Deno.test("parseChallenges() reads back any well-formed header", () => {
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
      const header = challenges.map(({ scheme, parameters }) => {
        const list = parameters.map(([name, text, isBare]) =>
          `${name}=${isBare && /^[\w.-]+$/.test(text) ? text : quoted(text)}`
        );
        return list.length === 0 ? scheme : `${scheme} ${list.join(",")}`;
      }).join(", ");
      assert.deepEqual(
        plain(header),
        challenges.map(({ scheme, parameters }) => [
          scheme.toLowerCase(),
          Object.fromEntries(parameters.map(([name, text]) => [name.toLowerCase(), text])),
        ]),
      );
    }),
    { seed: 20260901, numRuns: 1000 },
  );
});

Deno.test("parseChallenges() never fails on garbage, however long", () => {
  const garbage = fc.array(
    fc.constantFrom("Bearer", "realm", "=", ",", '"', "\\", " ", "\t", ";", "é", "x", "=="),
    { maxLength: 60 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(garbage, fc.string({ unit: "binary" })), (header) => {
      for (const { scheme, parameters } of parseChallenges(header)) {
        assert.match(scheme, /^[^A-Z\s"=,]+$/);
        for (const text of Object.values(parameters)) assert.equal(typeof text, "string");
      }
    }),
    { seed: 20260901, numRuns: 3000 },
  );
  for (const piece of [" ", ",", '"', "\\", "=", "a", "a ", "a=", 'a="', "Bearer a=b,", "é"]) {
    parseChallenges(`Bearer realm="x",${piece.repeat(300_000 / piece.length)}`);
  }
});
