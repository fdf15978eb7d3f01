/**
 * What a registry's refusal means, with the next step (distribution-spec, "Error Codes"). Needs no
 * permission.
 *
 * @module
 */

import { AppError, type ErrorCode } from "../core/errors.ts";
import type { HttpResponse } from "../core/http.ts";
import { cleanText } from "../core/text.ts";
import { isDockerHub } from "./reference.ts";
import { pullQuotaOf, retryAfterMs } from "./response_facts.ts";

/** What was asked for when the registry refused. */
export interface ErrorContext {
  /** What Wharf wanted to do, for the message: `read "docker.io/library/alpine:3"`. */
  readonly action: string;
  /** The registry's name. */
  readonly registry: string;
  /** The repository's path; empty for the registry as a whole. */
  readonly repository: string;
  /** Where the credential that was used came from; `undefined` for anonymous access. */
  readonly source?: string | undefined;
  /** Why the operator's own credential was not used. */
  readonly withheld?: string | undefined;
  /** The present, in milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

const MAX_BYTES = 64 * 1024;

interface Said {
  readonly codes: readonly string[];
  readonly text: string;
}

/**
 * Turns a refusal into an error; reads or drops its body.
 *
 * @param response An answer with a status of 400 or above.
 * @param context What was asked for.
 * @returns The error to throw.
 */
export async function registryError(
  response: HttpResponse,
  context: ErrorContext,
): Promise<AppError> {
  const said = await whatItSaid(response);
  const code = codeOf(response.status, said);
  const wait = code === "RATE_LIMITED" || code === "UNAVAILABLE"
    ? retryAfterMs(response.headers, context.nowMs)
    : undefined;
  const reason = reasonOf(code, response, { said, context, wait });
  return new AppError(code, `Cannot ${context.action}: ${reason}`, {
    status: response.status,
    retryable: code === "RATE_LIMITED" || code === "UNAVAILABLE" || code === "TIMEOUT",
    hint: hintOf(code, context, { said, wait }),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
    ...(said.codes.length === 0 ? {} : { details: { registry_codes: said.codes } }),
  });
}

async function whatItSaid(response: HttpResponse): Promise<Said> {
  let body: string;
  try {
    body = new TextDecoder().decode(await response.bytes({ maxBytes: MAX_BYTES }));
  } catch {
    // The status says enough; the body of a refusal is a courtesy.
    return { codes: [], text: "" };
  }
  const codes: string[] = [];
  const texts: string[] = [];
  const add = (value: unknown) => {
    if (typeof value === "string" && value !== "") texts.push(value);
  };
  try {
    const json: unknown = JSON.parse(body);
    const errors = isRecord(json) && Array.isArray(json["errors"]) ? json["errors"] : [json];
    for (const error of errors.slice(0, 3)) {
      if (!isRecord(error)) continue;
      if (typeof error["code"] === "string") codes.push(error["code"].slice(0, 40));
      for (const key of ["message", "detail", "details", "error_description", "error"]) {
        if (texts.length < errors.length) add(error[key]);
      }
    }
  } catch {
    // A page in HTML, or plain text.
    add(body.replace(/<style[^]*?<\/style>|<[^>]*>/gi, " "));
  }
  return { codes, text: cleanText(texts.join("; "), { maxChars: 200 }) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function codeOf(status: number, said: Said): ErrorCode {
  if (status === 429 || said.codes.includes("TOOMANYREQUESTS")) return "RATE_LIMITED";
  if (status === 401) return "UNAUTHORIZED";
  if (status === 403) return "FORBIDDEN";
  if (status === 404 || status === 410) return "NOT_FOUND";
  if (status === 408) return "TIMEOUT";
  if (status === 405 || status === 406 || status === 501) return "UNSUPPORTED";
  if (status >= 500) return "UNAVAILABLE";
  return "BAD_RESPONSE";
}

interface Facts {
  readonly said: Said;
  readonly context: ErrorContext;
  readonly wait: number | undefined;
}

function reasonOf(code: ErrorCode, response: HttpResponse, facts: Facts): string {
  const { said, context } = facts;
  const words = said.text === "" ? "" : ` ("${said.text}")`;
  switch (code) {
    case "RATE_LIMITED": {
      const quota = pullQuotaOf(response.headers);
      const left = quota?.limit === undefined ? "" : ` of ${quota.limit} pulls`;
      return `${context.registry} asks to slow down, the limit${left} is reached${words}`;
    }
    case "UNAUTHORIZED":
    case "FORBIDDEN":
      return context.source === undefined
        ? `${context.registry} wants a login, or there is no such repository${words}`
        : `${context.registry} does not accept the credential from ${context.source}, or there is no such repository${words}`;
    case "NOT_FOUND":
      if (/accept header/i.test(said.text)) {
        return `${context.registry} has it, but in none of the forms that Wharf reads${words}`;
      }
      return said.codes.includes("NAME_UNKNOWN")
        ? `${context.registry} has no such repository`
        : `${context.registry} does not have it`;
    default:
      return `${context.registry} answers with status ${response.status}${words}`;
  }
}

function hintOf(
  code: ErrorCode,
  context: ErrorContext,
  facts: { readonly said: Said; readonly wait: number | undefined },
): string {
  const { registry, repository } = context;
  switch (code) {
    case "RATE_LIMITED":
      return `${comeBack(context, facts.wait)}${
        isDockerHub(registry) ? "; a login raises the limit (podman login docker.io)" : ""
      }`;
    case "UNAUTHORIZED":
    case "FORBIDDEN":
      if (context.withheld !== undefined) return context.withheld;
      return context.source === undefined
        ? `Check the spelling of "${
          repository || registry
        }"; if it is private: podman login ${registry}`
        : `Check the spelling of "${
          repository || registry
        }", or log in again: podman login ${registry}`;
    case "NOT_FOUND":
      if (repository === "") return "Check that the host is a registry";
      return isDockerHub(registry) && !repository.includes("/")
        ? `Official images are in library/: try library/${repository}`
        : `Check the spelling; list_tags shows the tags of ${registry}/${repository}`;
    case "UNAVAILABLE":
    case "TIMEOUT":
      return `${comeBack(context, facts.wait)}; the fault is the registry's`;
    case "UNSUPPORTED":
      return "This registry does not offer that; ask for a single image instead";
    default:
      return "Check that the host is a registry and that no proxy answers in its place";
  }
}

/** Says when to come back, as a span and as a time. */
function comeBack(context: ErrorContext, wait: number | undefined): string {
  if (wait === undefined) return "Try again in some minutes";
  const seconds = Math.ceil(wait / 1000);
  const span = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
  const at = new Date(context.nowMs + wait).toISOString().replace(/\.\d+Z$/, "Z");
  return `Try again in ${span} (after ${at})`;
}
