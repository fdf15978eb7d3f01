/**
 * A registry that plays a script: real handlers for any number of hosts, every request recorded.
 * A request that no handler is for fails the test.
 *
 * The same scene plays inside the process, under the address policy of the real network and without
 * any permission, or over real sockets (`tests/integration/quirks_test.ts`).
 *
 * @example
 * ```ts ignore
 * await play(async (scene) => {
 *   scene.host("registry").on("GET /v2/", () => new Response("{}"));
 *   await scene.client().ping(scene.host("registry").name);
 * });
 * ```
 *
 * @module
 */

import assert from "node:assert/strict";
import { type AddressKind, addressKind } from "../../lib/core/address.ts";
import { abortError, throwIfAborted } from "../../lib/core/deadline.ts";
import { AppError } from "../../lib/core/errors.ts";
import type { Clock, Env } from "../../lib/core/host.ts";
import {
  boundedResponse,
  type HttpRequest,
  type HttpResponse,
  type Net,
} from "../../lib/core/http.ts";
import { RegistryClient, type RegistryClientOptions } from "../../lib/oci/client.ts";
import type { ContentCache } from "../../lib/oci/content_cache.ts";
import { type Keychain, openKeychain } from "../../lib/oci/credentials.ts";
import type { Operation } from "../../lib/oci/exchange.ts";
import { RegistryTransport, type TransportOptions } from "../../lib/oci/transport.ts";
import { FakeLog } from "../fake_log.ts";

/** Answers one request; `count` is 1 for the first that the route gets. */
export type Handler = (request: Request, count: number) => Response | Promise<Response>;

/** A request as a host saw it. */
export interface Recorded {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** One host with its script. */
export class ScriptedHost {
  /** All requests, in their order. */
  readonly requests: Recorded[] = [];
  readonly #routes = new Map<string, { readonly handler: Handler; count: number }>();
  readonly #unmatched: string[];
  #origin: string;
  /** What its address is like. */
  readonly kind: AddressKind;

  constructor(origin: string, kind: AddressKind, unmatched: string[]) {
    this.#origin = origin;
    this.kind = kind;
    this.#unmatched = unmatched;
  }

  /** Scheme and host: `https://registry.test`. */
  get origin(): string {
    return this.#origin;
  }

  set origin(origin: string) {
    this.#origin = origin;
  }

  /** Host and port, as a reference has it. */
  get name(): string {
    return new URL(this.#origin).host;
  }

  /** `METHOD path` of every request, in their order. */
  get lines(): readonly string[] {
    return this.requests.map(({ method, path }) => `${method} ${path}`);
  }

  /** Every `Authorization` that arrived. */
  get authorizations(): readonly string[] {
    return this.requests.map(({ headers }) => headers.get("authorization"))
      .filter((value) => value !== null);
  }

  /**
   * Adds a route.
   *
   * @param line `METHOD path`; with a query it is for exactly that query, without one for any.
   * @param handler Answers it.
   */
  on(line: string, handler: Handler): this {
    this.#routes.set(line, { handler, count: 0 });
    return this;
  }

  /** Answers a request by the script. */
  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const path = url.pathname + url.search;
    const { method, headers } = request;
    this.requests.push({ method, path, headers, body: await request.text() });
    const route = this.#routes.get(`${method} ${path}`) ??
      this.#routes.get(`${method} ${url.pathname}`);
    if (route === undefined) {
      this.#unmatched.push(`${method} ${this.origin}${path}`);
      return new Response("no such route in the script", { status: 599 });
    }
    return await route.handler(request, ++route.count);
  }
}

/** Where the hosts of a scene are, and how they are reached. */
export interface Stage {
  readonly net: Net;
  /** Makes a host reachable. Its origin is set here. */
  enter(name: string, host: ScriptedHost): void;
}

/** A connection that breaks before there is an answer. */
export function connectionLost(): never {
  throw new AppError("UNREACHABLE", "Cannot reach the host: the connection broke off", {
    retryable: true,
  });
}

/** A body that breaks off after some bytes. */
export function brokenBody(
  bytes: Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
): Response {
  let isSent = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (isSent) controller.error(new TypeError("the other side hung up"));
      else controller.enqueue(bytes);
      isSent = true;
    },
  });
  return new Response(body, { headers });
}

/** The network inside the process, under the policy of `lib/host/net.ts`. */
export class InProcessStage implements Stage {
  readonly #hosts = new Map<string, ScriptedHost>();
  readonly #unmatched: string[];

  constructor(unmatched: string[]) {
    this.#unmatched = unmatched;
  }

  /** A name with a scheme is the host's origin; others become `https://<name>.test`. */
  enter(name: string, host: ScriptedHost): void {
    host.origin = name.includes("://") ? new URL(name).origin : `https://${name}.test`;
    this.#hosts.set(host.origin, host);
  }

  readonly net: Net = {
    fetch: async (request: HttpRequest): Promise<HttpResponse> => {
      const { url, method = "GET", signal } = request;
      throwIfAborted(signal);
      const host = this.#hosts.get(url.origin);
      const kind = addressKind(url.hostname) ?? host?.kind;
      const isInside = kind === "loopback" || kind === "private";
      if (
        !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" ||
        kind === "link-local" || (request.origin === "derived" && isInside)
      ) {
        throw new AppError("ADDRESS_REFUSED", `Cannot connect to "${url.host}": refused`);
      }
      if (host === undefined) {
        this.#unmatched.push(`${method} ${url.href}`);
        throw new AppError("UNREACHABLE", `Cannot reach "${url.host}": there is no such host`);
      }
      const answer = await untilAborted(
        host.handle(
          new Request(url, {
            method,
            headers: { "accept-encoding": "identity", ...request.headers },
            ...(request.body === undefined ? {} : { body: request.body }),
          }),
        ),
        signal,
      );
      const { status, headers } = answer;
      const response = method === "HEAD" ? new Response(null, { status, headers }) : answer;
      return boundedResponse(response, {
        peer: kind,
        translate: (thrown) =>
          thrown instanceof AppError ? thrown : new AppError(
            "UNREACHABLE",
            `Cannot reach "${url.host}": the connection broke off`,
            { retryable: true, cause: thrown },
          ),
      });
    },
  };
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = () => reject(abortError(signal));
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Passes over short waits and remembers them; longer ones, which are deadlines, never come. */
export class SkippingClock implements Clock {
  /** The waits that were passed over, in milliseconds. */
  readonly skipped: number[] = [];
  #nowMs = Date.UTC(2026, 0, 1);

  now(): number {
    return this.#nowMs;
  }

  /** Moves time on. */
  advance(ms: number): void {
    this.#nowMs += ms;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    if (ms < 20_000) {
      this.skipped.push(ms);
      this.#nowMs += ms;
      return await Promise.resolve();
    }
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = () => {
      if (signal !== undefined) reject(abortError(signal));
    };
    signal?.addEventListener("abort", leave, { once: true });
    await promise;
  }
}

/** A cache in a map. */
export class MapCache implements ContentCache {
  /** What is kept. */
  readonly kept = new Map<string, Uint8Array<ArrayBuffer>>();

  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.resolve(this.kept.get(key));
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    this.kept.set(key, new Uint8Array(bytes));
    return Promise.resolve();
  }
}

/** Hosts, and a client that asks them. */
export class Scene {
  /** Requests that no route was for. */
  readonly unmatched: string[];
  readonly log = new FakeLog();
  readonly cache = new MapCache();
  /** Environment variables, for credentials; to be set before the client is made. */
  readonly env: Record<string, string> = {};
  readonly clock: Clock;
  readonly #stage: Stage;
  readonly #hosts = new Map<string, ScriptedHost>();

  constructor(stage: Stage, clock: Clock, unmatched: string[]) {
    this.#stage = stage;
    this.clock = clock;
    this.unmatched = unmatched;
  }

  /**
   * The host of a name, made when it is first asked for.
   *
   * @param name A name in the script, or an origin.
   * @param kind What its address is like; over sockets all are loopback.
   */
  host(name: string, kind: AddressKind = "public"): ScriptedHost {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host = new ScriptedHost("https://unset.test", kind, this.unmatched);
    this.#hosts.set(name, host);
    this.#stage.enter(name, host);
    return host;
  }

  /** Puts a credential for a registry where Docker keeps it. */
  login(
    registry: string,
    entry: { readonly auth?: string; readonly identitytoken?: string },
  ): void {
    const before: { auths?: Record<string, unknown> } = JSON.parse(
      this.env["DOCKER_AUTH_CONFIG"] ?? "{}",
    );
    this.env["DOCKER_AUTH_CONFIG"] = JSON.stringify({
      auths: { ...before.auths, [registry]: entry },
    });
  }

  /** The real keychain over the scene's variables; there are no files and no helpers. */
  keychain(): Keychain {
    const env: Env = { ...this.env };
    const unused = () => {
      throw new AppError("INTERNAL", "Cannot run a helper: the scene has none");
    };
    return openKeychain({
      env,
      files: { read: () => Promise.resolve(undefined) },
      processes: { start: unused, run: unused },
      log: this.log,
      clock: this.clock,
    });
  }

  /** A client with the scene's network, clock, cache and credentials. */
  client(options: RegistryClientOptions = {}): RegistryClient {
    return new RegistryClient({ ...this.#deps(), cache: this.cache }, options);
  }

  /** The transport alone. */
  transport(options: Partial<TransportOptions> = {}): RegistryTransport {
    return new RegistryTransport(this.#deps(), {
      insecureRegistries: new Set(),
      perHostLimit: 6,
      ...options,
    });
  }

  /** Bounds for one operation of {@linkcode Scene.transport}. */
  operation(timeoutMs = 60_000, signal = new AbortController().signal): Operation {
    return { signal, endsMs: this.clock.now() + timeoutMs };
  }

  #deps() {
    return {
      net: this.#stage.net,
      clock: this.clock,
      log: this.log,
      keychain: this.keychain(),
      random: () => 0.5,
    };
  }
}

/**
 * Plays a scene inside the process.
 *
 * @param script Sets the hosts up, asks, and asserts.
 * @param clock The clock. @default a {@linkcode SkippingClock}
 */
export async function play(
  script: (scene: Scene) => Promise<void>,
  clock: Clock = new SkippingClock(),
): Promise<void> {
  const unmatched: string[] = [];
  const scene = new Scene(new InProcessStage(unmatched), clock, unmatched);
  await script(scene);
  assert.deepEqual(scene.unmatched, []);
}

/** `Authorization: Basic` of a name and a password, without the scheme's word. */
export function basic(username: string, password: string): string {
  return btoa(`${username}:${password}`);
}

/** An answer in JSON. */
export function json(
  value: unknown,
  options: { readonly status?: number; readonly headers?: Record<string, string> } = {},
): Response {
  return new Response(JSON.stringify(value), {
    status: options.status ?? 200,
    headers: { "content-type": "application/json", ...options.headers },
  });
}

/** A refusal as the distribution-spec has it. */
export function refusal(
  status: number,
  code: string,
  options: { readonly message?: string; readonly headers?: Record<string, string> } = {},
): Response {
  const { message = code.toLowerCase() } = options;
  return json({ errors: [{ code, message }] }, { status, headers: options.headers ?? {} });
}

/** A 401 that asks for a token. */
export function bearerChallenge(realm: string, parameters: Record<string, string> = {}): Response {
  const words = Object.entries({ realm, ...parameters }).map(([name, value]) =>
    `${name}="${value}"`
  );
  return refusal(401, "UNAUTHORIZED", {
    headers: { "www-authenticate": `Bearer ${words.join(",")}` },
  });
}

/**
 * Lets a handler in only with this header.
 *
 * @param header The `Authorization` that is right.
 * @param challenge What everybody else gets.
 * @param handler What the right ones get.
 */
export function guarded(header: string, challenge: () => Response, handler: Handler): Handler {
  return (request, count) =>
    request.headers.get("authorization") === header ? handler(request, count) : challenge();
}
