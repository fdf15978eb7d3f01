/**
 * Whether an address may come from a URI template (RFC 6570): its fixed parts, in their order. An
 * expression may stand for anything, so a match says which server to ask, and not that the
 * resource exists. Needs no permission.
 *
 * @module
 */

/** Longer ones are compared with nothing. */
const MAX_CHARS = 8 * 1024;

/**
 * Matches an address; takes time that is linear in the lengths, whatever the template holds.
 *
 * @param template A URI template, such as `test://{id}/data`.
 * @param uri An address.
 * @returns Characters of the template's fixed parts: the higher, the closer the match. `undefined`:
 * the address does not come from it.
 */
export function matchTemplate(template: string, uri: string): number | undefined {
  if (template.length > MAX_CHARS || uri.length > MAX_CHARS) return undefined;
  const parts = template.split(/\{[^{}]*\}/);
  const first = parts[0] ?? "";
  const last = parts.length === 1 ? "" : parts.at(-1) ?? "";
  if (parts.length === 1) return uri === first ? first.length : undefined;
  if (!uri.startsWith(first) || !uri.endsWith(last)) return undefined;
  let at = first.length;
  const end = uri.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = uri.indexOf(part, at);
    if (found === -1 || found + part.length > end) return undefined;
    at = found + part.length;
  }
  return at > end ? undefined : parts.join("").length;
}
