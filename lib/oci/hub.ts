/**
 * Docker Hub's own HTTP API: search, repositories, tags, users. Needs no permission: the network is
 * passed in.
 *
 * @example
 * ```ts ignore
 * const { hits } = await hub.search("nginx", { limit: 10 });
 * const { tags } = await hub.newestTags("library/nginx", { limit: 100 });
 * ```
 *
 * @module
 */

import { AppError, type ErrorCode } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import {
  type HubRepository,
  type HubSearchHit,
  type HubTag,
  type HubUser,
  parseRepository,
  parseSearchV2,
  parseSearchV4,
  parseTag,
  parseTagPage,
  parseUser,
} from "./hub_answers.ts";
import { type HubDeps, HubHttp, type HubOptions } from "./hub_http.ts";

/** What every call takes. */
export interface HubCallOptions {
  /** Ends the call early. */
  readonly signal?: AbortSignal;
  /** Time for the call, in milliseconds. @default that of the client */
  readonly timeoutMs?: number;
}

const MAX_PAGE_SIZE = 100;
/** Refusals that may only mean that the newer, undocumented search has gone or changed. */
const MAY_BE_GONE: ReadonlySet<ErrorCode> = new Set([
  "NOT_FOUND",
  "BAD_RESPONSE",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "UNAVAILABLE",
]);
const NO_USER_SEARCH = "The name must be exact, since Docker Hub has no search for users; " +
  "search_images shows whose images there are";

/** Asks Docker Hub; anonymous unless a user name and a token are set. */
export class HubClient {
  readonly #http: HubHttp;

  /**
   * Makes a client; nothing is sent before the first call.
   *
   * @param deps Network, clock, log and variables.
   * @param options Address and time.
   */
  constructor(deps: HubDeps, options: HubOptions = {}) {
    this.#http = new HubHttp(deps, options);
  }

  /**
   * Searches images.
   *
   * @param query Words.
   * @param options How many (at most 100), and the signal.
   * @returns The hits, and how many there are.
   * @throws {AppError} `RATE_LIMITED` and its kin.
   */
  async search(
    query: string,
    options: HubCallOptions & { readonly limit: number },
  ): Promise<{ readonly total: number; readonly hits: readonly HubSearchHit[] }> {
    const size = pageSize(options.limit);
    const call = {
      ...options,
      action: `search Docker Hub for "${cleanText(query, { maxChars: 100 })}"`,
    };
    try {
      const v4 = new URLSearchParams({ query, type: "image", from: "0", size });
      return parseSearchV4(await this.#http.get(`/api/search/v4?${v4}`, call));
    } catch (thrown) {
      if (!(thrown instanceof AppError) || !MAY_BE_GONE.has(thrown.code)) throw thrown;
      const v2 = new URLSearchParams({ query, page: "1", page_size: size });
      return parseSearchV2(await this.#http.get(`/v2/search/repositories/?${v2}`, call));
    }
  }

  /**
   * Reads a repository.
   *
   * @param repository `namespace/name`; without a namespace an official one.
   * @param options The signal.
   * @returns Its facts.
   * @throws {AppError} `NOT_FOUND`; `INVALID_ARGUMENT` for something that is no name.
   */
  async repository(repository: string, options: HubCallOptions = {}): Promise<HubRepository> {
    const action = `read the Docker Hub repository "${shown(repository)}"`;
    const path = repositoryPath(repository, action);
    return parseRepository(await this.#http.get(path, { action, ...options }));
  }

  /**
   * Reads the newest tags, one page of them.
   *
   * @param repository `namespace/name`; without a namespace an official one.
   * @param options How many (at most 100), and the signal.
   * @returns The tags, and how many there are.
   * @throws {AppError} `NOT_FOUND`; `INVALID_ARGUMENT` for something that is no name.
   */
  async newestTags(
    repository: string,
    options: HubCallOptions & { readonly limit: number },
  ): Promise<{ readonly total: number; readonly tags: readonly HubTag[] }> {
    const action = `list the Docker Hub tags of "${shown(repository)}"`;
    const query = new URLSearchParams({
      page_size: pageSize(options.limit),
      ordering: "last_updated",
    });
    const path = `${repositoryPath(repository, action)}/tags?${query}`;
    return parseTagPage(await this.#http.get(path, { action, ...options }));
  }

  /**
   * Reads one tag.
   *
   * @param repository `namespace/name`; without a namespace an official one.
   * @param tag The tag.
   * @param options The signal.
   * @returns Its platforms, sizes and dates.
   * @throws {AppError} `NOT_FOUND`; `INVALID_ARGUMENT` for something that is no name.
   */
  async tag(repository: string, tag: string, options: HubCallOptions = {}): Promise<HubTag> {
    const action = `read the Docker Hub tag "${shown(repository)}:${shown(tag)}"`;
    const path = `${repositoryPath(repository, action)}/tags/${segment(tag, action)}`;
    return parseTag(await this.#http.get(path, { action, ...options }));
  }

  /**
   * Looks a user or an organisation up by its exact name; Docker Hub cannot search them.
   *
   * @param name The name, in any case.
   * @param options The signal.
   * @returns Its facts.
   * @throws {AppError} `NOT_FOUND`; `INVALID_ARGUMENT` for something that is no name.
   */
  async user(name: string, options: HubCallOptions = {}): Promise<HubUser> {
    const action = `read the Docker Hub user "${shown(name)}"`;
    const path = segment(name.trim().toLowerCase(), action);
    const call = { action, missingHint: NO_USER_SEARCH, ...options };
    try {
      return parseUser(await this.#http.get(`/v2/users/${path}`, call));
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== "NOT_FOUND") throw thrown;
      return parseUser(await this.#http.get(`/v2/orgs/${path}`, call));
    }
  }
}

/** Docker Hub refuses larger pages instead of making them smaller. */
function pageSize(limit: number): string {
  return String(Math.min(Math.max(1, Math.trunc(limit)), MAX_PAGE_SIZE));
}

function repositoryPath(repository: string, action: string): string {
  const parts = repository.split("/");
  const [namespace, name] = parts.length === 1 ? ["library", ...parts] : parts;
  if (parts.length > 2) throw noName(repository, action);
  return `/v2/namespaces/${segment(namespace ?? "", action)}/repositories/${
    segment(name ?? "", action)
  }`;
}

/** A name as one segment of a path; `..` and its kin would lead elsewhere. */
function segment(name: string, action: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(name)) throw noName(name, action);
  return encodeURIComponent(name);
}

function noName(name: string, action: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot ${action}: "${shown(name)}" is no name there`, {
    hint:
      "Names there have letters, digits, dots, dashes and underscores: namespace/name, or a name alone",
  });
}

function shown(name: string): string {
  return cleanText(name, { maxChars: 100 });
}
