/**
 * The one error type that crosses Wharf's layers: a code for machines, one
 * sentence for people, and the next step. Needs no permission.
 *
 * @example
 * ```ts
 * import { AppError } from "./errors.ts";
 *
 * const error = new AppError("NOT_FOUND", 'Cannot find tag "3.99": the repository has no such tag', {
 *   hint: "Nearest tags: 3.19, 3.9",
 * });
 * error.code; // "NOT_FOUND"
 * ```
 *
 * @module
 */

/** What went wrong, as a stable word that callers and models can branch on. */
export type ErrorCode =
  /** The caller's input has the wrong form; the message names the input. */
  | "INVALID_ARGUMENT"
  /** The named thing does not exist at its source. */
  | "NOT_FOUND"
  /** Credentials are missing or were not accepted. */
  | "UNAUTHORIZED"
  /** Credentials were accepted, but do not allow this. */
  | "FORBIDDEN"
  /** Deno was started without the permission; the hint names the flag. */
  | "PERMISSION_MISSING"
  /** The address policy refuses to connect there. */
  | "ADDRESS_REFUSED"
  /** The other side asked to slow down; `retryAfterMs` says for how long. */
  | "RATE_LIMITED"
  /** The deadline passed first. */
  | "TIMEOUT"
  /** The caller cancelled. */
  | "CANCELLED"
  /** No connection could be made. */
  | "UNREACHABLE"
  /** The other side failed on its own account (5xx). */
  | "UNAVAILABLE"
  /** The other side answered with something that its protocol does not allow. */
  | "BAD_RESPONSE"
  /** A size, depth or count limit was passed. */
  | "TOO_LARGE"
  /** Content does not match its digest; it was not used. */
  | "DIGEST_MISMATCH"
  /** Valid, but not supported here or there. */
  | "UNSUPPORTED"
  /** A fault in Wharf itself. */
  | "INTERNAL";

/** What an {@linkcode AppError} may carry beside its code and message. */
export interface AppErrorOptions {
  /** The next step for whoever reads the error: one sentence or a command. */
  readonly hint?: string;
  /** Whether the same call may succeed later without a change. @default {false} */
  readonly retryable?: boolean;
  /** How long to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The HTTP status that the other side answered with, if any. */
  readonly status?: number;
  /** Further facts for machines, shown as they are; never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The underlying error. */
  readonly cause?: unknown;
}

/**
 * An error that a person or a model can act on. The message follows the form
 * `Cannot <action> "<value>": <state>`, without a closing period.
 *
 * @example
 * ```ts
 * import { AppError } from "@wharf/wharf";
 *
 * const error = new AppError("NOT_FOUND", `Cannot find "alpine:9": there is no such tag`, {
 *   hint: "See the tags of alpine",
 * });
 * error.retryable; // false
 * ```
 */
export class AppError extends Error {
  /** Tells it from other errors in a stack trace. */
  override readonly name = "AppError";
  /** The stable word for what went wrong. */
  readonly code: ErrorCode;
  /** The next step, or `undefined`. */
  readonly hint: string | undefined;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** How long to wait before the next try, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The HTTP status behind the error, or `undefined`. */
  readonly status: number | undefined;
  /** Further facts for machines. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  /**
   * Makes an error; whoever throws it says what was tried.
   *
   * @param code The stable word for what went wrong.
   * @param message `Cannot <action> "<value>": <state>`, without a closing period.
   * @param options The hint and what else is known.
   */
  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
    this.details = options.details;
  }
}

/**
 * Turns anything that was thrown into an {@linkcode AppError}: an abort becomes
 * `CANCELLED`, a time-out `TIMEOUT`, an unknown error `INTERNAL`.
 *
 * @param thrown Whatever a `catch` received.
 * @returns The same object when it is an `AppError` already.
 */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof Error) {
    if (thrown.name === "AbortError") {
      return new AppError("CANCELLED", "Cannot finish: the call was cancelled", { cause: thrown });
    }
    if (thrown.name === "TimeoutError") {
      return new AppError("TIMEOUT", "Cannot finish: the deadline passed", {
        cause: thrown,
        retryable: true,
        hint: "Try again, or allow more time with --timeout",
      });
    }
    return new AppError("INTERNAL", `Cannot finish: ${thrown.message || thrown.name}`, {
      cause: thrown,
    });
  }
  return new AppError("INTERNAL", `Cannot finish: ${String(thrown)}`, { cause: thrown });
}
