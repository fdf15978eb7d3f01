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

/** An answer that is no success, with as much of its body as counts. */
export interface Refusal {
  /** The status; 300 or above. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** The body; empty where it could not be read or is too long to be an explanation. */
  readonly body: Uint8Array;
}

/** What was asked for when the registry refused. */
export interface ErrorContext {
  /** What Wharf wanted to do, for the message: `read "docker.io/library/alpine:3"`. */
  readonly action: string;
  /** The registry's name. */
  readonly registry: string;
  /** The repository's path; empty for the registry as a whole. */
  readonly repository: string;
  /** Where the credential that was used came from; `undefined` for anonymous access. */
  readonly source: string | undefined;
  /** Why the operator's own credential was not used. */
  readonly withheld: string | undefined;
  /** The host that a redirect led to and that refused in the registry's place. */
  readonly redirectedTo: string | undefined;
  /** The present, in milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

const MAX_BYTES = 64 * 1024;
/** Words for people stand at the beginning; it also bounds the work of taking a page apart. */
const MAX_TEXT = 4 * 1024;

interface Said {
  readonly codes: readonly string[];
  readonly text: string;
}

/**
 * Reads what a server says against a request.
 *
 * @param response An answer that is no success.
 * @returns The refusal; a body that cannot be read counts as empty, since the status says enough.
 */
export async function readRefusal(response: HttpResponse): Promise<Refusal> {
  const { status, headers } = response;
  try {
    return { status, headers, body: await response.bytes({ maxBytes: MAX_BYTES }) };
  } catch {
    return { status, headers, body: new Uint8Array(0) };
  }
}

/**
 * Turns a refusal into an error.
 *
 * @param refusal What the registry answered.
 * @param context What was asked for.
 * @returns The error to throw.
 */
export function registryError(refusal: Refusal, context: ErrorContext): AppError {
  const said = whatItSaid(refusal);
  const code = codeOf(refusal.status, said);
  const wait = code === "RATE_LIMITED" || code === "UNAVAILABLE"
    ? retryAfterMs(refusal.headers, context.nowMs)
    : undefined;
  const facts = { said, context, wait };
  return new AppError(code, `Cannot ${context.action}: ${reasonOf(code, refusal, facts)}`, {
    status: refusal.status,
    retryable: code === "RATE_LIMITED" || code === "UNAVAILABLE" || code === "TIMEOUT",
    hint: hintOf(code, facts),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
    ...(said.codes.length === 0 ? {} : { details: { registry_codes: said.codes } }),
  });
}

function whatItSaid(refusal: Refusal): Said {
  const body = new TextDecoder().decode(refusal.body);
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
      if (typeof error["code"] === "string" && /^[A-Z_]{1,40}$/.test(error["code"])) {
        codes.push(error["code"]);
      }
      // One sentence of each is enough; the first of these that there is says most.
      const before = texts.length;
      for (const key of ["message", "detail", "details", "error_description", "error"]) {
        if (texts.length === before) add(error[key]);
      }
    }
  } catch {
    // A page in HTML, plain text, or the XML of a storage service.
    const page = body.slice(0, MAX_TEXT);
    add(
      /<Message>([^<]*)<\/Message>/.exec(page)?.[1] ??
        page.replace(/<(style|script)[^]*?<\/\1>/gi, " ").replace(/<[^>]*>/g, " "),
    );
  }
  return { codes, text: cleanText(withoutQueries(texts.join("; ")), { maxChars: 200 }) };
}

/** Addresses of storage services carry signatures in their query. */
function withoutQueries(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/(https?:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/gi, "$1?…");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The distribution-spec's codes, and those of the older protocol, where the status leaves it open. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  NAME_UNKNOWN: "NOT_FOUND",
  MANIFEST_UNKNOWN: "NOT_FOUND",
  MANIFEST_BLOB_UNKNOWN: "NOT_FOUND",
  BLOB_UNKNOWN: "NOT_FOUND",
  NAME_INVALID: "INVALID_ARGUMENT",
  TAG_INVALID: "INVALID_ARGUMENT",
  DIGEST_INVALID: "INVALID_ARGUMENT",
  UNAUTHORIZED: "UNAUTHORIZED",
  DENIED: "FORBIDDEN",
  UNSUPPORTED: "UNSUPPORTED",
};

function codeOf(status: number, said: Said): ErrorCode {
  if (status === 429 || said.codes.includes("TOOMANYREQUESTS")) return "RATE_LIMITED";
  if (status === 401) return "UNAUTHORIZED";
  if (status === 403) return "FORBIDDEN";
  if (status === 404 || status === 410) return "NOT_FOUND";
  if (status === 408) return "TIMEOUT";
  if (status === 405 || status === 406 || status === 501) return "UNSUPPORTED";
  if (status >= 500) return "UNAVAILABLE";
  const [code = ""] = said.codes;
  return CODES[code] ?? "BAD_RESPONSE";
}

interface Facts {
  readonly said: Said;
  readonly context: ErrorContext;
  readonly wait: number | undefined;
}

function reasonOf(code: ErrorCode, refusal: Refusal, facts: Facts): string {
  const { said, context } = facts;
  const { registry, repository } = context;
  const words = said.text === "" ? "" : ` ("${said.text}")`;
  if (context.redirectedTo !== undefined) {
    return `${registry} leads to "${context.redirectedTo}", ` +
      `which answers with status ${refusal.status}${words}`;
  }
  switch (code) {
    case "RATE_LIMITED": {
      const quota = pullQuotaOf(refusal.headers);
      const left = quota?.limit === undefined ? "" : ` of ${quota.limit} pulls`;
      return `${registry} asks to slow down, the limit${left} is reached${words}`;
    }
    case "UNAUTHORIZED":
    case "FORBIDDEN": {
      const missing = repository === "" ? "" : ", or there is no such repository";
      return context.source === undefined
        ? `${registry} wants a login${missing}${words}`
        : `${registry} does not accept the credential from ${context.source}${missing}${words}`;
    }
    case "NOT_FOUND":
      if (/accept header/i.test(said.text)) {
        return `${registry} has it, but in none of the forms that Wharf reads${words}`;
      }
      if (said.codes.includes("NAME_UNKNOWN")) return `${registry} has no such repository`;
      return said.codes.includes("MANIFEST_UNKNOWN")
        ? `${registry} has no such tag or digest in ${repository}`
        : `${registry} does not have it`;
    default:
      return `${registry} answers with status ${refusal.status}${words}`;
  }
}

function hintOf(code: ErrorCode, facts: Facts): string {
  const { context, said } = facts;
  const { registry, repository } = context;
  if (context.redirectedTo !== undefined && code !== "RATE_LIMITED") {
    return "Try again; if it stays so, the registry's storage or its configuration is at fault";
  }
  switch (code) {
    case "RATE_LIMITED":
      return `${comeBack(context, facts.wait)}${
        isDockerHub(registry) ? "; a login raises the limit (podman login docker.io)" : ""
      }`;
    case "UNAUTHORIZED":
    case "FORBIDDEN": {
      if (context.withheld !== undefined) return context.withheld;
      if (repository === "") return `Log in: podman login ${registry}`;
      return context.source === undefined
        ? `${spelling(context)}; if it is private: podman login ${registry}`
        : `${spelling(context)}, or log in again: podman login ${registry}`;
    }
    case "NOT_FOUND":
      if (repository === "") return "Check that the host is a registry";
      if (said.codes.includes("MANIFEST_UNKNOWN")) {
        return `list_tags shows the tags of ${registry}/${repository}`;
      }
      return `${spelling(context)}; list_tags shows the tags of a repository`;
    case "UNAVAILABLE":
    case "TIMEOUT":
      return `${comeBack(context, facts.wait)}; the fault is the registry's`;
    case "UNSUPPORTED":
      return "This registry does not offer that; ask for a single image instead";
    case "INVALID_ARGUMENT":
      return "Check the spelling; the registry allows other names than Wharf";
    default:
      return "Check that the host is a registry and that no proxy answers in its place";
  }
}

/** Docker Hub's own images and everybody else's are told apart by a prefix that is easy to miss. */
function spelling({ registry, repository }: ErrorContext): string {
  if (isDockerHub(registry)) {
    if (!repository.includes("/")) {
      return `Official images are in library/: try library/${repository}`;
    }
    if (repository.startsWith("library/")) {
      const name = repository.slice("library/".length);
      return `Only official images are in library/; others need their owner, as in owner/${name} (search_images finds them)`;
    }
  }
  return `Check the spelling of "${repository}"`;
}

/** Says when to come back, as a span and as a time. */
function comeBack(context: ErrorContext, wait: number | undefined): string {
  if (wait === undefined) return "Try again in some minutes";
  const seconds = Math.ceil(wait / 1000);
  const span = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
  const at = new Date(context.nowMs + wait).toISOString().replace(/\.\d+Z$/, "Z");
  return `Try again in ${span} (after ${at})`;
}
