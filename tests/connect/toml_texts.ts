/**
 * TOML config files for tests, in every form that the language has for the same table. Needs no
 * permission.
 *
 * @module
 */

import fc from "fast-check";

const value = fc.constantFrom(
  '"text"',
  "'literal \\ text'",
  '"a # no comment"',
  '"""\n[mcp_servers.wharf]\nno = "table" \\\n  """',
  "'''\n[mcp_servers.wharf]''' # behind",
  '""""two quotes at both ends"""""',
  "1_000",
  "99999999999999999",
  "-0.5",
  "true",
  "1979-05-27T07:32:00Z",
  "1979-05-27 07:32:00",
  "[1, 2] # list",
  "[\n  'x', # in a list ]\n  '[y]',\n]",
  '{ a = 1, "b.c" = "}" }',
);

const pair = fc.tuple(
  fc.constantFrom("a", '"q k"', "'l.k'", "d.e", 'd."f g"', "wharf"),
  value,
  fc.constantFrom("", " # note"),
).map(([key, text, note]) => [key, `${key} = ${text}${text.includes("#") ? "" : note}`] as const);

const pairs = fc.uniqueArray(pair, { maxLength: 3, selector: ([key]) => key })
  .map((list) => list.map(([, line]) => line));

const filler = fc.constantFrom<readonly string[]>([], [], [""], ["# comment"], ["", "# [x]", ""]);

/** Headers that may stand once, or more often where they are lists of tables. */
const table = fc.tuple(
  filler,
  fc.constantFrom("[t]", "[ u . v ]", '["quoted.table"]', "[[list]]", "[[list]]", "[w] # note"),
  pairs,
).map(([before, header, body]) => ({ header, lines: [...before, header, ...body] }));

const tables = fc.array(table, { maxLength: 4 }).map((list) => {
  const seen = new Set<string>();
  return list.filter(({ header }) => {
    if (seen.has(header) && header !== "[[list]]") return false;
    seen.add(header);
    return true;
  }).flatMap(({ lines }) => lines);
});

/** Servers of others, in each form that TOML has. */
const servers = fc.constantFrom<
  { readonly top: readonly string[]; readonly end: readonly string[] }
>(
  { top: [], end: [] },
  { top: [], end: ["[mcp_servers]"] },
  { top: [], end: ["[mcp_servers.other]", 'command = "x"', "args = []"] },
  { top: [], end: ["[mcp_servers.other]", 'command = "x"', "[mcp_servers.other.env]", 'A = "b"'] },
  { top: [], end: ['[mcp_servers."wharf.two"]', 'command = "x"'] },
  { top: [], end: ["[mcp_servers]", 'other = { command = "x" } # note'] },
  { top: [], end: ["[mcp_servers]", 'other.command = "x"', "other.args = [ '1' ]"] },
  { top: ['mcp_servers.other.command = "x"'], end: [] },
  { top: ['mcp_servers = { other = { command = "x" } }'], end: [] },
  { top: ["mcp_servers = {} # none"], end: [] },
);

/** A TOML document that has no entry of Wharf. */
export const tomlDocument: fc.Arbitrary<string> = fc
  .record({
    servers,
    top: pairs,
    tables,
    filler,
    eol: fc.constantFrom("\n", "\r\n"),
    end: fc.constantFrom("", "\n", "\n\n", "\n# end"),
    mark: fc.constantFrom("", "", "\uFEFF"),
  }).map(({ servers, top, tables, filler, eol, end, mark }) => {
    const lines = [...filler, ...servers.top, ...top, ...tables, ...servers.end];
    return mark + (lines.join("\n") + end).replaceAll("\n", eol);
  });
