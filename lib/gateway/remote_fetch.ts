/**
 * The exchanges with a remote server: each with the token that it wants, signed in for once where
 * that is needed, and an answer that says no told as an error. Needs no permission of its own.
 *
 * @module
 */

import { AppError, type ErrorCode } from "../core/errors.ts";
import type { Authorize, Challenge, OAuth } from "./oauth.ts";
import type { OAuthClient } from "./oauth_provider.ts";
import type { Heard } from "./net_fetch.ts";
import type { FetchLike } from "./sdk.ts";
import { shownText } from "./secrets_text.ts";

/** How tokens are had for a server. */
export interface RemoteSignIn {
  /** Signs in. */
  readonly oauth: OAuth;
  /** Hands a page to a person; without it, what is kept is used and renewed only. */
  readonly authorize?: Authorize;
  /** A client that the operator registered. */
  readonly client?: OAuthClient;
}

/** What a {@linkcode RemoteFetch} asks for. */
export interface RemoteFetchOptions {
  /** The server. */
  readonly server: URL;
  /** Values that were sent to it and must not be shown. */
  readonly secrets: readonly string[];
  /** How to sign in; absent where the server is given its credentials in headers. */
  readonly signIn?: RemoteSignIn;
  /** Who has answered so far. */
  readonly heard: Heard;
}

/** What an answer says no to. */
const REFUSALS: ReadonlyMap<number, readonly [code: ErrorCode, state: string, hint: string]> =
  new Map([
    [401, ["UNAUTHORIZED", "it does not accept the credentials", "Check the key in its settings"]],
    [403, ["FORBIDDEN", "it does not allow this", "Check what the key in its settings may do"]],
    [404, ["NOT_FOUND", "it has nothing at this address", "Check the address"]],
    [429, ["RATE_LIMITED", "it asks to slow down", "Try again later"]],
  ]);

const SHOWN_CHARS = 300;

/** Scopes that may be signed in for in vain. */
const MOST_SCOPES = 3;

/** Longest wait that a server may ask for, in seconds. */
const MOST_RETRY_SECONDS = 3_600;

/** Asks one server. */
export class RemoteFetch {
  readonly #ask: FetchLike;
  readonly #options: RemoteFetchOptions;
  readonly #secrets: Set<string>;
  #token: string | undefined;
  #looked: Promise<unknown> | undefined;
  /** A token that was given a moment ago was refused: another sign-in would end the same way. */
  #refused: AppError | undefined;
  /** The same, for scopes that some calls want. */
  readonly #refusedScopes = new Map<string, AppError>();

  /**
   * @param ask Does the exchanges.
   * @param options The server and its credentials.
   */
  constructor(ask: FetchLike, options: RemoteFetchOptions) {
    this.#ask = ask;
    this.#options = options;
    this.#secrets = new Set(options.secrets);
  }

  /**
   * One exchange. Signs in once where the answer asks for it.
   *
   * @returns An answer that is no refusal, or 400, 404 and 405, whose meaning depends.
   * @throws {AppError} What went wrong, by the answer's status.
   */
  readonly fetch: FetchLike = async (url, init = {}) => {
    if (this.#refused !== undefined) throw this.#refused;
    const token = await this.#kept();
    const response = await this.#ask(url, withToken(init, token));
    const challenge = challengeOf(response);
    const { signIn } = this.#options;
    // Nobody signs in to say goodbye.
    if (challenge === undefined || signIn === undefined || init.method === "DELETE") {
      return response;
    }
    await response.body?.cancel();
    const known = this.#refusedScope(challenge);
    if (known !== undefined) throw known;
    const fresh = await this.#renew(signIn, { challenge, rejected: token }, init.signal);
    const again = await this.#ask(url, withToken(init, fresh));
    if (challengeOf(again) === undefined) return again;
    await again.body?.cancel();
    throw this.#remember(challenge, again.status);
  };

  /**
   * The error behind an answer that says no.
   *
   * @param response An answer whose body nobody has read; it is read.
   * @returns The error, with what the server said, without what it was sent.
   */
  async refusal(response: Response): Promise<AppError> {
    const { status, headers } = response;
    const text = await response.text().catch(() => "");
    const said = this.shown(saidIn(text, headers.get("content-type") ?? ""));
    const failed: readonly [ErrorCode, string, string] = status >= 500
      ? ["UNAVAILABLE", `it failed with status ${status}`, "Try again later"]
      : ["BAD_RESPONSE", `it answered with status ${status}`, "Check the address"];
    const [code, state, hint] = REFUSALS.get(status) ?? failed;
    const retryAfterMs = status === 429 || status === 503 ? retryAfter(headers) : undefined;
    return new AppError(
      code,
      `Cannot use "${this.#options.server.host}": ${state}${said === "" ? "" : ` (${said})`}`,
      {
        status,
        hint,
        retryable: status === 429 || status >= 500,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      },
    );
  }

  /**
   * Text of the server's, fit to be shown.
   *
   * @param text What it said.
   */
  shown(text: string): string {
    return shownText(text, { secrets: [...this.#secrets], maxChars: SHOWN_CHARS });
  }

  #remember(challenge: Challenge, status: number): AppError {
    const error = new AppError(
      "UNAUTHORIZED",
      `Cannot use "${this.#options.server.host}": it refuses the token that it was signed in for`,
      { status, hint: "Report it to the server's makers" },
    );
    if (challenge.insufficientScope === true) this.#refusedScopes.set(challenge.scope ?? "", error);
    else this.#refused = error;
    return error;
  }

  /** Why it is of no use to sign in for a scope. A server may think of ever new ones. */
  #refusedScope(challenge: Challenge): AppError | undefined {
    if (challenge.insufficientScope !== true) return undefined;
    return this.#refusedScopes.size < MOST_SCOPES
      ? this.#refusedScopes.get(challenge.scope ?? "")
      : this.#refusedScopes.values().next().value;
  }

  /** The token that is there; the disk is asked once, whoever asks first. */
  async #kept(): Promise<string | undefined> {
    const { signIn, server } = this.#options;
    if (signIn === undefined) return undefined;
    this.#looked ??= signIn.oauth.token(server).then((token) => this.#keep(token));
    await this.#looked;
    return this.#token;
  }

  async #renew(
    { oauth, authorize, client }: RemoteSignIn,
    { challenge, rejected }: {
      readonly challenge: Challenge;
      readonly rejected: string | undefined;
    },
    signal: AbortSignal | null | undefined,
  ): Promise<string> {
    const { server, heard } = this.#options;
    const token = await oauth.renew({
      server,
      challenge,
      heard,
      ...(rejected === undefined ? {} : { rejected }),
      ...(authorize === undefined ? {} : { authorize }),
      ...(client === undefined ? {} : { client }),
    }, signal ?? undefined);
    this.#keep(token);
    return token;
  }

  #keep(token: string | undefined): string | undefined {
    if (token !== undefined) this.#secrets.add(token);
    return this.#token = token;
  }
}

function withToken(init: RequestInit, token: string | undefined): RequestInit {
  if (token === undefined) return init;
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return { ...init, headers };
}

/** What a server wants before it goes on (RFC 6750, 3; RFC 9728, 5.1); `undefined` for nothing. */
function challengeOf({ status, headers }: Response): Challenge | undefined {
  if (status !== 401 && status !== 403) return undefined;
  const text = headers.get("www-authenticate") ?? "";
  const isBearer = /(?:^|,)\s*bearer\b/i.test(text);
  const insufficientScope = isBearer && parameterOf(text, "error") === "insufficient_scope";
  if (status === 403 && !insufficientScope) return undefined;
  const metadata = isBearer ? parameterOf(text, "resource_metadata") : undefined;
  const resourceMetadataUrl = metadata === undefined ? null : URL.parse(metadata);
  const scope = isBearer ? parameterOf(text, "scope") : undefined;
  return {
    insufficientScope,
    ...(resourceMetadataUrl === null ? {} : { resourceMetadataUrl }),
    ...(scope === undefined ? {} : { scope }),
  };
}

function parameterOf(challenge: string, name: string): string | undefined {
  const [, quoted, bare] =
    new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*(?:"([^"]*)"|([^\\s,"]+))`, "i").exec(challenge) ?? [];
  return quoted ?? bare;
}

/** What a person can read of an answer: an error's text, not a page. */
function saidIn(text: string, contentType: string): string {
  if (/\bhtml\b/i.test(contentType) || /^\s*</.test(text)) return "";
  return messageIn(parsed(text)) ?? text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The text in an error of JSON-RPC, of OAuth, or of the usual kinds. */
function messageIn(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return undefined;
  const members = new Map(Object.entries(value));
  for (const name of ["error_description", "message", "detail", "error"]) {
    const found = members.get(name);
    const text = name === "error" ? messageIn(found) : found;
    if (typeof text === "string") return text;
  }
  return undefined;
}

/** RFC 9110, 10.2.3; a date is not taken, since the clocks may differ. */
function retryAfter(headers: Headers): number | undefined {
  const seconds = headers.get("retry-after") ?? "";
  return /^\d{1,9}$/.test(seconds)
    ? Math.min(Number(seconds), MOST_RETRY_SECONDS) * 1000
    : undefined;
}
