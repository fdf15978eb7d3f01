/**
 * The newest version of an npm or PyPI package, so that a plan names exactly one. Needs net
 * permission for `registry.npmjs.org` and `pypi.org`, through the network that is passed in.
 *
 * @example
 * ```ts ignore
 * const { version } = await newestVersion({ type: "npm", identifier: "is-odd" }, { net });
 * const plan = planProcess({ type: "npm", identifier: "is-odd", version }, rendered, options);
 * ```
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import type { Net } from "../core/http.ts";
import { parseJson } from "../core/json.ts";
import { cleanText } from "../core/text.ts";
import { isPinned, packageName, type PackageRef } from "./package_name.ts";

/** A version as its registry has it. */
export interface ResolvedVersion {
  /** The exact version. */
  readonly version: string;
  /** Hash of its archive as the registry gives it: `sha512-<base64>` (npm) or `sha256:<hex>` (PyPI). */
  readonly integrity?: string;
  /** Its maker's or registry's words on why it should not be used. */
  readonly deprecated?: string;
}

/** How {@linkcode newestVersion} asks. */
export interface VersionOptions {
  /** Ends the question. */
  readonly signal?: AbortSignal;
  /** Time for it, in milliseconds. @default {15000} */
  readonly timeoutMs?: number;
}

/** npm answers for one version; PyPI for a package with all of its files. */
const MAX_BYTES = { npm: 2 * 1024 * 1024, pypi: 32 * 1024 * 1024 } as const;

const TIMEOUT_MS = 15_000;

/** A version of a package (npm registry API, `GET /{package}/{version}`). */
const NPM_VERSION = z.object({
  version: z.string(),
  dist: z.object({ integrity: z.string().optional().catch(undefined) }).optional()
    .catch(undefined),
  deprecated: z.string().optional().catch(undefined),
});

/** A project (PyPI JSON API, `GET /pypi/<project>/json`). */
const PYPI_PROJECT = z.object({
  info: z.object({
    version: z.string(),
    yanked: z.boolean().optional().catch(undefined),
    yanked_reason: z.string().nullish().catch(undefined),
  }),
  urls: z.array(z.object({
    packagetype: z.string(),
    digests: z.object({ sha256: z.string() }),
  })).optional().catch(undefined),
});

/**
 * Asks a package's registry for its newest release: npm's `latest`, PyPI's newest stable one.
 *
 * @param pkg The package; what it says of its version does not count.
 * @param deps The network.
 * @param options Limits.
 * @returns The version, of the exact form that `planProcess` wants.
 * @throws {AppError} As `packageName`; `NOT_FOUND` when there is no such package, `UNAVAILABLE`
 * and `RATE_LIMITED` when the registry does not answer, `BAD_RESPONSE` when it answers nonsense.
 */
export async function newestVersion(
  pkg: PackageRef,
  deps: { readonly net: Net },
  options: VersionOptions = {},
): Promise<ResolvedVersion> {
  const { type, name } = packageName(pkg);
  const url = new URL(
    type === "npm"
      ? `https://registry.npmjs.org/${name.replace("/", "%2f")}/latest`
      : `https://pypi.org/pypi/${name}/json`,
  );
  const label = `${type}:${name}`;
  const response = await deps.net.fetch({
    url,
    headers: { accept: "application/json" },
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (response.status !== 200) {
    await response.cancel();
    throw statusError(label, response.status);
  }
  const bytes = await response.bytes({ maxBytes: MAX_BYTES[type] });
  const json = parseJson(bytes, { what: `the answer for "${label}"` });
  const resolved = type === "npm" ? readNpm(json) : readPypi(json);
  if (resolved === undefined || !isPinned({ ...pkg, version: resolved.version })) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot resolve the version of "${label}": ${url.host} names none`,
      { hint: "Give the version yourself" },
    );
  }
  return resolved;
}

function readNpm(json: unknown): ResolvedVersion | undefined {
  const { data } = NPM_VERSION.safeParse(json);
  if (data === undefined) return undefined;
  const integrity = data.dist?.integrity;
  return {
    version: data.version,
    ...(integrity !== undefined && /^sha(?:256|384|512)-[A-Za-z0-9+/=]{40,100}$/.test(integrity)
      ? { integrity }
      : {}),
    ...deprecation(data.deprecated),
  };
}

function readPypi(json: unknown): ResolvedVersion | undefined {
  const { data } = PYPI_PROJECT.safeParse(json);
  if (data === undefined) return undefined;
  const { info, urls = [] } = data;
  // A project has many files per version; the hash is of the one that most machines install.
  const sha256 = (urls.find(({ packagetype }) => packagetype === "bdist_wheel") ?? urls[0])
    ?.digests.sha256;
  return {
    version: info.version,
    ...(sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256)
      ? { integrity: `sha256:${sha256}` }
      : {}),
    ...deprecation(
      info.yanked === true ? info.yanked_reason ?? "its makers took it back" : undefined,
    ),
  };
}

function deprecation(words: string | undefined): { readonly deprecated?: string } {
  const text = words === undefined ? "" : cleanText(words, { maxChars: 300 });
  return text === "" ? {} : { deprecated: text };
}

function statusError(label: string, status: number): AppError {
  const cannot = `Cannot resolve the version of "${label}"`;
  if (status === 404) {
    return new AppError("NOT_FOUND", `${cannot}: its registry has no such package`, {
      status,
      hint: "Check the entry with registry-get; the package may have been withdrawn",
    });
  }
  const isBusy = status === 429;
  return new AppError(
    isBusy ? "RATE_LIMITED" : "UNAVAILABLE",
    `${cannot}: its registry answered with status ${status}`,
    { status, retryable: true, hint: "Try again later, or give the version yourself" },
  );
}
