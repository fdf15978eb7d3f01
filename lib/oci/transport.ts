/**
 * One request to a registry, with all that goes with it: queue, authentication, redirects,
 * retries and back-off. Needs no permission: the network is passed in.
 *
 * A body is read as a part of its request: a connection that breaks in its middle is tried again
 * like one that breaks before it, and the limit per registry bounds bodies too.
 *
 * @module
 */

import { addressKind } from "../core/address.ts";
import { AppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import type { HttpResponse, Net } from "../core/http.ts";
import { parseChallenges } from "./challenge.ts";
import type { Keychain } from "./credentials.ts";
import { exchange, type Exchanged, type Operation, type RegistryRequest } from "./exchange.ts";
import { HostState } from "./host_state.ts";
import { originAfter } from "./redirect.ts";
import { type Refusal, registryError } from "./registry_error.ts";
import { retryAfterMs } from "./response_facts.ts";
import { type Authorization, Authorizer, TokenRefused } from "./token.ts";

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

/** An answer, and how it was got. */
export interface RegistryAnswer {
  /** Below 300, or one of the accepted statuses. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** The body of a success; empty for an accepted status. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Address of the request, before redirects. */
  readonly url: URL;
  /** What authenticated the request; `undefined` where nothing was asked for. */
  readonly authorization: Authorization | undefined;
}

const MAX_TRIES = 4;
/** A refused connection seldom heals within a call. */
const MAX_CONNECTION_TRIES = 3;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
const RETRIED = new Set([408, 429, 500, 502, 503, 504, 522]);
/** A model may name any number of registries. */
const MAX_HOSTS = 500;

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
    for (let attempt = 1;;) {
      await this.#waitForPause(request, host, operation);
      const outcome = await host.limiter.run(async () => {
        // A pause may have begun while this call stood in the queue.
        if (host.pause(this.#deps.clock) !== undefined) return undefined;
        const tried = await this.#attempt(request, host, operation);
        // The pause has to begin before the place in the queue is free.
        return "error" in tried
          ? this.#backOff(request, host, { ...tried, attempt, operation })
          : tried;
      }, operation.signal);
      if (outcome === undefined) continue;
      if (!("aloneMs" in outcome)) return outcome;
      attempt++;
      if (outcome.aloneMs > 0) await this.#deps.clock.sleep(outcome.aloneMs, operation.signal);
    }
  }

  #host(registry: string): HostState {
    const known = this.#hosts.get(registry);
    if (known !== undefined) return known;
    const host = new HostState(this.#options.perHostLimit, this.#mayBePlain(registry));
    this.#hosts.set(registry, host);
    for (const oldest of this.#hosts.keys()) {
      if (this.#hosts.size <= MAX_HOSTS) break;
      this.#hosts.delete(oldest);
    }
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
    for (let pause = host.pause(clock); pause !== undefined; pause = host.pause(clock)) {
      const waitMs = pause.untilMs - clock.now();
      if (pause.untilMs < operation.endsMs) {
        await clock.sleep(waitMs, operation.signal);
        continue;
      }
      const { registry, action } = request;
      const at = new Date(pause.untilMs).toISOString().replace(/\.\d+Z$/, "Z");
      const state = pause.asked
        ? `${registry} asks to be left alone for ${Math.ceil(waitMs / 1000)} s`
        : `${registry} has just failed, and there is no time for another try`;
      throw new AppError(
        pause.asked ? "RATE_LIMITED" : "UNAVAILABLE",
        `Cannot ${action}: ${state}`,
        { hint: `Try again after ${at}`, retryable: true, retryAfterMs: waitMs },
      );
    }
  }

  /** One try: the answer, or why there is none. */
  async #attempt(
    request: RegistryRequest,
    host: HostState,
    operation: Operation,
  ): Promise<RegistryAnswer | Failure> {
    const { accept = [] } = request;
    try {
      const { response, refusal, url, used, redirectedTo } = await this.#authenticated(
        request,
        host,
        operation,
      );
      const { status, headers } = response;
      const answer = { status, headers, url, authorization: used };
      if (refusal === undefined) return { ...answer, bytes: await readBody(response, request) };
      if (accept.includes(status)) return { ...answer, bytes: new Uint8Array(0) };
      return this.#failure(request, refusal, { source: used?.source, redirectedTo });
    } catch (thrown) {
      if (thrown instanceof TokenRefused) return this.#tokenFailure(request, thrown);
      if (!(thrown instanceof AppError)) throw thrown;
      const tries = thrown.code === "UNREACHABLE" && thrown.retryable ? MAX_CONNECTION_TRIES : 1;
      return { error: thrown, tries, askedMs: undefined, ofOtherHost: false };
    }
  }

  #failure(
    request: RegistryRequest,
    refusal: Refusal,
    from: { readonly source: string | undefined; readonly redirectedTo: string | undefined },
  ): Failure {
    const { clock, keychain } = this.#deps;
    const { action, registry, repository } = request;
    const { source, redirectedTo } = from;
    const nowMs = clock.now();
    const isRetried = RETRIED.has(refusal.status);
    return {
      error: registryError(refusal, {
        action,
        registry,
        repository,
        source,
        withheld: source === undefined ? keychain.withheld(registry) : undefined,
        redirectedTo,
        nowMs,
      }),
      tries: isRetried ? MAX_TRIES : 1,
      askedMs: isRetried ? retryAfterMs(refusal.headers, nowMs) : undefined,
      ofOtherHost: redirectedTo !== undefined,
    };
  }

  /** A token server's refusal means for the caller what the registry's own would mean. */
  #tokenFailure(request: RegistryRequest, refused: TokenRefused): Failure {
    const { refusal, source } = refused;
    // RFC 6749, 5.2 says 400 for a wrong credential; some servers say 403.
    const status = [400, 401, 403].includes(refusal.status) ? 401 : refusal.status;
    if (status !== 401 && !RETRIED.has(status)) {
      return { error: refused, tries: 1, askedMs: undefined, ofOtherHost: false };
    }
    return this.#failure(request, { ...refusal, status }, { source, redirectedTo: undefined });
  }

  /**
   * Makes the registry's callers wait after a failure; throws it when it is the last.
   *
   * @returns What this call alone has to wait.
   */
  #backOff(
    request: RegistryRequest,
    host: HostState,
    failed: Failure & { readonly attempt: number; readonly operation: Operation },
  ): { readonly aloneMs: number } {
    const { error, attempt, tries, askedMs, operation } = failed;
    const { clock, random, log } = this.#deps;
    const isLast = attempt >= tries;
    if (isLast && askedMs === undefined) throw error;
    const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
    // "Retry-After: 0" is no leave to hammer.
    const waitMs = Math.max(askedMs ?? 0, doubled * (0.75 + random() / 2));
    const untilMs = clock.now() + waitMs;
    // What a redirect led to asks for itself, not for the registry.
    if (!failed.ofOtherHost) host.pauseUntil({ untilMs, asked: askedMs !== undefined });
    if (isLast || untilMs >= operation.endsMs) throw error;
    log.debug("registry request will be tried again", {
      registry: request.registry,
      code: error.code,
      attempt,
      waitMs: Math.round(waitMs),
    });
    return { aloneMs: failed.ofOtherHost ? waitMs : 0 };
  }

  /** Sends; answers one challenge; sends again. */
  async #authenticated(
    request: RegistryRequest,
    host: HostState,
    operation: Operation,
  ): Promise<Exchanged> {
    const { scope } = request;
    const known = host.authorization(scope, this.#deps.clock);
    let first = await exchange(this.#deps, request, { host, operation, used: known });
    // ECR Public answers 400, not 401, to a bearer token that has expired.
    if (
      first.response.status === 400 && known?.scheme === "bearer" &&
      first.redirectedTo === undefined
    ) {
      host.forget(scope, known);
      first = await exchange(this.#deps, request, { host, operation, used: undefined });
    }
    // A challenge from another host is never answered: the credential is this registry's alone.
    if (first.response.status !== 401 || first.redirectedTo !== undefined) return first;
    host.forget(scope, first.used);
    const authorization = await this.#authorization(request, host, {
      challenged: first,
      operation,
    });
    if (authorization === undefined || authorization.header === first.used?.header) return first;
    const second = await exchange(this.#deps, request, { host, operation, used: authorization });
    if (second.response.status === 401 && second.redirectedTo === undefined) {
      host.forget(scope, authorization);
    }
    return second;
  }

  /** What answers a challenge: got once, however many calls meet the challenge at the same time. */
  async #authorization(
    request: RegistryRequest,
    host: HostState,
    options: { readonly challenged: Exchanged; readonly operation: Operation },
  ): Promise<Authorization | undefined> {
    const { registry, scope } = request;
    const { challenged: { response, url }, operation } = options;
    // Another call may have met it while this one's request was on its way.
    const newer = host.authorization(scope, this.#deps.clock);
    if (newer !== undefined) return newer;
    return await host.flights.run(scope, async (signal) => {
      const authorization = await this.#authorizer.authorize({
        registry,
        scope,
        challenges: parseChallenges(response.headers.get("www-authenticate") ?? ""),
        url,
        origin: originAfter(response),
        found: await this.#deps.keychain.lookup(request, signal),
      }, signal);
      if (authorization !== undefined) host.remember(scope, authorization);
      return authorization;
    }, operation.signal);
  }
}

interface Failure {
  readonly error: AppError;
  /** How often a request is sent that fails like this. */
  readonly tries: number;
  /** The pause that the other side asked for. */
  readonly askedMs: number | undefined;
  /** Whether it was not the registry that failed, but what it redirected to. */
  readonly ofOtherHost: boolean;
}

async function readBody(
  response: HttpResponse,
  { action, maxBytes }: RegistryRequest,
): Promise<Uint8Array<ArrayBuffer>> {
  if (maxBytes === 0) {
    await response.cancel();
    return new Uint8Array(0);
  }
  try {
    return await response.bytes({ maxBytes });
  } catch (thrown) {
    // The text of this error knows only a number.
    if (!(thrown instanceof AppError && thrown.code === "TOO_LARGE")) throw thrown;
    throw new AppError(
      "TOO_LARGE",
      `Cannot ${action}: the answer is larger than ${maxBytes} bytes`,
      { cause: thrown, hint: "Wharf reads no more; another tool has to fetch it" },
    );
  }
}
