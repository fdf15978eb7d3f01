/**
 * `Link` headers (RFC 8288), as registries page with them. Needs no permission.
 *
 * @module
 */

import { HeaderReader } from "./header_reader.ts";

/** One link. */
export interface Link {
  /** What stands between `<` and `>`. */
  readonly target: string;
  /** Parameters by their name in lower case; the first of a name counts. */
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Parses links. Garbage gives none.
 *
 * @param header The value of `Link`; several fields joined with commas.
 * @returns The links in their order.
 */
export function parseLinks(header: string): readonly Link[] {
  const reader = new HeaderReader(header);
  const links: Link[] = [];
  while (!reader.done()) {
    if (!reader.take("<")) {
      reader.skip();
      continue;
    }
    const target = reader.until(">");
    if (!reader.take(">")) break;
    const parameters: Record<string, string> = Object.create(null);
    while (!reader.done() && !reader.at(",")) {
      const name = reader.token().toLowerCase();
      if (name === "") {
        reader.skip();
        continue;
      }
      reader.blanks();
      const given = reader.take("=");
      reader.blanks();
      const value = given ? reader.value() : "";
      parameters[name] ??= value;
    }
    links.push({ target: target.trim(), parameters });
  }
  return links;
}

/**
 * The address of the next page.
 *
 * @param headers A page's headers.
 * @param base The page's own address, for a relative target.
 * @returns The first link of relation `next`, or `undefined`.
 */
export function nextLink(headers: Headers, base: URL): URL | undefined {
  const header = headers.get("link");
  if (header === null) return undefined;
  for (const { target, parameters } of parseLinks(header)) {
    const relations = (parameters["rel"] ?? "").toLowerCase().split(/\s+/);
    if (!relations.includes("next")) continue;
    return URL.parse(target, base) ?? undefined;
  }
  return undefined;
}
