/**
 * The authorization server whose tokens are accepted: its own name, and its keys as they change
 * (RFC 8414, OpenID Connect Discovery 1.0, RFC 7517). Needs net permission for the issuer, through
 * the network that it is given.
 *
 * @module
 */

import { z } from "zod";
import { addressKind } from "../core/address.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Log } from "../core/host.ts";
import type { HttpResponse, Net } from "../core/http.ts";
import { parseJson } from "../core/json.ts";
import { type KeySet, readKeySet } from "./jwt.ts";

/** What an {@linkcode Issuer} works with. */
export interface IssuerDeps {
  /** Asks the issuer. */
  readonly net: Net;
  /** Measures how old the keys are. */
  readonly clock: Clock;
  /** Is told when the issuer cannot be asked. */
  readonly log: Log;
}

/** What an issuer said of itself. */
export interface IssuerKeys {
  /** The issuer, as it writes itself in its tokens. */
  readonly issuer: string;
  /** Its public keys. */
  readonly keys: KeySet;
  /** When it was asked, in milliseconds since the Unix epoch. */
  readonly askedMs: number;
}

/** Keys this old are fetched again, beside the calls: a key that was withdrawn goes by then. */
const REFRESH_MS = 10 * 60_000;

/** Keys this old are not used any more, whatever the issuer's trouble is. */
const MAX_AGE_MS = 60 * 60_000;

/** The shortest time between two questions; anyone can send a token with a new key's name. */
const COOLDOWN_MS = 30_000;

/** The same after a question that failed, when there are no keys at all. */
const FAILED_COOLDOWN_MS = 5_000;

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 512 * 1024;

const METADATA = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** The issuer's name and keys, fetched when they are wanted and kept for a while. */
export class Issuer {
  readonly #deps: IssuerDeps;
  readonly #issuer: URL;
  /** As the operator wrote it, without the slash that a URL adds. */
  readonly #name: string;
  #current: IssuerKeys | undefined;
  #asked: { readonly atMs: number; readonly problem: AppError | undefined } | undefined;
  #pending: Promise<IssuerKeys> | undefined;

  /**
   * Asks nothing yet.
   *
   * @param name The issuer's address, see {@linkcode checkIssuer}.
   * @param deps Network, clock and log.
   */
  constructor(name: string, deps: IssuerDeps) {
    this.#deps = deps;
    this.#issuer = checkIssuer(name);
    this.#name = name;
  }

  /**
   * The keys.
   *
   * @throws {AppError} What the network says, `BAD_RESPONSE` for an answer that is none.
   */
  async keys(): Promise<IssuerKeys> {
    const current = this.#current;
    const ageMs = current === undefined ? Infinity : this.#deps.clock.now() - current.askedMs;
    if (current === undefined || ageMs >= MAX_AGE_MS) return await this.#ask();
    // Its failure was told to the log; the old keys do until they are too old.
    if (ageMs >= REFRESH_MS && !this.#isCoolingDown()) this.#ask().catch(() => {});
    return current;
  }

  /**
   * The keys after a token came with one that is not among them.
   *
   * @param known The keys that it was not among.
   * @returns Newer keys, or `undefined` where there are none.
   */
  async newerKeys(known: IssuerKeys): Promise<IssuerKeys | undefined> {
    if (this.#current !== known && this.#current !== undefined) return this.#current;
    if (this.#pending === undefined && this.#isCoolingDown()) return undefined;
    try {
      return await this.#ask();
    } catch {
      return undefined;
    }
  }

  #isCoolingDown(): boolean {
    return this.#asked !== undefined && this.#deps.clock.now() - this.#asked.atMs < COOLDOWN_MS;
  }

  async #ask(): Promise<IssuerKeys> {
    if (this.#pending !== undefined) return await this.#pending;
    const { clock, log } = this.#deps;
    const nowMs = clock.now();
    const { atMs, problem } = this.#asked ?? { atMs: -Infinity };
    if (problem !== undefined && nowMs - atMs < FAILED_COOLDOWN_MS) throw problem;
    this.#pending = this.#fetch(nowMs);
    try {
      this.#current = await this.#pending;
      this.#asked = { atMs: nowMs, problem: undefined };
      return this.#current;
    } catch (thrown) {
      const error = toAppError(thrown);
      this.#asked = { atMs: nowMs, problem: error };
      log.warn("the issuer's keys cannot be fetched", {
        issuer: this.#name,
        reason: error.message,
        next: error.hint,
      });
      throw error;
    } finally {
      this.#pending = undefined;
    }
  }

  async #fetch(askedMs: number): Promise<IssuerKeys> {
    const { metadata, isInside } = await this.#discover();
    const url = new URL(metadata.jwks_uri);
    checkAddress(url, "keys");
    const response = await this.#deps.net.fetch({
      url,
      headers: { accept: "application/json, application/jwk-set+json" },
      // An issuer inside of the own network may keep its keys there, one outside may not send us in.
      origin: url.origin === this.#issuer.origin || isInside ? "named" : "derived",
      timeoutMs: TIMEOUT_MS,
    });
    const keys = readKeySet(await jsonOf(response, "the issuer's keys"));
    return { issuer: metadata.issuer, keys, askedMs };
  }

  async #discover() {
    let problem: AppError | undefined;
    for (const url of discoveryAddresses(this.#issuer)) {
      const response = await this.#deps.net.fetch({
        url,
        headers: { accept: "application/json" },
        timeoutMs: TIMEOUT_MS,
      });
      if (response.status >= 400 && response.status < 500) {
        await response.cancel();
        continue;
      }
      const isInside = response.peer === "loopback" || response.peer === "private";
      const parsed = METADATA.safeParse(await jsonOf(response, "the issuer's metadata"));
      if (parsed.success && isSameIssuer(parsed.data.issuer, this.#name)) {
        return { metadata: parsed.data, isInside };
      }
      problem ??= new AppError(
        "BAD_RESPONSE",
        `Cannot use issuer "${this.#name}": ${
          parsed.success ? "its metadata names another issuer" : "its metadata names no keys"
        }`,
        { hint: "Pass --oauth-issuer exactly as the server's metadata has it" },
      );
    }
    throw problem ??
      new AppError("NOT_FOUND", `Cannot use issuer "${this.#name}": it has no metadata`, {
        hint: "Pass --oauth-issuer with the address of an OAuth 2.1 or OpenID Connect server",
      });
  }
}

/**
 * Checks the address of an issuer (RFC 8414, 2).
 *
 * @param name The address.
 * @throws {AppError} `INVALID_ARGUMENT` for one that has another form, or that anyone on the way
 * could answer for.
 */
export function checkIssuer(name: string): URL {
  const url = URL.parse(name);
  const isPlain = url !== null && url.search === "" && url.hash === "" && url.username === "" &&
    url.password === "" && /^https?:$/.test(url.protocol);
  if (!isPlain) {
    throw new AppError("INVALID_ARGUMENT", `Cannot use issuer "${name}": it is no address of one`, {
      hint: "Pass --oauth-issuer such as https://auth.example.com",
    });
  }
  checkAddress(url, "tokens");
  return url;
}

function checkAddress(url: URL, what: string): void {
  if (url.protocol === "https:") return;
  const isLoopback = url.hostname === "localhost" || addressKind(url.hostname) === "loopback";
  if (url.protocol === "http:" && isLoopback) return;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot trust ${what} of "${url.host}": its address does not begin with https://`,
    { hint: "Use an issuer over TLS; plain http is for loopback only" },
  );
}

/** RFC 8414, 3.1 and 5, and OpenID Connect Discovery 1.0, 4: the path stands after or before. */
function discoveryAddresses(issuer: URL): readonly URL[] {
  const path = issuer.pathname.replace(/\/$/, "");
  const places = [
    `/.well-known/oauth-authorization-server${path}`,
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
  ];
  return [...new Set(places)].map((place) => new URL(place, issuer));
}

/** A slash at the end is the one thing that people leave out or add. */
function isSameIssuer(a: string, b: string): boolean {
  return a.replace(/\/$/, "") === b.replace(/\/$/, "");
}

async function jsonOf(response: HttpResponse, what: string): Promise<unknown> {
  if (response.status !== 200) {
    await response.cancel();
    throw new AppError(
      response.status >= 500 ? "UNAVAILABLE" : "BAD_RESPONSE",
      `Cannot read ${what}: the server answered with status ${response.status}`,
      { status: response.status, hint: "Check the issuer's own log" },
    );
  }
  return parseJson(await response.bytes({ maxBytes: MAX_BYTES }), { what });
}
