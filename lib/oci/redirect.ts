/**
 * One step of a redirect, as a registry client may take it: bounded, never from https to http, and
 * with the address policy of whoever sent it. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { HttpResponse, UrlOrigin } from "../core/http.ts";

/** An address on the way. */
export interface Hop {
  /** The address. */
  readonly url: URL;
  /** How far it is trusted to be inside of a private network. */
  readonly origin: UrlOrigin;
}

/** The bounds of a chain of redirects. */
export interface HopOptions {
  /** What Wharf wants to do, for errors: `read "docker.io/library/alpine:3"`. */
  readonly action: string;
  /** Redirects that were followed already. */
  readonly followed: number;
  /** Most redirects to follow. */
  readonly most: number;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Where an answer redirects to. The caller drops what authenticates it as soon as the host
 * changes (RFC 9110, 15.4; distribution-spec, "Redirects").
 *
 * @param response An answer; a redirect's body is dropped.
 * @param from The address that gave it.
 * @param options The bounds.
 * @returns The next address, or `undefined` when the answer is no redirect.
 * @throws {AppError} `ADDRESS_REFUSED` or `BAD_RESPONSE` for a step that must not be taken.
 */
export async function nextHop(
  response: HttpResponse,
  from: Hop,
  options: HopOptions,
): Promise<Hop | undefined> {
  const location = response.headers.get("location");
  if (!REDIRECTS.has(response.status) || location === null) return undefined;
  await response.cancel();
  const { action, followed, most } = options;
  const cannot = `Cannot ${action}: the redirect of "${from.url.host}"`;
  const url = URL.parse(location, from.url);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError("BAD_RESPONSE", `${cannot} leads to no web address`, {
      hint: "Check the registry's configuration",
    });
  }
  if (from.url.protocol === "https:" && url.protocol === "http:") {
    throw new AppError("ADDRESS_REFUSED", `${cannot} leads from https to http`, {
      hint: "Check the registry's configuration; Wharf gives up no encryption",
    });
  }
  if (followed >= most) {
    throw new AppError("BAD_RESPONSE", `${cannot} is one of more than ${most} in a row`, {
      hint: "Check the registry's configuration; it may redirect in a circle",
    });
  }
  return { url, origin: originAfter(response) };
}

/**
 * How far an address from an answer is trusted: what a public host says may not name private
 * addresses. What follows from that may not either, since the way then never leads inside.
 *
 * @param response The answer that holds the address.
 * @returns The origin of the address.
 */
export function originAfter(response: HttpResponse): UrlOrigin {
  return response.peer === "private" || response.peer === "loopback" ? "named" : "derived";
}
