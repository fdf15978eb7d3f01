/**
 * Docker Hub's own HTTP API: search, repositories, tags, users. Needs no permission: the network is
 * passed in.
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
import { retryAfterMs } from "./response_facts.ts";

/** What {@linkcode HubClient} needs. */
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

/** How {@linkcode HubClient} behaves. */
export interface HubOptions {
  /** The API's address. @default {"https://hub.docker.com"} */
  readonly baseUrl?: URL;
  /** Time for one call, in milliseconds. @default {60000} */
  readonly timeoutMs?: number;
}

/** What every call takes. */
export interface HubCallOptions {
  /** Ends the call early. */
  readonly signal?: AbortSignal;
}

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_PAGE_SIZE = 100;
const MAX_REDIRECTS = 2;
const LONGEST_WAIT_MS = 5_000;
const TOKEN_MARGIN_MS = 30_000;
/** A token that does not tell when it ends; Docker's last ten minutes. */
const TOKEN_LIFE_MS = 5 * 60_000;

const LOGIN = z.object({ access_token: z.string().min(1) });

/** Asks Docker Hub; anonymous unless a user name and a token are set. */
export class HubClient {
  readonly #deps: HubDeps;
  readonly #baseUrl: URL;
  readonly #timeoutMs: number;
  readonly #logins = new SingleFlight<string>();
  #token: { readonly header: string; readonly expiresMs: number } | undefined;
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

  /** Whether calls are made in a user's name; anonymous paging is cut off early. */
  get isAuthenticated(): boolean {
    return Boolean(this.#deps.env["HUB_USERNAME"] && this.#deps.env["HUB_PAT_TOKEN"]);
  }

  /**
   * Searches images.
   *
   * @param query Words.
   * @param options How many (at most 100), and the signal.
   * @returns The hits, and how many there are.
   */
  async search(
    query: string,
    options: HubCallOptions & { readonly limit: number },
  ): Promise<{ readonly total: number; readonly hits: readonly HubSearchHit[] }> {
    const size = String(Math.min(options.limit, MAX_PAGE_SIZE));
    const action = `search Docker Hub for "${cleanText(query, { maxChars: 100 })}"`;
    try {
      const v4 = new URLSearchParams({ query, type: "image", from: "0", size });
      return parseSearchV4(await this.#get(`/api/search/v4?${v4}`, { action, ...options }));
    } catch (thrown) {
      // The newer search is undocumented and may go; the older one is still there.
      const mayBeGone = thrown instanceof AppError &&
        ["NOT_FOUND", "BAD_RESPONSE", "FORBIDDEN", "UNAVAILABLE"].includes(thrown.code);
      if (!mayBeGone) throw thrown;
      const v2 = new URLSearchParams({ query, page: "1", page_size: size });
      return parseSearchV2(
        await this.#get(`/v2/search/repositories/?${v2}`, { action, ...options }),
      );
    }
  }

  /**
   * Reads a repository.
   *
   * @param repository `namespace/name`.
   * @param options The signal.
   * @returns Its facts.
   * @throws {AppError} `NOT_FOUND`.
   */
  async repository(repository: string, options: HubCallOptions = {}): Promise<HubRepository> {
    const action = `read the Docker Hub repository "${repository}"`;
    return parseRepository(await this.#get(repositoryPath(repository), { action, ...options }));
  }

  /**
   * Reads the newest tags.
   *
   * @param repository `namespace/name`.
   * @param options How many (at most 100), and the signal.
   * @returns The tags, and how many there are.
   */
  async newestTags(
    repository: string,
    options: HubCallOptions & { readonly limit: number },
  ): Promise<{ readonly total: number; readonly tags: readonly HubTag[] }> {
    const query = new URLSearchParams({
      page_size: String(Math.min(options.limit, MAX_PAGE_SIZE)),
      ordering: "last_updated",
    });
    const action = `list the Docker Hub tags of "${repository}"`;
    return parseTagPage(
      await this.#get(`${repositoryPath(repository)}/tags?${query}`, { action, ...options }),
    );
  }

  /**
   * Reads one tag.
   *
   * @param repository `namespace/name`.
   * @param tag The tag.
   * @param options The signal.
   * @returns Its platforms, sizes and dates.
   * @throws {AppError} `NOT_FOUND`.
   */
  async tag(repository: string, tag: string, options: HubCallOptions = {}): Promise<HubTag> {
    const action = `read the Docker Hub tag "${repository}:${tag}"`;
    return parseTag(
      await this.#get(`${repositoryPath(repository)}/tags/${encodeURIComponent(tag)}`, {
        action,
        ...options,
      }),
    );
  }

  /**
   * Looks a user or an organisation up by its exact name; Docker Hub cannot search them.
   *
   * @param name The name.
   * @param options The signal.
   * @returns Its facts.
   * @throws {AppError} `NOT_FOUND`.
   */
  async user(name: string, options: HubCallOptions = {}): Promise<HubUser> {
    const action = `read the Docker Hub user "${cleanText(name, { maxChars: 60 })}"`;
    const path = encodeURIComponent(name.trim().toLowerCase());
    try {
      return parseUser(await this.#get(`/v2/users/${path}`, { action, ...options }));
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== "NOT_FOUND") throw thrown;
      return parseUser(await this.#get(`/v2/orgs/${path}`, { action, ...options }));
    }
  }

  async #get(path: string, call: Call): Promise<unknown> {
    using limit = deadline(this.#deps.clock, this.#timeoutMs, call.signal);
    const authorization = await this.#authorization(limit.signal);
    for (let attempt = 1;; attempt++) {
      const response = await this.#follow(path, authorization, limit.signal);
      if (response.status === 200) {
        const what = `Docker Hub's answer to ${path.split("?")[0]}`;
        return parseJson(await response.bytes({ maxBytes: MAX_BYTES }), { what });
      }
      const waitMs = retryAfterMs(response.headers, this.#deps.clock.now());
      const mayWait = attempt === 1 &&
        ((response.status === 429 && waitMs !== undefined && waitMs <= LONGEST_WAIT_MS) ||
          response.status >= 500);
      if (!mayWait) throw await this.#refusal(response, call.action, waitMs);
      await response.cancel();
      await this.#deps.clock.sleep(Math.min(waitMs ?? 500, LONGEST_WAIT_MS), limit.signal);
    }
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
      if (next === null || next.origin !== this.#baseUrl.origin || hop >= MAX_REDIRECTS) {
        throw new AppError(
          "ADDRESS_REFUSED",
          "Cannot ask Docker Hub: its redirect leads elsewhere",
          {
            hint: "Check that no proxy answers in its place",
          },
        );
      }
      url = next;
    }
  }

  /** A header in the user's name, or `undefined`: Docker Hub refuses a raw access token as bearer. */
  async #authorization(signal: AbortSignal): Promise<string | undefined> {
    const { HUB_USERNAME: identifier, HUB_PAT_TOKEN: secret } = this.#deps.env;
    if (!identifier || !secret) return undefined;
    if (this.#token !== undefined && this.#token.expiresMs > this.#deps.clock.now()) {
      return this.#token.header;
    }
    try {
      return await this.#logins.run(
        "login",
        (shared) => this.#login(identifier, secret, shared),
        signal,
      );
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === "UNAUTHORIZED") {
        if (!this.#warned) {
          this.#warned = true;
          this.#deps.log.warn(
            "Docker Hub does not accept HUB_USERNAME and HUB_PAT_TOKEN; going on anonymously",
          );
        }
        return undefined;
      }
      throw thrown;
    }
  }

  async #login(identifier: string, secret: string, signal: AbortSignal): Promise<string> {
    const response = await this.#deps.net.fetch({
      url: new URL("/v2/auth/token", this.#baseUrl),
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      body: JSON.stringify({ identifier, secret }),
      signal,
    });
    if (response.status !== 200) {
      await response.cancel();
      const isRefused = response.status === 401 || response.status === 403 ||
        response.status === 400;
      throw new AppError(
        isRefused ? "UNAUTHORIZED" : "UNAVAILABLE",
        `Cannot log in to Docker Hub: it answers with status ${response.status}`,
        {
          status: response.status,
          hint: "Check HUB_USERNAME and HUB_PAT_TOKEN",
          retryable: !isRefused,
        },
      );
    }
    const what = "Docker Hub's answer to the login";
    const login = LOGIN.safeParse(
      parseJson(await response.bytes({ maxBytes: MAX_BYTES }), { what }),
    );
    if (!login.success) {
      throw new AppError("BAD_RESPONSE", `Cannot use ${what}: it holds no token`, {
        hint: "Try again later; without the two variables Wharf asks anonymously",
      });
    }
    const header = `Bearer ${login.data.access_token}`;
    this.#token = { header, expiresMs: this.#expiry(login.data.access_token) };
    return header;
  }

  /** `exp` of the JSON web token, in seconds since the Unix epoch (RFC 7519, 4.1.4). */
  #expiry(token: string): number {
    const now = this.#deps.clock.now();
    try {
      const payload: unknown = JSON.parse(
        atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")),
      );
      const { exp } = z.object({ exp: z.number() }).parse(payload);
      return exp * 1000 - TOKEN_MARGIN_MS;
    } catch {
      return now + TOKEN_LIFE_MS;
    }
  }

  async #refusal(
    response: HttpResponse,
    action: string,
    waitMs: number | undefined,
  ): Promise<AppError> {
    const { status } = response;
    const said = await messageOf(response);
    const words = said === "" ? "" : ` ("${said}")`;
    if (status === 429) {
      const wait = waitMs === undefined ? "in a minute" : `in ${Math.ceil(waitMs / 1000)} s`;
      return new AppError("RATE_LIMITED", `Cannot ${action}: Docker Hub asks to slow down`, {
        status,
        retryable: true,
        hint: `Try again ${wait}; a login raises the limit (HUB_USERNAME, HUB_PAT_TOKEN)`,
        ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
      });
    }
    if (status === 403 && /pagination|sign in/i.test(said)) {
      return new AppError("FORBIDDEN", `Cannot ${action}: Docker Hub stops anonymous paging here`, {
        status,
        hint: "list_tags reads all names from the registry; or set HUB_USERNAME and HUB_PAT_TOKEN",
      });
    }
    if (status === 404) {
      return new AppError("NOT_FOUND", `Cannot ${action}: Docker Hub has none of that name`, {
        status,
        hint: "Check the spelling, or find it with search_images",
      });
    }
    if (status === 401 || status === 403) {
      return new AppError("UNAUTHORIZED", `Cannot ${action}: Docker Hub wants a login${words}`, {
        status,
        hint: "Set HUB_USERNAME and HUB_PAT_TOKEN to an account that may see it",
      });
    }
    return new AppError(
      status >= 500 ? "UNAVAILABLE" : "BAD_RESPONSE",
      `Cannot ${action}: Docker Hub answers with status ${status}${words}`,
      { status, retryable: status >= 500, hint: "Try again in some minutes" },
    );
  }
}

interface Call extends HubCallOptions {
  readonly action: string;
}

/** `/v2/namespaces/{ns}/repositories/{name}`, with both names encoded. */
function repositoryPath(repository: string): string {
  const slash = repository.indexOf("/");
  const namespace = slash === -1 ? "library" : repository.slice(0, slash);
  const name = repository.slice(slash + 1);
  return `/v2/namespaces/${encodeURIComponent(namespace)}/repositories/${encodeURIComponent(name)}`;
}

async function messageOf(response: HttpResponse): Promise<string> {
  try {
    const json = parseJson(await response.bytes({ maxBytes: 64 * 1024 }), { what: "the refusal" });
    const said = z.object({
      message: z.string().optional().catch(undefined),
      detail: z.string().optional().catch(undefined),
      text: z.string().optional().catch(undefined),
    }).parse(json);
    return cleanText(said.message ?? said.detail ?? said.text ?? "", { maxChars: 200 });
  } catch {
    return "";
  }
}
