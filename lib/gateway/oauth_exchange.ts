/**
 * The exchanges of a sign-in, with the errors that they end in told clearly: the SDK's own say
 * little, or say what must not be shown. Needs no permission of its own.
 *
 * @module
 */

import { abortError } from "../core/deadline.ts";
import { AppError, type ErrorCode, toAppError } from "../core/errors.ts";
import type { SignIn } from "./oauth_provider.ts";
import type { FetchLike } from "./sdk.ts";
import { shownText } from "./secrets_text.ts";

/** What a {@linkcode SignInFetch} is for. */
export interface SignInFetchOptions {
  /** The server to sign in to. */
  readonly server: URL;
  /** Ends every exchange. */
  readonly signal: AbortSignal;
  /** Values that no error may show, beside those that are posted. */
  readonly secrets: readonly string[];
}

/** What is posted to a token endpoint and is a secret (RFC 6749, 7521, 7636, 8693). */
const SECRET_PARAMETERS = [
  "assertion",
  "client_assertion",
  "client_secret",
  "code",
  "code_verifier",
  "refresh_token",
  "subject_token",
];

const SHOWN_CHARS = 300;

/** Asks on behalf of one sign-in, and remembers what went wrong on the way. */
export class SignInFetch {
  readonly #fetch: FetchLike;
  readonly #options: SignInFetchOptions;
  readonly #secrets = new Set<string>();
  #problem: AppError | undefined;
  #down: AppError | undefined;

  /**
   * @param ask Does the exchanges.
   * @param options Server, signal and secrets.
   */
  constructor(ask: FetchLike, options: SignInFetchOptions) {
    this.#fetch = ask;
    this.#options = options;
    for (const secret of options.secrets) this.#secrets.add(secret);
  }

  /** One exchange, in the shape that the SDK's `auth` takes. */
  readonly fetch: FetchLike = async (url, init = {}) => {
    const { body } = init;
    const form = body instanceof URLSearchParams ? body : new URLSearchParams();
    for (const name of SECRET_PARAMETERS) this.#secrets.add(form.get(name) ?? "");
    const isRenewal = form.get("grant_type") === "refresh_token";
    try {
      const response = await this.#fetch(url, { ...init, signal: this.#options.signal });
      if (isRenewal && (response.status >= 500 || response.status === 429)) {
        this.#down = this.#error("UNAVAILABLE", `it answered with status ${response.status}`);
      }
      return response;
    } catch (thrown) {
      const error = toAppError(thrown);
      // The SDK goes on without what it could not read; when that fails, this is the reason.
      this.#problem ??= error;
      if (isRenewal) this.#down = error;
      throw error;
    }
  };

  /**
   * Runs a part of the sign-in.
   *
   * @param task Calls the SDK.
   * @returns What the task gives.
   * @throws {AppError} What went wrong, in words that may be shown.
   */
  async guard<T>(task: () => Promise<T>): Promise<T> {
    this.#problem = undefined;
    try {
      return await task();
    } catch (thrown) {
      throw this.#tell(thrown);
    }
  }

  /**
   * Throws when tokens could not be renewed for a reason that says nothing about the tokens.
   *
   * @throws {AppError} The reason.
   */
  throwIfDown(): void {
    if (this.#down !== undefined) throw this.#down;
  }

  #tell(thrown: unknown): AppError {
    const { signal } = this.#options;
    if (signal.aborted) return abortError(signal);
    if (this.#problem !== undefined) return this.#problem;
    if (thrown instanceof AppError) return thrown;
    if (!(thrown instanceof Error)) return this.#error("BAD_RESPONSE", "its answer is not usable");
    if (thrown.name === "ZodError" || thrown instanceof SyntaxError) {
      return this.#error("BAD_RESPONSE", "it does not answer in the form that OAuth has");
    }
    if (!("errorCode" in thrown) || typeof thrown.errorCode !== "string") {
      return this.#error("BAD_RESPONSE", this.#shown(thrown.message));
    }
    // The SDK puts whatever page came into its message.
    const said = /^(HTTP \d{3}): Invalid OAuth error/.exec(thrown.message)?.[1] ?? thrown.message;
    const state = [thrown.errorCode, said].filter((part) => part !== "").join(", ");
    return this.#error(
      CODES.get(thrown.errorCode) ?? "UNAUTHORIZED",
      `it says ${this.#shown(state)}`,
    );
  }

  #shown(text: string): string {
    return shownText(text, { secrets: [...this.#secrets], maxChars: SHOWN_CHARS });
  }

  #error(code: ErrorCode, state: string): AppError {
    const { host } = this.#options.server;
    return new AppError(code, `Cannot sign in to "${host}" at its authorization server: ${state}`, {
      retryable: code === "UNAVAILABLE",
      hint: code === "UNAVAILABLE"
        ? "Try again later"
        : "Try again; if it stays so, report it to the server's makers",
    });
  }
}

/** Error codes of RFC 6749 (4.1.2.1 and 5.2) that mean something else than a refused credential. */
const CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ["access_denied", "FORBIDDEN"],
  ["server_error", "BAD_RESPONSE"],
  ["temporarily_unavailable", "UNAVAILABLE"],
  ["too_many_requests", "UNAVAILABLE"],
]);

/**
 * The authorization code in what the browser brought back.
 *
 * @param answer The parameters of the redirect.
 * @param signIn What the sign-in began with.
 * @param server The server that it is for.
 * @returns The code.
 * @throws {AppError} `FORBIDDEN` when it was refused, `BAD_RESPONSE` when it is an answer to
 * another question (RFC 6749, 10.12; RFC 9207).
 */
export function codeOf(answer: URLSearchParams, signIn: SignIn, server: URL): string {
  const cannot = `Cannot sign in to "${server.host}"`;
  const issuer = answer.get("iss");
  const isOurs = answer.get("state") === signIn.state();
  if (!isOurs || (issuer !== null && signIn.issuer !== undefined && issuer !== signIn.issuer)) {
    throw new AppError("BAD_RESPONSE", `${cannot}: the answer belongs to another sign-in`, {
      hint: "Try again, and open only the page that is shown",
    });
  }
  const error = answer.get("error");
  if (error !== null) {
    const said = [error, answer.get("error_description") ?? ""].filter((part) => part !== "");
    const shown = shownText(said.join(", "), { secrets: [], maxChars: SHOWN_CHARS });
    throw new AppError("FORBIDDEN", `${cannot}: its authorization server says ${shown}`, {
      hint: "Sign in again and allow it, if you want to use the server",
    });
  }
  const code = answer.get("code");
  if (code === null || code === "") {
    throw new AppError("BAD_RESPONSE", `${cannot}: the answer holds no code`, {
      hint: "Give the whole address that the browser ended at",
    });
  }
  return code;
}
