/**
 * Config files for tests: changes to texts, and texts laid out in every way that people and
 * programs lay them out. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  connectEdit,
  type Edit,
  isBroken,
  removeEdit,
  type Target,
} from "../../lib/connect/edit.ts";
import type { Entry } from "../../lib/connect/format.ts";

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The text after putting an entry in; fails where the text has to stay as it is. */
export function connected(text: string | undefined, target: Target, entry: Entry): string {
  const edit = connectEdit(text === undefined ? undefined : bytesOf(text), target, entry);
  return textOf(edit);
}

/** The text after taking the entry out, by what the text itself tells. */
export function removed(text: string, target: Target, backups: readonly string[] = []): string {
  const edit = removeEdit(bytesOf(text), target, { backups: backups.map(bytesOf) });
  return textOf(edit);
}

/** Why a text has to stay as it is. */
export function problem(text: string, target: Target, entry: Entry): string {
  const edit = connectEdit(bytesOf(text), target, entry);
  assert.ok(isBroken(edit), "it was changed");
  const { place } = edit;
  return place === undefined ? edit.problem : `${edit.problem} at ${place.line}:${place.column}`;
}

function textOf(edit: Edit | { readonly problem: string }): string {
  assert.ok(!("problem" in edit), "problem" in edit ? edit.problem : "");
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(edit.bytes);
}

/** Words for keys and values that are hard on whoever looks for places in a text. */
const WORDS = [
  "a",
  "theme",
  "// no comment",
  "/* nor this */",
  "brace } bracket ] comma , hash #",
  'quote " inside',
  "back\\slash",
  "wharf",
  "mcpServers",
  "",
  "Ünïcødé 🚢",
];

const word = fc.constantFrom(...WORDS);
const scalar = fc.oneof(
  fc.constantFrom("1", "-2.5e3", "true", "false", "null"),
  word.map((text) => JSON.stringify(text)),
);

/** One document: what it is laid out with is chosen once, as a person's editor would. */
interface Style {
  readonly eol: string;
  readonly unit: string;
  readonly comments: readonly string[];
  readonly trailing: boolean;
  readonly oneLine: boolean;
}

const style: fc.Arbitrary<Style> = fc.record({
  eol: fc.constantFrom("\n", "\r\n"),
  unit: fc.constantFrom("  ", "    ", "\t", " "),
  comments: fc.array(
    fc.constantFrom("", "", "", "// note", "/* note */", "/* two\n lines */", '// "wharf": {},'),
    { minLength: 6, maxLength: 6 },
  ),
  trailing: fc.boolean(),
  oneLine: fc.boolean(),
});

type Tree = string | { readonly list: readonly Tree[] } | { readonly members: readonly Member[] };

interface Member {
  readonly key: string;
  readonly value: Tree;
}

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.record({ list: fc.array(tie("tree"), { maxLength: 3 }) }),
    fc.record({
      members: fc.uniqueArray(fc.record({ key: word, value: tie("tree") }), {
        maxLength: 3,
        selector: ({ key }) => key,
      }),
    }),
  ),
}));

/** Servers of others: no entry that is named `wharf`. */
const servers = fc.uniqueArray(
  fc.record({ key: word.filter((key) => key !== "wharf"), value: tree }),
  { maxLength: 3, selector: ({ key }) => key },
);

/** All that makes a document. */
const parts = fc.record({
  style,
  others: fc.uniqueArray(
    fc.record({ key: word.filter((key) => key !== "mcpServers"), value: tree }),
    { maxLength: 3, selector: ({ key }) => key },
  ),
  servers: fc.option(servers, { nil: undefined }),
  at: fc.nat(3),
  around: fc.constantFrom("", "\n", "\n\n", " "),
  mark: fc.constantFrom("", "", "\uFEFF"),
});

type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;

function lay(
  { style, others, around, mark }: Parts,
  at: number,
  servers: readonly Member[] | undefined,
): { readonly text: string; readonly members: readonly Member[] } {
  const members = [...others];
  if (servers !== undefined) {
    const value = { members: servers };
    members.splice(Math.min(at, members.length), 0, { key: "mcpServers", value });
  }
  let turn = 0;
  const comment = () => style.comments[turn++ % style.comments.length] ?? "";
  const text = write({ members }, style, "", comment);
  const end = style.oneLine ? "" : around.replaceAll("\n", style.eol);
  return { text: mark + text + end, members };
}

/** A JSON document with comments that has no entry of Wharf, and how many servers it has. */
export const jsonDocument: fc.Arbitrary<{ readonly text: string; readonly servers: number }> = parts
  .map((made) => ({
    text: lay(made, made.at, made.servers).text,
    servers: made.servers?.length ?? -1,
  }));

/** A JSON document with some entry of Wharf, what it means, and what the entry means. */
export const jsonDocumentWithEntry: fc.Arbitrary<{
  readonly text: string;
  readonly value: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly old: unknown;
}> = fc.record({
  made: parts,
  place: fc.nat(3),
  old: fc.oneof(
    tree,
    fc.record({
      members: fc.uniqueArray(
        fc.record({
          key: fc.constantFrom("command", "args", "url", "env", "headers", "type", "a", "timeout"),
          value: tree,
        }),
        { maxLength: 5, selector: ({ key }) => key },
      ),
    }),
  ),
}).map(({ made, place, old }) => {
  const servers = (made.servers ?? []).toSpliced(place, 0, { key: "wharf", value: old });
  const { text, members } = lay(made, made.at, servers);
  // What a document means is an object, and so are its servers.
  const value = meaning({ members }) as Record<string, Record<string, unknown>>;
  return { text, value, old: meaning(old) };
});

function meaning(tree: Tree): unknown {
  if (typeof tree === "string") return JSON.parse(tree);
  return "list" in tree
    ? tree.list.map(meaning)
    : Object.fromEntries(tree.members.map(({ key, value }) => [key, meaning(value)]));
}

/** Lays a tree out. */
function write(tree: Tree, style: Style, indent: string, comment: () => string): string {
  if (typeof tree === "string") return tree;
  const [opening, closing] = "list" in tree ? ["[", "]"] : ["{", "}"];
  const parts = "list" in tree
    ? tree.list.map((item) => write(item, style, indent + style.unit, comment))
    : tree.members.map(({ key, value }) =>
      `${JSON.stringify(key)}: ${write(value, style, indent + style.unit, comment)}`
    );
  if (style.oneLine) {
    const inner = parts.join(", ") + (style.trailing && parts.length > 0 ? "," : "");
    return parts.length === 0 ? opening + closing : `${opening} ${inner} ${closing}`;
  }
  if (parts.length === 0) {
    const inside = comment();
    return inside === ""
      ? opening + closing
      : `${opening} ${inside}${style.eol}${indent}${closing}`;
  }
  const { eol, unit } = style;
  const lines = parts.map((part, index) => {
    const comma = index < parts.length - 1 || style.trailing ? "," : "";
    const [above, behind] = [comment(), comment()];
    return (above === "" ? "" : `${indent}${unit}${above}${eol}`) +
      `${indent}${unit}${part}${comma}${behind === "" ? "" : ` ${behind}`}`;
  });
  const below = comment();
  if (below !== "") lines.push(`${indent}${unit}${below}`);
  return `${opening}${eol}${lines.join(eol)}${eol}${indent}${closing}`;
}
