/**
 * Requests to Docker Hub's own HTTP API: login, redirects, retries, refusals. Needs no permission:
 * the network is passed in.
 *
 * A personal access token is traded for a short-lived one, since Docker Hub refuses it as a bearer;
 * without a user name and a token nothing that authenticates is sent.
 *
 * @module
 */

import { z } from "zod";
import { deadline } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type { Clock, Env, Log } from "../core/host.ts";
import type { HttpResponse, Net } from "../core/http.ts";
import { parseJson } from "../core/json.ts";
import { SingleFlight } from "../core/single_flight.ts";
import { cleanText } from "../core/text.ts";
import { retryAfterMs } from "./response_facts.ts";

/** What {@linkcode HubHttp} needs. */
export interface HubDeps {
  /** The network. */
  readonly net: Net;
  /** Dates tokens and waits. */
  readonly clock: Clock;
  /** Is told of a login that fails. */
  readonly log: Log;
  /** `HUB_USERNAME` and `HUB_PAT_TOKEN`. */
  readonly env: Env;
}

/** How {@linkcode HubHttp} behaves. */
export interface HubOptions {
  /** The API's address. @default {"https://hub.docker.com"} */
  readonly baseUrl?: URL;
  /** Time for one call, in milliseconds. @default {60000} */
  readonly timeoutMs?: number;
}

/** One question. */
export interface HubCall {
  /** What is being done, for errors: `search Docker Hub for "nginx"`. */
  readonly action: string;
  /** The next step when there is no such thing. */
  readonly missingHint?: string;
  /** Ends the call early. */
  readonly signal?: AbortSignal;
  /** Time for the call, in milliseconds, where it is worth less than others. */
  readonly timeoutMs?: number;
}

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;
const MAX_REDIRECTS = 2;
const MAX_TRIES = 3;
const FIRST_WAIT_MS = 500;
/** A longer wait is for the caller to decide on. */
const LONGEST_WAIT_MS = 5_000;
const TOKEN_MARGIN_MS = 30_000;
/** A clock that goes wrong must not make every call log in. */
const SHORTEST_TOKEN_MS = 30_000;
/** A token that does not tell when it ends; Docker's last ten minutes. */
const TOKEN_LIFE_MS = 5 * 60_000;
/** Repeated logins with a wrong token may lock the account. */
const REFUSED_MS = 5 * 60_000;

const LOGIN = z.object({ access_token: z.string().min(1) });
const EXPIRY = z.object({ exp: z.number() });
const said = z.string().optional().catch(undefined);
const REFUSAL = z.object({ message: said, detail: said, text: said });

/** Why an exchange gave no answer. */
type Failure = { readonly response: HttpResponse } | { readonly error: AppError };

/** Asks Docker Hub; one instance shares its login and its pauses between calls. */
export class HubHttp {
  readonly #deps: HubDeps;
  readonly #baseUrl: URL;
  readonly #timeoutMs: number;
  readonly #logins = new SingleFlight<string>();
  #token: { readonly header: string; readonly expiresMs: number } | undefined;
  #refusedUntilMs = 0;
  #pausedUntilMs = 0;
  #warned = false;

  /**
   * @param deps Network, clock, log and variables.
   * @param options Address and time.
   */
  constructor(deps: HubDeps, options: HubOptions = {}) {
    this.#deps = deps;
    this.#baseUrl = options.baseUrl ?? new URL("https://hub.docker.com");
    this.#timeoutMs = options.timeoutMs ?? 60_000;
  }

  /**
   * Asks a question.
   *
   * @param path Path and query, names in it being encoded.
   * @param call What it is for.
   * @returns The JSON of the answer.
   * @throws {AppError} `NOT_FOUND`, `RATE_LIMITED`, `FORBIDDEN`, `UNAUTHORIZED`, `UNAVAILABLE` and their kin.
   */
  async get(path: string, call: HubCall): Promise<unknown> {
    const { clock } = this.#deps;
    this.#checkPause(call);
    using limit = deadline(clock, call.timeoutMs ?? this.#timeoutMs, call.signal);
    for (let attempt = 1;; attempt++) {
      const authorization = await this.#authorization(limit.signal);
      const answer = await this.#attempt(path, authorization, limit.signal);
      if ("json" in answer) return answer.json;
      const waitMs = attempt < MAX_TRIES
        ? this.#waitAfter(answer, { attempt, authorization })
        : undefined;
      if ("error" in answer) {
        if (waitMs === undefined) throw answer.error;
      } else {
        if (waitMs === undefined) throw await this.#refusal(answer.response, call, authorization);
        await answer.response.cancel();
      }
      if (waitMs > 0) await clock.sleep(waitMs, limit.signal);
    }
  }

  /** One exchange; of errors only a connection that breaks is worth another try. */
  async #attempt(
    path: string,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly json: unknown } | Failure> {
    try {
      const response = await this.#follow(path, authorization, signal);
      if (response.status !== 200) return { response };
      const what = `Docker Hub's answer to ${path.split("?")[0]}`;
      return { json: parseJson(await response.bytes({ maxBytes: MAX_BYTES }), { what }) };
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === "UNREACHABLE") return { error: thrown };
      throw thrown;
    }
  }

  /** How long to wait before the next try, in milliseconds, or `undefined` for none. */
  #waitAfter(
    failure: Failure,
    made: { readonly attempt: number; readonly authorization: string | undefined },
  ): number | undefined {
    const doubledMs = FIRST_WAIT_MS * 2 ** (made.attempt - 1);
    if ("error" in failure) return failure.error.retryable ? doubledMs : undefined;
    const { status, headers } = failure.response;
    if (status >= 500) return doubledMs;
    if (status === 401 && made.authorization !== undefined) {
      // Revoked, or ended early: one new login may help.
      if (this.#token?.header === made.authorization) this.#token = undefined;
      return made.attempt === 1 ? 0 : undefined;
    }
    if (status !== 429) return undefined;
    const waitMs = retryAfterMs(headers, this.#deps.clock.now());
    if (waitMs === undefined || waitMs > LONGEST_WAIT_MS) return undefined;
    return Math.max(waitMs, FIRST_WAIT_MS);
  }

  async #follow(
    path: string,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    let url = new URL(path, this.#baseUrl);
    for (let hop = 0;; hop++) {
      const response = await this.#deps.net.fetch({
        url,
        headers: {
          accept: "application/json",
          ...(authorization === undefined ? {} : { authorization }),
        },
        signal,
      });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || location === null) return response;
      await response.cancel();
      const next = URL.parse(location, url);
      // The token is Docker Hub's alone, and so is the trust in what it answers.
      if (next === null || next.origin !== this.#baseUrl.origin || hop >= MAX_REDIRECTS) {
        throw new AppError(
          "ADDRESS_REFUSED",
          "Cannot ask Docker Hub: its redirect leads elsewhere",
          { hint: "Check that no proxy answers in its place" },
        );
      }
      url = next;
    }
  }

  /** A header in the user's name, or `undefined`. */
  async #authorization(signal: AbortSignal): Promise<string | undefined> {
    const { HUB_USERNAME: identifier, HUB_PAT_TOKEN: secret } = this.#deps.env;
    const now = this.#deps.clock.now();
    if (!identifier || !secret) {
      if (identifier || secret) {
        this.#warn(
          "Only one of HUB_USERNAME and HUB_PAT_TOKEN is set; asking Docker Hub anonymously",
        );
      }
      return undefined;
    }
    if (this.#token !== undefined && this.#token.expiresMs > now) return this.#token.header;
    if (now < this.#refusedUntilMs) return undefined;
    try {
      return await this.#logins.run(
        "login",
        (shared) => this.#login({ identifier, secret }, shared),
        signal,
      );
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== "UNAUTHORIZED") throw thrown;
      this.#refusedUntilMs = this.#deps.clock.now() + REFUSED_MS;
      this.#warn(
        "Docker Hub does not accept HUB_USERNAME and HUB_PAT_TOKEN; asking it anonymously",
      );
      return undefined;
    }
  }

  async #login(
    body: { readonly identifier: string; readonly secret: string },
    signal: AbortSignal,
  ): Promise<string> {
    const response = await this.#deps.net.fetch({
      url: new URL("/v2/auth/token", this.#baseUrl),
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    if ([400, 401, 403].includes(response.status)) {
      await response.cancel();
      throw new AppError(
        "UNAUTHORIZED",
        "Cannot log in to Docker Hub: it does not accept the credential",
        { status: response.status, hint: "Check HUB_USERNAME and HUB_PAT_TOKEN" },
      );
    }
    if (response.status !== 200) {
      throw await this.#refusal(response, { action: "log in to Docker Hub" }, undefined);
    }
    const what = "Docker Hub's answer to the login";
    const bytes = await response.bytes({ maxBytes: MAX_REFUSAL_BYTES });
    const login = LOGIN.safeParse(parseJson(bytes, { what }));
    if (!login.success) {
      throw new AppError("BAD_RESPONSE", `Cannot use ${what}: it holds no token`, {
        hint: "Try again later; without HUB_USERNAME and HUB_PAT_TOKEN Wharf asks anonymously",
      });
    }
    const { access_token: token } = login.data;
    this.#token = { header: `Bearer ${token}`, expiresMs: this.#expiryOf(token) };
    return this.#token.header;
  }

  /** `exp` of the JSON web token, in seconds since the Unix epoch (RFC 7519, 4.1.4). */
  #expiryOf(token: string): number {
    const now = this.#deps.clock.now();
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    try {
      const { exp } = EXPIRY.parse(JSON.parse(atob(payload)));
      return Math.max(exp * 1000 - TOKEN_MARGIN_MS, now + SHORTEST_TOKEN_MS);
    } catch {
      // Another form of token, which is opaque to clients.
      return now + TOKEN_LIFE_MS;
    }
  }

  #warn(message: string): void {
    if (!this.#warned) this.#deps.log.warn(message);
    this.#warned = true;
  }

  /** Does not ask again before the time that Docker Hub has named. */
  #checkPause(call: HubCall): void {
    const waitMs = this.#pausedUntilMs - this.#deps.clock.now();
    if (waitMs > 0) throw this.#rateLimited(call, waitMs);
  }

  #rateLimited(call: HubCall, waitMs: number | undefined): AppError {
    const at = waitMs === undefined
      ? "in a minute"
      : `after ${new Date(this.#deps.clock.now() + waitMs).toISOString().replace(/\.\d+Z$/, "Z")}`;
    return new AppError("RATE_LIMITED", `Cannot ${call.action}: Docker Hub asks to slow down`, {
      status: 429,
      retryable: true,
      hint: `Try again ${at}; a login raises the limit (HUB_USERNAME, HUB_PAT_TOKEN)`,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    });
  }

  /** Turns an answer that is none into an error; reads or drops its body. */
  async #refusal(
    response: HttpResponse,
    call: HubCall,
    authorization: string | undefined,
  ): Promise<AppError> {
    const { status } = response;
    const { action } = call;
    const message = await messageOf(response);
    const words = message === "" ? "" : ` ("${message}")`;
    switch (status) {
      case 429: {
        const waitMs = retryAfterMs(response.headers, this.#deps.clock.now());
        this.#pausedUntilMs = this.#deps.clock.now() + (waitMs ?? 0);
        return this.#rateLimited(call, waitMs);
      }
      case 404:
        return new AppError("NOT_FOUND", `Cannot ${action}: Docker Hub has none of that name`, {
          status,
          hint: call.missingHint ??
            "Check the spelling, or find it with search_images; a private one needs a login " +
              "(HUB_USERNAME, HUB_PAT_TOKEN)",
        });
      case 401:
      case 403: {
        const isCutOff = /pagination|sign in/i.test(message) && authorization === undefined;
        const reason = isCutOff
          ? "Docker Hub stops anonymous paging here"
          : authorization === undefined
          ? "Docker Hub wants a login"
          : "the account may not see it";
        return new AppError(
          status === 401 ? "UNAUTHORIZED" : "FORBIDDEN",
          `Cannot ${action}: ${reason}${words}`,
          {
            status,
            hint: isCutOff
              ? "list_tags reads all names from the registry; or set HUB_USERNAME and HUB_PAT_TOKEN"
              : "Set HUB_USERNAME and HUB_PAT_TOKEN to an account that may see it",
          },
        );
      }
      default:
        return new AppError(
          status >= 500 ? "UNAVAILABLE" : "BAD_RESPONSE",
          `Cannot ${action}: Docker Hub answers with status ${status}${words}`,
          { status, retryable: status >= 500, hint: "Try again in some minutes" },
        );
    }
  }
}

/** What a refusal says, if it says anything. */
async function messageOf(response: HttpResponse): Promise<string> {
  try {
    const bytes = await response.bytes({ maxBytes: MAX_REFUSAL_BYTES });
    const { message, detail, text } = REFUSAL.parse(parseJson(bytes, { what: "the refusal" }));
    return cleanText(message ?? detail ?? text ?? "", { maxChars: 200 });
  } catch {
    // The status says enough; the body of a refusal is a courtesy.
    return "";
  }
}
