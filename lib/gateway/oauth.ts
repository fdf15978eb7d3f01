/**
 * Signing in to remote servers by OAuth 2.1, as MCP has it: discovery (RFC 9728, RFC 8414),
 * registration (RFC 7591), PKCE (RFC 7636), the server named as resource (RFC 8707), the answer
 * taken on the loopback interface (RFC 8252); tokens are kept, renewed, and dropped when they are
 * of no use any more. Needs net permission for the servers and for 127.0.0.1, and write permission
 * for the state directory, through what it is given.
 *
 * @example
 * ```ts ignore
 * const oauth = new OAuth({ net, clock, listen, store: new OAuthStore({ disk, log }), disk, log });
 * const token = await oauth.renew({
 *   server: new URL("https://mcp.example/mcp"),
 *   authorize: async ({ url }) => void console.log(`Open ${url}`),
 * });
 * ```
 *
 * @module
 */

import { abortError, deadline, throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Disk, Log } from "../core/host.ts";
import type { Listen, Net } from "../core/http.ts";
import { Limiter } from "../core/limiter.ts";
import { SingleFlight } from "../core/single_flight.ts";
import { type Heard, isLoopback, netFetch } from "./net_fetch.ts";
import { codeOf, SignInFetch } from "./oauth_exchange.ts";
import { type OAuthClient, SignIn, type SignInOptions } from "./oauth_provider.ts";
import { listenForRedirect } from "./oauth_redirect.ts";
import type { OAuthRecord, OAuthStore } from "./oauth_store.ts";
import { auth } from "./sdk.ts";

/** What {@linkcode OAuth} works with. */
export interface OAuthDeps {
  /** Asks servers and authorization servers. */
  readonly net: Net;
  /** Measures time limits. */
  readonly clock: Clock;
  /** Takes the browser's answer. */
  readonly listen: Listen;
  /** Where tokens and registrations are kept. */
  readonly store: OAuthStore;
  /** Holds the lock under which one process at a time renews. */
  readonly disk: Pick<Disk, "lock">;
  /** Told what happens, without any secret. */
  readonly log: Log;
}

/** How {@linkcode OAuth} waits. */
export interface OAuthOptions {
  /** Time for a person to sign in, in milliseconds. @default {300000} */
  readonly authorizeTimeoutMs?: number;
}

/** What a person is asked to do. */
export interface AuthorizeRequest {
  /** The page to open in a browser. */
  readonly url: URL;
  /** The server that it is for. */
  readonly server: URL;
  /** Where the browser is sent afterwards: an address of this machine. */
  readonly redirectUrl: URL;
}

/**
 * Hands a page to a person: opens it, prints it, or elicits it.
 *
 * @returns The address that the browser ended at, where the person gave it by hand since the
 * browser runs on another machine; `undefined` once the page is handed over.
 * @throws {AppError} When the person declines; the sign-in then ends with it.
 */
export type Authorize = (
  request: AuthorizeRequest,
  options: { readonly signal: AbortSignal },
) => Promise<URL | undefined>;

/** What a server said when it asked for a token (RFC 6750, 3; RFC 9728, 5.1). */
export interface Challenge {
  /** Where it describes itself. */
  readonly resourceMetadataUrl?: URL;
  /** What the token must allow. */
  readonly scope?: string;
  /** The token is good, but does not allow enough; to renew it is of no use. */
  readonly insufficientScope?: boolean;
}

/** A token that is needed. */
export interface RenewRequest {
  /** The server that wants it. */
  readonly server: URL;
  /** The token that it has refused. */
  readonly rejected?: string;
  /** What it said. */
  readonly challenge?: Challenge;
  /** Hands a page to a person; without it, what is kept is renewed or nothing. */
  readonly authorize?: Authorize;
  /** A client that the operator registered. */
  readonly client?: OAuthClient;
  /** Who has answered so far, see {@linkcode Heard}. */
  readonly heard?: Heard;
}

const AUTHORIZE_TIMEOUT_MS = 300_000;

/** For metadata, registrations and tokens. */
const EXCHANGE = { maxMessageBytes: 1024 * 1024, answerTimeoutMs: 30_000, bodyTimeoutMs: 30_000 };

/** Time before its end at which a token counts as over. */
const EARLY_MS = 30_000;

/** More than any sign-in needs; a client has to show it. */
const MAX_URL_CHARS = 8_192;

const LOCK = "oauth-renew.lock";

/** Who signs in, to any number of servers. */
export class OAuth {
  readonly #deps: OAuthDeps;
  readonly #authorizeTimeoutMs: number;
  readonly #flights = new SingleFlight<string>();
  readonly #asking = new Map<string, Limiter>();

  /**
   * @param deps Network, time and store.
   * @param options Time limits.
   */
  constructor(deps: OAuthDeps, options: OAuthOptions = {}) {
    this.#deps = deps;
    this.#authorizeTimeoutMs = options.authorizeTimeoutMs ?? AUTHORIZE_TIMEOUT_MS;
  }

  /**
   * The token that is kept for a server.
   *
   * @param server The server.
   * @returns `undefined` when there is none, or when its time is over.
   * @throws {AppError} What the disk says.
   */
  async token(server: URL): Promise<string | undefined> {
    const record = await this.#deps.store.read(server);
    return isOver(record, this.#deps.clock.now()) ? undefined : record.tokens?.access_token;
  }

  /**
   * Gets a token: the kept one where it is another than the refused one, a renewed one, or one that
   * a person signs in for. Who asks for the same server at the same time gets the same.
   *
   * @param request The server, and what it said.
   * @param signal Gives up; the last who does ends the sign-in.
   * @returns The token.
   * @throws {AppError} `UNAUTHORIZED` when a person is needed and cannot be asked, or when there is
   * no way to sign in; `FORBIDDEN` when it was refused; `TIMEOUT` when nobody came back;
   * `ADDRESS_REFUSED`, `BAD_RESPONSE`, `UNREACHABLE`, `UNAVAILABLE`, `CANCELLED`.
   */
  async renew(request: RenewRequest, signal?: AbortSignal): Promise<string> {
    const who = request.authorize === undefined ? "kept" : "person";
    const what = [request.server.href, who, request.challenge?.scope ?? ""];
    return await this.#flights.run(
      JSON.stringify(what),
      (shared) => this.#renew(request, shared),
      signal,
    );
  }

  /**
   * Drops all that is kept for a server.
   *
   * @param server The server.
   * @throws {AppError} What the disk says.
   */
  async forget(server: URL): Promise<void> {
    await this.#deps.store.forget(server);
  }

  async #renew(request: RenewRequest, signal: AbortSignal): Promise<string> {
    const renewed = await this.#renewKept(request, signal);
    if (renewed !== undefined) return renewed;
    const { server, authorize } = request;
    // One sign-in at a time for a server: a second question waits for the first.
    const one = this.#asking.get(server.href) ?? new Limiter(1);
    this.#asking.set(server.href, one);
    if (request.client?.grant !== undefined) {
      return await one.run(() => this.#askAsItself(request, signal), signal);
    }
    if (authorize === undefined) {
      throw new AppError(
        "UNAUTHORIZED",
        `Cannot use "${server.host}": it asks for a sign-in`,
        { hint: "Add it again with registry-add, and sign in there" },
      );
    }
    return await one.run(() => this.#ask({ ...request, authorize }, signal), signal);
  }

  /** Without a person. Under a lock: a refresh token may be good for one use only. */
  async #renewKept(request: RenewRequest, signal: AbortSignal): Promise<string | undefined> {
    const { store, disk, clock, log } = this.#deps;
    const { server, rejected, challenge } = request;
    await using _lock = await disk.lock(LOCK, signal);
    const record = await store.read(server);
    if (record.tokens === undefined) return undefined;
    const { access_token: token, refresh_token: refresh } = record.tokens;
    if (token !== rejected && !isOver(record, clock.now())) return token;
    // A renewed token allows no more than the old one (RFC 6749, 6), which is still good.
    if (challenge?.insufficientScope === true) return undefined;
    const hasClient = record.client !== undefined || request.client?.id !== undefined;
    if (refresh !== undefined && record.redirectUrl !== undefined && hasClient) {
      const { redirectUrl } = record;
      const signIn = this.#signIn(request, { redirectUrl, renewOnly: true });
      const exchange = this.#fetch(request, signal);
      const outcome = await exchange.guard(() => this.#auth(signIn, request, { exchange }));
      if (outcome === "AUTHORIZED") {
        log.info("renewed the sign-in to a server", { server: server.host });
        return (await store.read(server)).tokens?.access_token;
      }
      // Only who says no to the refresh token ends it; who is out of order may not.
      exchange.throwIfDown();
    }
    log.info("dropped the sign-in to a server, which is not accepted any more", {
      server: server.host,
    });
    await store.update(server, ({ client, redirectUrl }) => ({ client, redirectUrl }));
    return undefined;
  }

  /** As a client that needs no person. */
  async #askAsItself(request: RenewRequest, signal: AbortSignal): Promise<string> {
    const { server, challenge, client } = request;
    const { grant } = client ?? {};
    const provider = grant?.kind === "id_jag" ? grant.provider.tokenUrl : server;
    // Whoever names the provider is the operator: who else answered so far is not asked about it.
    const asking = new SignInFetch(netFetch(this.#deps, { ...EXCHANGE, server: provider }), {
      server: provider,
      signal,
      secrets: [],
    });
    const signIn = this.#signIn(request, {
      askProvider: asking.fetch,
      ...(challenge?.scope === undefined ? {} : { scope: challenge.scope }),
    });
    const exchange = this.#fetch(request, signal);
    await exchange.guard(() => this.#auth(signIn, request, { exchange }));
    return await this.#gained(server);
  }

  /** The token that a sign-in has left. */
  async #gained(server: URL): Promise<string> {
    const { store, log } = this.#deps;
    const token = (await store.read(server)).tokens?.access_token;
    if (token === undefined) {
      throw new AppError("BAD_RESPONSE", `Cannot sign in to "${server.host}": it gave no token`, {
        hint: "Try again",
      });
    }
    log.info("signed in to a server", { server: server.host });
    return token;
  }

  /** With a person. */
  async #ask(
    request: RenewRequest & { readonly authorize: Authorize },
    signal: AbortSignal,
  ): Promise<string> {
    const { store, log } = this.#deps;
    const { server, client } = request;
    const record = await store.read(server);
    const port = client?.redirectPort ?? portOf(record.redirectUrl);
    await using redirect = await listenForRedirect(
      this.#deps,
      port === undefined ? {} : { port },
    );
    const redirectUrl = redirect.url.href;
    // Many servers know the one address only that a client was registered with.
    if (redirectUrl !== record.redirectUrl || isExpired(record, this.#deps.clock.now())) {
      await this.#unregister(request);
    }
    const signIn = this.#signIn(request, { redirectUrl });
    const exchange = this.#fetch(request, signal);
    try {
      await exchange.guard(() => this.#auth(signIn, request, { exchange }));
    } catch (thrown) {
      // Nothing is where only a guess led to.
      const isAnswer = toAppError(thrown).code === "BAD_RESPONSE";
      throw isAnswer && signIn.isGuess ? signIn.noServer() : thrown;
    }
    const url = signIn.authorizationUrl;
    if (url === undefined || !isShowable(url)) {
      throw new AppError(
        "ADDRESS_REFUSED",
        `Cannot sign in to "${server.host}": its sign-in page is at no plain https address`,
        { hint: "Report it to the server's makers" },
      );
    }
    log.info("a server asks for a sign-in", { server: server.host, at: url.host });
    try {
      const answer = await this.#answer({ url, server, redirectUrl: redirect.url }, {
        authorize: request.authorize,
        answered: redirect.expect(signIn.state()),
        signal,
      });
      const authorizationCode = codeOf(answer, signIn, server);
      await exchange.guard(() => this.#auth(signIn, request, { exchange, authorizationCode }));
    } catch (thrown) {
      // A server that has forgotten us shows its page and never answers: register anew next time.
      await this.#unregister(request);
      throw thrown;
    }
    return await this.#gained(server);
  }

  /** Forgets a registration; what an operator registered stays bound to where it was used. */
  async #unregister({ server, client }: RenewRequest): Promise<void> {
    if (client?.id !== undefined) return;
    await this.#deps.store.update(server, ({ client: _, redirectUrl: __, ...rest }) => rest);
  }

  /** Hands over the page and waits for whoever has the answer first. */
  async #answer(
    request: AuthorizeRequest,
    { authorize, answered, signal }: {
      readonly authorize: Authorize;
      readonly answered: Promise<URLSearchParams>;
      readonly signal: AbortSignal;
    },
  ): Promise<URLSearchParams> {
    throwIfAborted(signal);
    const over = new AbortController();
    using limit = deadline(this.#deps.clock, this.#authorizeTimeoutMs, signal);
    const late = Promise.withResolvers<never>();
    const stop = (): void => late.reject(this.#nobodyCame(request.server, limit.signal));
    limit.signal.addEventListener("abort", stop, { once: true });
    const byHand = authorize(request, { signal: AbortSignal.any([limit.signal, over.signal]) })
      .then((url) => url === undefined ? late.promise : url.searchParams);
    // Whichever is not waited for any more may fail unseen.
    byHand.catch(() => {});
    try {
      return await Promise.race([answered, byHand, late.promise]);
    } finally {
      limit.signal.removeEventListener("abort", stop);
      over.abort();
    }
  }

  #nobodyCame(server: URL, signal: AbortSignal): AppError {
    const error = abortError(signal);
    if (error.code !== "TIMEOUT") return error;
    const seconds = this.#authorizeTimeoutMs / 1000;
    return new AppError(
      "TIMEOUT",
      `Cannot sign in to "${server.host}": nobody came back from its page in ${seconds} s`,
      { retryable: true, hint: "Try again, and open the page that is shown in a browser" },
    );
  }

  #signIn(
    { server, client }: RenewRequest,
    options: Pick<SignInOptions, "askProvider" | "redirectUrl" | "renewOnly" | "scope">,
  ): SignIn {
    return new SignIn(this.#deps, {
      ...options,
      server,
      ...(client === undefined ? {} : { client }),
    });
  }

  #fetch({ server, heard, client }: RenewRequest, signal: AbortSignal): SignInFetch {
    const ask = netFetch(this.#deps, {
      ...EXCHANGE,
      server,
      otherOrigins: true,
      ...(heard === undefined ? {} : { heard }),
    });
    const { secret, privateKey, grant } = client ?? {};
    const idToken = grant?.kind === "id_jag" ? grant.provider.idToken : undefined;
    const secrets = [secret, privateKey, idToken].filter((value) => value !== undefined);
    return new SignInFetch(ask, { server, signal, secrets });
  }

  #auth(
    signIn: SignIn,
    { server, challenge = {} }: RenewRequest,
    { exchange, authorizationCode }: {
      readonly exchange: SignInFetch;
      readonly authorizationCode?: string;
    },
  ): Promise<"AUTHORIZED" | "REDIRECT"> {
    const { resourceMetadataUrl, scope } = challenge;
    return auth(signIn, {
      serverUrl: server,
      fetchFn: exchange.fetch,
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
      ...(scope === undefined ? {} : { scope }),
      ...(authorizationCode === undefined ? {} : { authorizationCode }),
    });
  }
}

/** Whether the kept tokens are past their time, as far as that is known. */
function isOver({ tokens, obtainedAtMs }: OAuthRecord, nowMs: number): boolean {
  if (tokens?.expires_in === undefined || obtainedAtMs === undefined) return false;
  const lifeMs = tokens.expires_in * 1000;
  return nowMs >= obtainedAtMs + lifeMs - Math.min(EARLY_MS, lifeMs / 2);
}

/** Whether the registration's secret is past its time (RFC 7591, 3.2.1; 0 is never). */
function isExpired({ client }: OAuthRecord, nowMs: number): boolean {
  const endSeconds = client?.client_secret_expires_at ?? 0;
  return endSeconds !== 0 && nowMs >= endSeconds * 1000;
}

function portOf(url: string | undefined): number | undefined {
  const port = url === undefined ? undefined : URL.parse(url)?.port;
  return port === undefined || port === "" ? undefined : Number(port);
}

/** Whether a person may be sent there: nothing that misleads, and nothing that anybody can read. */
function isShowable(url: URL): boolean {
  if (url.username !== "" || url.password !== "" || url.href.length > MAX_URL_CHARS) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url));
}
