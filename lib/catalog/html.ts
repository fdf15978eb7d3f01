/**
 * HTML with limits: the only importer of `npm:linkedom`, which is loaded on first
 * use, since loading it takes longer than most commands. Needs no permission.
 *
 * @example
 * ```ts
 * import { loadHtml } from "./html.ts";
 *
 * const readHtml = await loadHtml();
 * readHtml("<main><h1>Time</h1></main>", { what: "page" }).querySelector("h1")?.textContent; // "Time"
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** Longest page that is parsed, in UTF-16 units. */
export const MAX_HTML_CHARS = 3 * 1024 * 1024;

/** Most elements that may be open at once: the parser's time grows with the square of it. */
const MAX_OPEN_ELEMENTS = 3000;

/** A node, as far as Wharf looks at it. */
export interface HtmlNode {
  /** 1: element, 3: text. */
  readonly nodeType: number;
  /** All text inside. */
  readonly textContent: string | null;
}

/** An element, as far as Wharf looks at it. */
export interface HtmlElement extends HtmlNode {
  /** In upper case. */
  readonly tagName: string;
  /** Elements and texts inside. */
  readonly childNodes: Iterable<HtmlNode>;
  /** The next element with the same parent. */
  readonly nextElementSibling: HtmlElement | null;
  /** The attribute's value, or `null`. */
  getAttribute(name: string): string | null;
  /** The first match inside, or `null`. */
  querySelector(selector: string): HtmlElement | null;
  /** All matches inside, in the order of the page. */
  querySelectorAll(selector: string): Iterable<HtmlElement>;
  /** The nearest match, itself included, or `null`. */
  closest(selector: string): HtmlElement | null;
}

/** Reads one page. */
export type HtmlReader = (html: string, options: { readonly what: string }) => HtmlElement;

/**
 * Loads the parser.
 *
 * @returns A reader that gives the root element; scripts are never run. It throws `AppError`
 *   `TOO_LARGE` for a page that is too long or nested too deeply, `BAD_RESPONSE` for one without elements.
 */
export async function loadHtml(): Promise<HtmlReader> {
  const { parseHTML } = await import("linkedom");
  return (html, { what }) => {
    if (html.length > MAX_HTML_CHARS || isTooDeep(html)) {
      throw new AppError(
        "TOO_LARGE",
        `Cannot read "${what}": the page is too long or nested too deeply`,
      );
    }
    if (!/<[a-z!]/i.test(html)) {
      throw new AppError("BAD_RESPONSE", `Cannot read "${what}": it is no HTML page`);
    }
    try {
      // The package's types need the DOM library, which this program does not load.
      const page = parseHTML(html) as unknown as {
        document: { documentElement: HtmlElement | null };
      };
      const root = page.document.documentElement;
      if (root !== null) return root;
    } catch (cause) {
      throw new AppError("BAD_RESPONSE", `Cannot read "${what}": it is no HTML page`, { cause });
    }
    throw new AppError("BAD_RESPONSE", `Cannot read "${what}": it is no HTML page`);
  };
}

/** A linear look at the nesting: an end tag closes something only where its element is open. */
function isTooDeep(html: string): boolean {
  const open = new Map<string, number>();
  let depth = 0;
  for (const [, slash, name = ""] of html.matchAll(/<(\/?)([a-z][a-z0-9-]{0,40})/gi)) {
    const tag = name.toLowerCase();
    if (UNNESTED.has(tag)) continue;
    const count = open.get(tag) ?? 0;
    if (slash === "") {
      open.set(tag, count + 1);
      depth += 1;
    } else if (count > 0) {
      open.set(tag, count - 1);
      depth -= 1;
    }
    if (depth > MAX_OPEN_ELEMENTS) return true;
  }
  return false;
}

/** Elements that have no end, or that end where the next of their kind begins. */
const UNNESTED = new Set(
  "area base br col dd dt embed hr img input li link meta option p source td th tr track wbr".split(
    " ",
  ),
);
