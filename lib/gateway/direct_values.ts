/**
 * Headers and credentials as a person writes them on a command line: a value, or better where it is
 * to be found (`env:NAME`, `file:/path`), since everybody on a machine can read its command lines.
 * Needs what the references name, through what it is given.
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import type { Policy } from "./policy.ts";
import {
  checkReference,
  readValue,
  resolveValues,
  type StoredValue,
  type ValueDeps,
} from "./stored_value.ts";

/** What {@linkcode readHeaders} and {@linkcode readSecret} work with. */
export interface DirectValueDeps extends ValueDeps {
  /** What the operator allows. */
  readonly policy: Policy;
}

/** Headers that can be sent. */
export interface DirectHeaders {
  /** By name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names of those that look like credentials and were written out. */
  readonly exposed: readonly string[];
}

/** A field name (RFC 9110, 5.6.2). */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/;

/** A scheme before a credential (RFC 9110, 11.4), so that the reference may be the credential alone. */
const SCHEME = /^((?:Bearer|Basic|Token|ApiKey) +)((?:env|file):.*)$/is;

/** Headers of the exchange itself. */
const RESERVED =
  /^(?:accept|connection|content-(?:length|type)|host|last-event-id|mcp-.*|transfer-encoding)$/i;

/** Names under which credentials are sent. */
const CREDENTIAL = /auth|key|token|secret|password|cookie|session|credential/i;

/**
 * Reads headers.
 *
 * @param texts Each `NAME=VALUE`, where the value may be a reference, also after a scheme:
 * `Authorization=Bearer env:TOKEN`.
 * @param deps Where references lead.
 * @returns The headers.
 * @throws {AppError} `INVALID_ARGUMENT` for what is no header, `FORBIDDEN` for Wharf's own
 * credentials, and what looking references up throws. No text shows a value.
 */
export async function readHeaders(
  texts: readonly string[],
  deps: DirectValueDeps,
): Promise<DirectHeaders> {
  const headers: Record<string, string> = {};
  const exposed: string[] = [];
  for (const text of texts) {
    const at = text.indexOf("=");
    const name = at === -1 ? "" : text.slice(0, at).trim();
    if (!NAME.test(name)) {
      throw new AppError("INVALID_ARGUMENT", "Cannot use --header: it is not NAME=VALUE", {
        hint: 'Write for example --header "Authorization=Bearer env:TOKEN"',
      });
    }
    if (RESERVED.test(name)) throw headerFault(name, "it belongs to the exchange itself");
    const [, scheme = "", reference] = SCHEME.exec(text.slice(at + 1)) ?? [];
    const written = readValue(reference ?? text.slice(at + 1));
    const value = scheme + await lookUp(name, written, deps);
    // What is no header value (RFC 9110, 5.5) must not be shown by whoever refuses it.
    // deno-lint-ignore no-control-regex -- finding control characters is the purpose
    if (/[\u0000-\u0008\u000A-\u001F\u007F]|[^\u0000-\u00FF]/.test(value)) {
      throw headerFault(name, "its value holds characters that no header can");
    }
    if (written.kind === "text" && CREDENTIAL.test(name)) exposed.push(name);
    headers[name] = value;
  }
  return { headers, exposed };
}

/**
 * Reads a secret, which has to be a reference.
 *
 * @param flag The flag that it was given with.
 * @param text `env:NAME` or `file:/path`.
 * @param deps Where references lead.
 * @returns The secret.
 * @throws {AppError} `INVALID_ARGUMENT` for a value in place of a reference, which is not shown.
 */
export async function readSecret(
  flag: string,
  text: string,
  deps: DirectValueDeps,
): Promise<string> {
  const written = readValue(text);
  if (written.kind === "text") {
    throw new AppError("INVALID_ARGUMENT", `Cannot use --${flag}: a secret is no argument`, {
      hint: `Everybody on this machine can read it there; write --${flag} env:NAME or file:/path`,
    });
  }
  return await lookUp(flag, written, deps);
}

async function lookUp(
  name: string,
  value: StoredValue,
  { policy, ...deps }: DirectValueDeps,
): Promise<string> {
  checkReference(value, { by: "operator", declared: [], policy });
  if (value.kind === "podman-secret") {
    throw headerFault(name, "the container engine hands its secrets to containers only");
  }
  try {
    const { given } = await resolveValues(new Map([[name, value]]), [], deps);
    const found = given.get(name);
    return found?.kind === "text" ? found.text : "";
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== "NOT_FOUND") throw error;
    // What is set for a server that is kept is of no use here.
    throw new AppError(error.code, error.message, {
      hint: value.kind === "env" ? "Set the variable where Wharf is started" : "Check the path",
      cause: thrown,
    });
  }
}

function headerFault(name: string, state: string): AppError {
  const shown = cleanText(name, { maxChars: 100 });
  return new AppError("INVALID_ARGUMENT", `Cannot use "${shown}": ${state}`, {
    hint: "Give a value, env:NAME or file:/path",
  });
}
