import assert from "node:assert/strict";
import { isWanted, parseCommit, parseTree } from "../../lib/catalog/git_objects.ts";

const ID = "ab".repeat(20);
const encode = (text: string) => new TextEncoder().encode(text);

function tree(entries: readonly (readonly [head: string, id: string])[]): Uint8Array {
  return new Uint8Array(entries.flatMap(([head, id]) => [
    ...encode(`${head}\0`),
    ...Uint8Array.fromHex(id),
  ]));
}

Deno.test("parseCommit() reads tree and time, from the header only", () => {
  const head = `tree ${ID}\nparent ${ID}\nauthor A <a@x> 1 +0000\n`;
  assert.deepEqual(
    parseCommit(encode(`${head}committer B <b> 1700000000 -0330\n\ntree ${"0".repeat(40)}`)),
    {
      tree: ID,
      committedAt: "2023-11-14T22:13:20.000Z",
    },
  );
  for (const time of ["99999999999999 +0000", "-5 +0000", "999999999999 +0000", "x"]) {
    assert.equal(parseCommit(encode(`${head}committer B <b> ${time}\n\nm`)).committedAt, undefined);
  }
  const hidden = encode(`author A\n\ntree ${ID}\n`);
  assert.throws(() => parseCommit(hidden), { code: "BAD_RESPONSE", message: /names no folder$/ });
});

Deno.test("parseTree() reads entries with any name", () => {
  const bytes = tree([["100644 a b", ID], ["40000 ..", "00".repeat(20)], ["160000 ä/\n", ID]]);
  assert.deepEqual(parseTree(bytes), [
    { mode: "100644", name: "a b", id: ID },
    { mode: "040000", name: "..", id: "00".repeat(20) },
    { mode: "160000", name: "ä/\n", id: ID },
  ]);
  assert.deepEqual(parseTree(new Uint8Array(0)), []);
});

Deno.test("parseTree() refuses what is cut off or has no mode", () => {
  const whole = tree([["100644 a", ID]]);
  for (let length = 1; length < whole.byteLength; length++) {
    assert.throws(() => parseTree(whole.subarray(0, length)), { code: "BAD_RESPONSE" });
  }
  assert.throws(() => parseTree(tree([["file a", ID]])), {
    code: "BAD_RESPONSE",
    message: /entry of no kind$/,
  });
});

Deno.test("isWanted() is true inside of a folder and on the way to it", () => {
  assert.ok(isWanted("anything", []));
  for (const path of ["a", "a/b", "a/b/c"]) assert.ok(isWanted(path, ["x", "a/b"]), path);
  for (const path of ["b", "a/bc", "ab", "a/c"]) assert.ok(!isWanted(path, ["a/b"]), path);
});
