/**
 * Where a browser comes back to after a sign-in: a listener on the loopback interface that takes
 * one answer with the right state and says so on a small page (RFC 8252, 7.3). Needs net
 * permission for 127.0.0.1, through the function it is given.
 *
 * @example
 * ```ts ignore
 * await using redirect = await listenForRedirect({ listen, clock });
 * const parameters = await redirect.expect(state);
 * ```
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { Listen, Listening } from "../core/http.ts";

/** What {@linkcode listenForRedirect} works with. */
export interface RedirectDeps {
  /** Opens the port. */
  readonly listen: Listen;
  /** Measures how long connections may take to close. */
  readonly clock: Clock;
}

/** How to listen. */
export interface RedirectOptions {
  /** The port that a client was registered with; where it is taken, another one. @default any */
  readonly port?: number;
}

/** A listener for one redirect. Disposing it closes its port. */
export interface RedirectListener extends AsyncDisposable {
  /** The address to come back to. */
  readonly url: URL;
  /**
   * Waits for the browser. Answers with another state are turned away and change nothing.
   *
   * @param state The state that the sign-in began with.
   * @returns The parameters that came, `code` or `error` among them.
   */
  expect(state: string): Promise<URLSearchParams>;
}

const HOSTNAME = "127.0.0.1";
const PATH = "/callback";

/** For the page to reach the browser. */
const CLOSE_MS = 1_000;

/**
 * Begins to listen.
 *
 * @param deps Network and time.
 * @param options The port that would be best.
 * @returns The listener.
 * @throws {AppError} `PERMISSION_MISSING`, or `UNAVAILABLE` when no port can be had.
 */
export async function listenForRedirect(
  deps: RedirectDeps,
  options: RedirectOptions = {},
): Promise<RedirectListener> {
  const expected = Promise.withResolvers<URLSearchParams>();
  let state: string | undefined;
  const opened = Promise.withResolvers<string>();
  const cut = new AbortController();

  function answer(request: Request, authority: string): Response {
    const { pathname, searchParams, host } = new URL(request.url);
    // A name that resolves to this machine is no way in (DNS rebinding).
    if (host !== authority) return page(421, "Wrong address.");
    if (pathname !== PATH || request.method !== "GET") return page(404, "Nothing is here.");
    if (state === undefined || !isAnswer(searchParams, state)) {
      return page(400, "This is not the answer that Wharf waits for.");
    }
    // One answer is all there is.
    state = undefined;
    expected.resolve(searchParams);
    return searchParams.has("code")
      ? page(200, "Signed in. You may close this window.")
      : page(200, "Not signed in. You may close this window.");
  }

  const listening = await open(deps.listen, options.port ?? 0, {
    hostname: HOSTNAME,
    signal: cut.signal,
    handler: async (request) => answer(request, await opened.promise),
  });
  opened.resolve(listening.url.host);
  return {
    url: new URL(PATH, listening.url),
    expect(awaited) {
      state = awaited;
      return expected.promise;
    },
    async [Symbol.asyncDispose]() {
      const closed = new AbortController();
      const late = deps.clock.sleep(CLOSE_MS, closed.signal).catch(() => {});
      await Promise.race([listening.shutdown(), late]);
      closed.abort();
      cut.abort();
      await listening.finished;
    },
  };
}

async function open(
  listen: Listen,
  port: number,
  options: Omit<Parameters<Listen>[0], "port">,
): Promise<Listening> {
  try {
    return await listen({ ...options, port });
  } catch (thrown) {
    const error = toAppError(thrown);
    if (port === 0 || error.code !== "UNAVAILABLE") throw error;
    return await listen({ ...options, port: 0 });
  }
}

/** Parameters must not come twice (RFC 6749, 3.1). */
function isAnswer(parameters: URLSearchParams, state: string): boolean {
  const names = ["state", "code", "error", "iss"];
  if (names.some((name) => parameters.getAll(name).length > 1)) return false;
  return parameters.get("state") === state && parameters.has("code") !== parameters.has("error");
}

/** Nothing of the request is repeated: the page cannot carry anything that somebody put there. */
function page(status: number, text: string): Response {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Wharf</title>` +
    `<p style="font:1.2em sans-serif;margin:3em">${text}</p></html>\n`;
  return new Response(html, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      connection: "close",
    },
  });
}
