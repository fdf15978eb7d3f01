/**
 * One bullet of a markdown list of servers: `- [name](url): text` in all its
 * irregular forms (CATALOGUES.md 2). Every step looks at a character once, so the
 * time is linear in the line whatever it holds. Needs no permission.
 *
 * @example
 * ```ts
 * import { readBullet } from "./awesome_line.ts";
 *
 * readBullet("- **[Time](https://example.com/time)** - Tells it.")?.text; // "Tells it."
 * ```
 *
 * @module
 */

/** A bullet that links to a server. */
export interface Bullet {
  /** Link text. */
  readonly name: string;
  /** Link target. */
  readonly url: string;
  /** What follows, without the separator and what decorates it. */
  readonly text: string;
}

/** Longest line that is read; the longest seen has 1,200 characters. */
const MAX_LINE_CHARS = 8192;

/**
 * Reads one line.
 *
 * @param line The line, without its end.
 * @returns The bullet, or `undefined` for any other line.
 */
export function readBullet(line: string): Bullet | undefined {
  if (line.length > MAX_LINE_CHARS) return undefined;
  let rest = afterMarker(line.trim());
  if (rest === undefined) return undefined;
  // One contributor put a bullet inside of the bullet.
  rest = afterMarker(rest) ?? rest;
  const bold = rest.startsWith("**");
  const link = readLink(bold ? rest.slice(2) : rest);
  if (link === undefined) return undefined;
  const tail = bold && link.rest.startsWith("**") ? link.rest.slice(2) : link.rest;
  return { name: link.text, url: link.url, text: withoutLead(tail) };
}

/** Whether a line begins as a list item does. */
export function isListItem(line: string): boolean {
  return afterMarker(line.trim()) !== undefined;
}

function afterMarker(text: string): string | undefined {
  return /^[-*]\s/.test(text) ? text.slice(2).trimStart() : undefined;
}

/** `[text](url "title")rest`, from the beginning of the text. */
function readLink(
  source: string,
): { readonly text: string; readonly url: string; readonly rest: string } | undefined {
  if (!source.startsWith("[")) return undefined;
  const close = source.indexOf("](");
  const end = close === -1 ? -1 : source.indexOf(")", close);
  const text = source.slice(1, close);
  if (end === -1 || text === "" || text.includes("]")) return undefined;
  const target = source.slice(close + 2, end).trim().replace(/\s"[^"]*"$/, "").trim();
  const url = target.startsWith("<") && target.endsWith(">") ? target.slice(1, -1) : target;
  if (url === "" || /[\s<>]/.test(url)) return undefined;
  return { text: text.replaceAll("`", "").trim(), url, rest: source.slice(end + 1) };
}

/** Drops badges, images, a remark in brackets and runs of symbols, up to the separator and with it. */
function withoutLead(tail: string): string {
  let rest = tail.trimStart();
  for (let steps = 0; steps < 20; steps += 1) {
    const separated = /^(?::|[-–—])\s+/.exec(rest);
    if (separated !== null) return rest.slice(separated[0].length).trim();
    const lead = badgeLength(rest) || remarkLength(rest) || symbolLength(rest);
    if (lead === 0) break;
    rest = rest.slice(lead).trimStart();
  }
  // Without a separator all of it is text, decoration included.
  return rest.replace(/^[:\s]+/, "").trim();
}

/** Length of `[![alt](image)](link)` or `![alt](image)` at the beginning, or 0. */
function badgeLength(text: string): number {
  if (text.startsWith("[![")) {
    const image = text.indexOf(")](");
    const end = image === -1 ? -1 : text.indexOf(")", image + 3);
    return end + 1;
  }
  if (!text.startsWith("![")) return 0;
  const close = text.indexOf("](");
  const end = close === -1 ? -1 : text.indexOf(")", close);
  return end + 1;
}

/** Length of `(remark)` that a separator follows, or 0; one link may stand in it. */
function remarkLength(text: string): number {
  if (!text.startsWith("(")) return 0;
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === "(") depth += 1;
    else if (char === ")") depth -= 1;
    if (depth === 0) {
      return /^\s*(?::|[-–—])\s/.test(text.slice(index + 1, index + 12)) ? index + 1 : 0;
    }
  }
  return 0;
}

/** Length of a run of emoji and other symbols, or 0; letters, digits and ASCII end it. */
function symbolLength(text: string): number {
  const run = /^(?:(?![–—])[\p{So}\p{Sk}\p{Cf}\p{M}\u200D\uFE0F]|\p{Emoji_Presentation})+/u.exec(
    text,
  );
  return run?.[0].length ?? 0;
}

/**
 * Makes markdown inside a description readable as plain text: badges go, links leave their text,
 * `<placeholders>` stay.
 *
 * @param text A description.
 * @returns Plain text.
 */
export function plainText(text: string): string {
  return text
    .replace(/\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)/g, "")
    .replace(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replace(/\[([^\[\]]+)\]\([^()]*\)/g, "$1")
    .replaceAll("**", "")
    .trim();
}
