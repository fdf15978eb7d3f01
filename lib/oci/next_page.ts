/**
 * The way from one page of a listing to the next (distribution-spec, "Listing Tags"). Needs no
 * permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { nextLink } from "./link.ts";

/**
 * Reads the `Link` of a page.
 *
 * @param headers The page's headers.
 * @param from The page's address.
 * @param what Names the listing in errors: `the tags of "ghcr.io/org/app"`.
 * @returns Path and query of the next page, or `undefined` for the last one.
 * @throws {AppError} `BAD_RESPONSE` for a link to another host: the credential is not for it.
 */
export function nextPagePath(headers: Headers, from: URL, what: string): string | undefined {
  const next = nextLink(headers, from);
  if (next === undefined) return undefined;
  // Behind a proxy a registry may not know its own scheme; what is asked is the known host anyway.
  const isSame = next.hostname === from.hostname &&
    (next.port === from.port || next.protocol !== from.protocol);
  if (isSame) return next.pathname + next.search;
  throw new AppError(
    "BAD_RESPONSE",
    `Cannot read ${what}: the next page is on another host, "${next.host}"`,
    { hint: "Check the registry's configuration of its own address" },
  );
}
