/**
 * The statements of a TOML text and where they stand. The text was found valid by a real parser
 * before, so that this only looks for places (TOML 1.0, sections "Keys", "Table"). Needs no
 * permission.
 *
 * @module
 */

/** A header or a pair of key and value. */
export interface Statement {
  /** `[table]`, `[[list of tables]]` or `key = value`. */
  readonly kind: "table" | "tables" | "pair";
  /** Keys from the top of the document. */
  readonly path: readonly string[];
  /** Keys of the table that a pair stands in; a header stands at the top. */
  readonly table: readonly string[];
  /** Where its line begins. */
  readonly start: number;
  /** After its line's end, a comment on the line included. */
  readonly end: number;
  /** First character of the value; of a header, after its brackets. */
  readonly valueStart: number;
  /** After the value. */
  readonly valueEnd: number;
}

/** A member of an inline table. */
export interface InlineMember {
  /** Its keys, from the inline table on. */
  readonly path: readonly string[];
  /** First character of its key. */
  readonly start: number;
  /** First character of its value. */
  readonly valueStart: number;
  /** After its value. */
  readonly valueEnd: number;
}

/** A string or comment in a text. */
export interface Span {
  /** A text value, a quoted key, or a comment. */
  readonly kind: "value" | "key" | "comment";
  /** First character. */
  readonly start: number;
  /** After the last character. */
  readonly end: number;
}

/** Strings in the order in which they must be tried; the long forms may end in up to five quotes. */
const STRING =
  /"""(?:[^\\]|\\[^])*?"""(?!")|'''[^]*?'''(?!')|"(?:[^"\\\r\n]|\\[^\r\n])*"|'[^'\r\n]*'/y;

const BLANK = /[ \t]*/y;
const BLANK_LINES = /(?:[ \t\r\n]+|#[^\r\n]*)*/y;
const BARE_KEY = /[A-Za-z0-9_-]+/y;
const REST_OF_LINE = /[ \t]*(?:#[^\r\n]*)?(?:\r?\n)?/y;

/** After what a sticky expression finds, or the offset itself. */
function after(expression: RegExp, text: string, offset: number): number {
  expression.lastIndex = offset;
  return expression.test(text) ? expression.lastIndex : offset;
}

/**
 * Lists the statements of a text.
 *
 * @param text Valid TOML.
 * @returns In the order of the text.
 */
export function statementsOf(text: string): readonly Statement[] {
  const statements: Statement[] = [];
  let table: readonly string[] = [];
  let at = 0;
  while (true) {
    at = after(BLANK_LINES, text, at);
    if (at >= text.length) return statements;
    const start = text.lastIndexOf("\n", at - 1) + 1;
    const kind = text.startsWith("[[", at) ? "tables" : text[at] === "[" ? "table" : "pair";
    const brackets = kind === "tables" ? 2 : kind === "table" ? 1 : 0;
    const key = keyAt(text, at + brackets);
    const context = kind === "pair" ? table : [];
    const path = [...context, ...key.path];
    if (kind !== "pair") table = path;
    // A header ends with its brackets, a key with an equals sign.
    const valueStart = kind === "pair" ? after(BLANK, text, key.end + 1) : key.end + brackets;
    const valueEnd = kind === "pair" ? valueEndAt(text, valueStart) : valueStart;
    const end = after(REST_OF_LINE, text, valueEnd);
    statements.push({ kind, path, table: context, start, end, valueStart, valueEnd });
    // A valid text always goes on; another must not hold the program.
    at = Math.max(end, at + 1);
  }
}

/**
 * Lists the members of an inline table.
 *
 * @param text Valid TOML.
 * @param brace Where its `{` is.
 */
export function inlineMembers(text: string, brace: number): readonly InlineMember[] {
  const members: InlineMember[] = [];
  let at = after(BLANK_LINES, text, brace + 1);
  while (at < text.length && text[at] !== "}") {
    const key = keyAt(text, at);
    const valueStart = after(BLANK_LINES, text, key.end + 1);
    const valueEnd = valueEndAt(text, valueStart);
    members.push({ path: key.path, start: at, valueStart, valueEnd });
    const next = after(BLANK_LINES, text, valueEnd);
    at = text[next] === "," ? after(BLANK_LINES, text, next + 1) : Math.max(next, at + 1);
    if (text[next] !== ",") break;
  }
  return members;
}

/**
 * Lists the strings and comments of a text.
 *
 * @param text Valid TOML.
 */
export function spansOf(text: string): readonly Span[] {
  const spans: Span[] = [];
  const headers = statementsOf(text).filter(({ kind }) => kind !== "pair");
  let at = 0;
  while (at < text.length) {
    const found = text[at] ?? "";
    if (found === "#") {
      const line = /\r?\n|$/g;
      line.lastIndex = at;
      const end = line.exec(text)?.index ?? text.length;
      spans.push({ kind: "comment", start: at, end });
      at = end;
    } else if (found === '"' || found === "'") {
      const [start, end] = [at, Math.max(after(STRING, text, at), at + 1)];
      const isHeader = headers.some((header) => start >= header.start && start < header.valueEnd);
      // What goes before an equals sign or a dot is a key.
      const isKey = isHeader || /^[ \t]*[=.]/.test(text.slice(end, end + 200));
      spans.push({ kind: isKey ? "key" : "value", start, end });
      at = end;
    } else at++;
  }
  return spans;
}

/** A dotted key, and where what follows it is. */
function keyAt(text: string, offset: number): { readonly path: string[]; readonly end: number } {
  const path: string[] = [];
  let at = offset;
  while (true) {
    at = after(BLANK, text, at);
    const isQuoted = text[at] === '"' || text[at] === "'";
    const end = after(isQuoted ? STRING : BARE_KEY, text, at);
    path.push(isQuoted ? unquoted(text.slice(at, end)) : text.slice(at, end));
    at = after(BLANK, text, end);
    if (text[at] !== ".") return { path, end: at };
    at++;
  }
}

/** After the value that begins at an offset. */
function valueEndAt(text: string, offset: number): number {
  const first = text[offset];
  if (first === '"' || first === "'") return after(STRING, text, offset);
  // A number, date or boolean; a date may have one blank inside.
  if (first !== "[" && first !== "{") {
    const end = after(/[^,\]}#\r\n]*/y, text, offset);
    return offset + text.slice(offset, end).trimEnd().length;
  }
  let depth = 0;
  let at = offset;
  while (at < text.length) {
    const found = text[at] ?? "";
    if (found === "#") at = after(/[^\r\n]*/y, text, at);
    else if (found === '"' || found === "'") at = Math.max(after(STRING, text, at), at + 1);
    else {
      at++;
      if (found === "[" || found === "{") depth++;
      else if (found === "]" || found === "}") depth--;
      if (depth === 0) return at;
    }
  }
  return at;
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  e: "\u001b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** The name in a quoted key; keys have no long form. */
function unquoted(quoted: string): string {
  const body = quoted.slice(1, -1);
  if (quoted.startsWith("'")) return body;
  return body.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/g,
    (_whole, x?: string, u?: string, long?: string, letter?: string) => {
      const code = x ?? u ?? long;
      if (code !== undefined) return String.fromCodePoint(parseInt(code, 16));
      return ESCAPES[letter ?? ""] ?? letter ?? "";
    },
  );
}
