/**
 * One request to a registry, with all that goes with it: queue, authentication, redirects,
 * retries and back-off. Needs no permission: the network is passed in.
 *
 * @module
 */

import { addressKind } from "../core/address.ts";
import { AppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import type { HttpResponse, Net, UrlOrigin } from "../core/http.ts";
import { parseChallenges } from "./challenge.ts";
import type { Keychain } from "./credentials.ts";
import { HostState } from "./host_state.ts";
import { apiHost } from "./reference.ts";
import { type ErrorContext, registryError } from "./registry_error.ts";
import { retryAfterMs } from "./response_facts.ts";
import { Authorizer, TokenRefused } from "./token.ts";

/** What {@linkcode RegistryTransport} needs. */
export interface TransportDeps {
  /** The network. */
  readonly net: Net;
  /** Measures waits and deadlines. */
  readonly clock: Clock;
  /** Is told of retries. */
  readonly log: Log;
  /** Finds credentials. */
  readonly keychain: Keychain;
  /** A number from 0 to below 1, for jitter. */
  readonly random: () => number;
}

/** How {@linkcode RegistryTransport} behaves. */
export interface TransportOptions {
  /** Registries that may be spoken to over plain http, beside loopback. */
  readonly insecureRegistries: ReadonlySet<string>;
  /** Most requests to one registry at once. */
  readonly perHostLimit: number;
}

/** The bounds of one operation, which may take several requests. */
export interface Operation {
  /** Aborts at the deadline, or when the caller cancels. */
  readonly signal: AbortSignal;
  /** The deadline, in milliseconds since the Unix epoch; no wait goes past it. */
  readonly endsMs: number;
}

/** One request. */
export interface RegistryRequest {
  /** The registry's name. */
  readonly registry: string;
  /** The repository's path, for scope and credentials; empty for the registry as a whole. */
  readonly repository: string;
  /** The scope to ask for; empty for none. */
  readonly scope: string;
  /** Path and query below the registry's root. */
  readonly path: string;
  /** What Wharf wants to do, for errors: `read "docker.io/library/alpine:3"`. */
  readonly action: string;
  /** @default {"GET"} */
  readonly method?: "GET" | "HEAD";
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses of 300 and above that the caller handles itself. */
  readonly accept?: readonly number[];
}

/** An answer, and where it came from. */
export interface RegistryAnswer {
  /** A success, or one of the accepted statuses. Read it or cancel it. */
  readonly response: HttpResponse;
  /** Address of the request, before redirects. */
  readonly url: URL;
  /** Where the credential that was used came from; `undefined` for anonymous access. */
  readonly source: string | undefined;
}

const MAX_TRIES = 4;
/** A refused connection seldom heals within a call. */
const MAX_CONNECTION_TRIES = 3;
const MAX_REDIRECTS = 5;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
const RETRIED = new Set([408, 429, 500, 502, 503, 504, 522]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Sends requests to registries. */
export class RegistryTransport {
  readonly #deps: TransportDeps;
  readonly #options: TransportOptions;
  readonly #authorizer: Authorizer;
  readonly #hosts = new Map<string, HostState>();

  /**
   * @param deps Network, clock, log and keychain.
   * @param options Limits and plain registries.
   */
  constructor(deps: TransportDeps, options: TransportOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#authorizer = new Authorizer(deps);
  }

  /**
   * Sends a request until it is answered.
   *
   * @param request What to ask.
   * @param operation The bounds.
   * @returns The answer; its status is below 300 or one that the request accepts.
   * @throws {AppError} What the registry, the network or the deadline says against it.
   */
  async send(request: RegistryRequest, operation: Operation): Promise<RegistryAnswer> {
    const host = this.#host(request.registry);
    for (let attempt = 1;; attempt++) {
      await this.#waitForPause(request, host, operation);
      let answer: RegistryAnswer;
      try {
        answer = await host.limiter.run(
          () => this.#authenticated(request, host, operation),
          operation.signal,
        );
      } catch (thrown) {
        const error = thrown instanceof TokenRefused
          ? await this.#tokenError(request, thrown)
          : thrown;
        const mayRetry = error instanceof AppError && error.retryable &&
          (error.code === "UNREACHABLE"
            ? attempt < MAX_CONNECTION_TRIES
            : error.code !== "TIMEOUT" && attempt < MAX_TRIES);
        if (!mayRetry) throw error;
        this.#backOff(request, host, { attempt, askedMs: error.retryAfterMs, error });
        continue;
      }
      const { response } = answer;
      if (response.status < 300 || request.accept?.includes(response.status)) return answer;
      const askedMs = retryAfterMs(response.headers, this.#deps.clock.now());
      const error = await registryError(response, this.#context(request, answer.source));
      if (!RETRIED.has(response.status) || attempt >= MAX_TRIES) throw error;
      this.#backOff(request, host, { attempt, askedMs, error });
    }
  }

  #host(registry: string): HostState {
    const known = this.#hosts.get(registry);
    if (known !== undefined) return known;
    const host = new HostState(this.#options.perHostLimit, this.#mayBePlain(registry));
    this.#hosts.set(registry, host);
    return host;
  }

  /** Plain http is for loopback, and for what the operator named. */
  #mayBePlain(registry: string): boolean {
    const name = registry.replace(/:\d+$/, "");
    const { insecureRegistries: named } = this.#options;
    return name === "localhost" || name.endsWith(".localhost") ||
      addressKind(name) === "loopback" || named.has(registry) || named.has(name);
  }

  /** Every call to a registry waits out its pause; one that would pass the deadline fails at once. */
  async #waitForPause(
    request: RegistryRequest,
    host: HostState,
    operation: Operation,
  ): Promise<void> {
    const { clock } = this.#deps;
    for (let pause = host.pauseMs(clock); pause > 0; pause = host.pauseMs(clock)) {
      if (clock.now() + pause >= operation.endsMs) {
        const seconds = Math.ceil(pause / 1000);
        const at = new Date(clock.now() + pause).toISOString().replace(/\.\d+Z$/, "Z");
        throw new AppError(
          "RATE_LIMITED",
          `Cannot ${request.action}: ${request.registry} asks to be left alone for ${seconds} s`,
          { hint: `Try again after ${at}`, retryable: true, retryAfterMs: pause },
        );
      }
      await clock.sleep(pause, operation.signal);
    }
  }

  #backOff(
    request: RegistryRequest,
    host: HostState,
    failure: {
      readonly attempt: number;
      readonly askedMs: number | undefined;
      readonly error: AppError;
    },
  ): void {
    const { attempt, askedMs, error } = failure;
    const { clock, random, log } = this.#deps;
    const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
    const waitMs = askedMs ?? doubled * (0.75 + random() / 2);
    host.pause(clock, waitMs);
    log.debug("registry request will be tried again", {
      registry: request.registry,
      code: error.code,
      attempt,
      waitMs: Math.round(waitMs),
    });
  }

  /** Sends; answers one challenge; sends again. */
  async #authenticated(
    request: RegistryRequest,
    host: HostState,
    operation: Operation,
  ): Promise<RegistryAnswer> {
    const known = host.authorization(request.scope, this.#deps.clock);
    const first = await this.#exchange(request, host, { operation, header: known?.header });
    let challenged = first;
    // ECR Public answers 400, not 401, to a bearer token that has expired.
    if (first.response.status === 400 && known?.header.startsWith("Bearer ")) {
      await first.response.cancel();
      host.forget(request.scope);
      challenged = await this.#exchange(request, host, { operation, header: undefined });
    }
    const { response, url, crossed } = challenged;
    // A challenge from another host is never answered: the credential is this registry's alone.
    if (response.status !== 401 || crossed) {
      return { response, url, source: challenged === first ? known?.source : undefined };
    }
    host.forget(request.scope);
    const challenges = parseChallenges(response.headers.get("www-authenticate") ?? "");
    const { registry, scope } = request;
    const found = await this.#deps.keychain.lookup(request, operation.signal);
    const origin = originAfter(response, "named");
    const authorization = await this.#authorizer.authorize(
      { registry, scope, challenges, url, origin, found },
      operation.signal,
    );
    if (authorization === undefined || authorization.header === known?.header) {
      return { response, url, source: found?.source };
    }
    await response.cancel();
    const second = await this.#exchange(request, host, { operation, header: authorization.header });
    if (second.response.status !== 401) {
      host.remember(scope, { ...authorization, source: found?.source });
    }
    return { response: second.response, url: second.url, source: found?.source };
  }

  /** Sends once, in the scheme that the registry speaks, and follows redirects. */
  async #exchange(
    request: RegistryRequest,
    host: HostState,
    options: { readonly operation: Operation; readonly header: string | undefined },
  ): Promise<Exchanged> {
    if (host.schemeKnown) return await this.#follow(request, host, options);
    try {
      const plain = await this.#follow(request, host, options);
      if (!await saysHttps(plain.response)) {
        host.schemeKnown = true;
        return plain;
      }
    } catch (thrown) {
      const mayBeTls = thrown instanceof AppError && thrown.code === "UNREACHABLE";
      if (!mayBeTls) throw thrown;
      // A TLS server drops what it does not understand; if nothing answers https either, the
      // plain attempt's error is the one to show.
      return await this.#overTls(request, host, { ...options, plainError: thrown });
    }
    return await this.#overTls(request, host, options);
  }

  async #overTls(
    request: RegistryRequest,
    host: HostState,
    options: {
      readonly operation: Operation;
      readonly header: string | undefined;
      readonly plainError?: AppError;
    },
  ): Promise<Exchanged> {
    host.scheme = "https:";
    try {
      const answer = await this.#follow(request, host, options);
      host.schemeKnown = true;
      return answer;
    } catch (thrown) {
      host.scheme = "http:";
      const { plainError } = options;
      const isAbsent = thrown instanceof AppError &&
        /refused|broke off|not speak TLS/.test(thrown.message);
      throw plainError !== undefined && isAbsent ? plainError : thrown;
    }
  }

  async #follow(
    request: RegistryRequest,
    host: HostState,
    options: { readonly operation: Operation; readonly header: string | undefined },
  ): Promise<Exchanged> {
    const first = new URL(request.path, `${host.scheme}//${apiHost(request.registry)}`);
    let url = first;
    let origin: UrlOrigin = "named";
    let { header } = options;
    let crossed = false;
    for (let hop = 0;; hop++) {
      const response = await this.#deps.net.fetch({
        url,
        method: request.method ?? "GET",
        headers: { ...request.headers, ...(header === undefined ? {} : { authorization: header }) },
        origin,
        timeoutMs: Math.max(1, options.operation.endsMs - this.#deps.clock.now()),
        signal: options.operation.signal,
      });
      const location = response.headers.get("location");
      if (!REDIRECTS.has(response.status) || location === null) {
        return { response, url: first, crossed };
      }
      await response.cancel();
      const next = URL.parse(location, url);
      checkRedirect(request, { from: url, to: next, hop });
      if (next === null) return { response, url: first, crossed };
      origin = originAfter(response, origin);
      if (next.host !== url.host) {
        // RFC 9110, 15.4: what authenticates to one host is not for another. It does not come
        // back either when a chain returns, since somebody else then chose the path.
        header = undefined;
        crossed = true;
      }
      url = next;
    }
  }

  #context(request: RegistryRequest, source: string | undefined): ErrorContext {
    return {
      action: request.action,
      registry: request.registry,
      repository: request.repository,
      source,
      withheld: source === undefined ? this.#deps.keychain.withheld(request.registry) : undefined,
      nowMs: this.#deps.clock.now(),
    };
  }

  async #tokenError(request: RegistryRequest, refused: TokenRefused): Promise<AppError> {
    const found = await this.#deps.keychain.lookup(request);
    // 403 is how some token servers say 401.
    const status = refused.status === 403 || refused.status === 400 ? 401 : refused.status ?? 401;
    return await registryError({
      status,
      headers: refused.headers,
      peer: undefined,
      bytes: () => Promise.resolve(new Uint8Array(0)),
      async *stream() {},
      cancel: () => Promise.resolve(),
    }, this.#context(request, found?.source));
  }
}

interface Exchanged {
  readonly response: HttpResponse;
  readonly url: URL;
  /** Whether a redirect led to another host. */
  readonly crossed: boolean;
}

/** What a public host says is not trusted to name private addresses. */
function originAfter(response: HttpResponse, before: UrlOrigin): UrlOrigin {
  const isInside = response.peer === "private" || response.peer === "loopback";
  return isInside && before === "named" ? "named" : "derived";
}

/** A Go or nginx server that expects TLS answers plain http with a 400 that says so. */
async function saysHttps(response: HttpResponse): Promise<boolean> {
  if (response.status !== 400) return false;
  const body = await response.bytes({ maxBytes: 64 * 1024 }).catch(() => new Uint8Array(0));
  return /https/i.test(new TextDecoder().decode(body));
}

function checkRedirect(
  request: RegistryRequest,
  step: { readonly from: URL; readonly to: URL | null; readonly hop: number },
): void {
  const { from, to, hop } = step;
  const fault = to === null || !/^https?:$/.test(to.protocol)
    ? "its target is not a web address"
    : from.protocol === "https:" && to.protocol === "http:"
    ? "it leads from https to http"
    : hop >= MAX_REDIRECTS
    ? `there are more than ${MAX_REDIRECTS}`
    : undefined;
  if (fault === undefined) return;
  throw new AppError(
    "ADDRESS_REFUSED",
    `Cannot ${request.action}: the redirect of "${from.host}" is refused, ${fault}`,
    { hint: "Check the registry's configuration" },
  );
}
