/**
 * What a git server offers: the commit of its default branch, asked over smart HTTP (gitprotocol-http,
 * "Discovering References") with one request that ends after the first reference. Redirects are
 * followed within the address policy, and only to an address that is a git server again. Needs
 * `--allow-net` for the host.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { HttpResponse, Net, UrlOrigin } from "../core/http.ts";
import { cleanText } from "../core/text.ts";
import { PktReader, pktText } from "./git_pkt.ts";

/** A repository as its server offers it now. */
export interface GitRemote {
  /** Where it was found, after redirects; without a `/` at the end. */
  readonly url: URL;
  /** How far that address is trusted. */
  readonly origin: UrlOrigin;
  /** `HEAD`, or the one branch of a repository whose default branch is gone. */
  readonly ref: string;
  /** Name of the default branch, for people; `undefined` when the server does not tell. */
  readonly branch: string | undefined;
  /** Its commit: 40 hexadecimal digits. */
  readonly commit: string;
  /** What the server can do, such as `shallow` and `filter`. */
  readonly capabilities: ReadonlySet<string>;
}

/** How {@linkcode readRemote} asks. */
export interface ReadRemoteOptions {
  /** Ends the request early. */
  readonly signal?: AbortSignal;
  /** Time for each exchange, in milliseconds. @default {30000} */
  readonly timeoutMs?: number;
}

/** What follows the repository's address in the first request. */
const REFS = "/info/refs?service=git-upload-pack";

/** Forges tell git from browsers by the start of the name, and give browsers a page. */
export const GIT_AGENT = "git/2.0 (wharf)";

const MAX_REDIRECTS = 3;

/** A repository with many pull requests has many references; HEAD comes first all the same. */
const MAX_BYTES = 16 * 1024 * 1024;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Checks the address of a git source.
 *
 * @param url As the operator gave it.
 * @returns The same repository without a `/` at the end.
 * @throws {AppError} `INVALID_ARGUMENT` for one that is not http or https, or holds more than host and path.
 */
export function repositoryUrl(url: URL): URL {
  const cannot = `Cannot fetch the git repository at "${url.host}${url.pathname}"`;
  const web = url.protocol === "https:" || url.protocol === "http:";
  if (!web || url.username !== "" || url.password !== "") {
    throw new AppError(
      "INVALID_ARGUMENT",
      `${cannot}: its address ${web ? "holds a user name or password" : "is not http(s)"}`,
      { hint: "Use an https:// address of a public repository" },
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw new AppError("INVALID_ARGUMENT", `${cannot}: its address holds a query or fragment`, {
      hint: "Use the address that git clone takes",
    });
  }
  const plain = new URL(url);
  plain.pathname = plain.pathname.replace(/\/+$/, "");
  return plain;
}

/**
 * Asks a server for the commit of a repository's default branch.
 *
 * @param net The network; its address policy applies to every hop.
 * @param repository The repository, see {@linkcode repositoryUrl}.
 * @param options Signal and time limit.
 * @returns What it offers.
 * @throws {AppError} `NOT_FOUND` without a repository or a branch, `UNAUTHORIZED`, `BAD_RESPONSE`
 * for what is no git server, `UNSUPPORTED` for repositories of another kind, `ADDRESS_REFUSED`
 * for a redirect that must not be taken and for a public host without https, and what the network says.
 */
export async function readRemote(
  net: Net,
  repository: URL,
  options: ReadRemoteOptions = {},
): Promise<GitRemote> {
  const named = repositoryUrl(repository);
  let url = named;
  let origin: UrlOrigin = "named";
  for (let followed = 0;; followed++) {
    const response = await net.fetch({
      url: new URL(addressOf(url) + REFS),
      origin,
      headers: {
        accept: "application/x-git-upload-pack-advertisement",
        "user-agent": GIT_AGENT,
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
    // What a public host says without encryption, anybody on the way may have said.
    const inside = response.peer === "private" || response.peer === "loopback";
    if (url.protocol === "http:" && !inside) {
      await response.cancel();
      throw new AppError(
        "ADDRESS_REFUSED",
        `Cannot fetch "${named.href}": it is a public host without https`,
        { hint: "Use its https:// address" },
      );
    }
    const location = response.headers.get("location");
    if (REDIRECTS.has(response.status) && location !== null) {
      await response.cancel();
      if (followed === MAX_REDIRECTS) {
        throw badRedirect(named, `it redirects more than ${MAX_REDIRECTS} times`);
      }
      url = redirected(named, url, location);
      // What a public host says may not name private addresses, nor may anything after it.
      origin = origin === "named" && inside ? "named" : "derived";
      continue;
    }
    const offer = await readOffer(named, response);
    return { url, origin, ...offer };
  }
}

/**
 * A repository's address as text.
 *
 * @param url A repository.
 * @returns The address without a `/` at its end, which a bare host would have.
 */
export function addressOf(url: URL): string {
  return url.href.replace(/\/$/, "");
}

/** Where a redirect leads, if that is the first request of a git repository again. */
function redirected(named: URL, from: URL, location: string): URL {
  const target = URL.parse(location, addressOf(from) + REFS);
  if (target === null || !/^https?:$/.test(target.protocol)) {
    throw badRedirect(named, "it redirects to no web address");
  }
  if (from.protocol === "https:" && target.protocol === "http:") {
    throw new AppError(
      "ADDRESS_REFUSED",
      `Cannot fetch "${named.href}": it redirects from https to http`,
      { hint: "Name the repository's own https:// address; Wharf gives up no encryption" },
    );
  }
  if (!target.href.endsWith(REFS)) throw badRedirect(named, "it redirects to something else");
  return new URL(target.href.slice(0, -REFS.length));
}

type Offer = Pick<GitRemote, "ref" | "branch" | "commit" | "capabilities">;

async function readOffer(named: URL, response: HttpResponse): Promise<Offer> {
  if (response.status !== 200) {
    await response.cancel();
    throw statusError(named, response.status);
  }
  const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-git-upload-pack-advertisement") {
    await response.cancel();
    throw noServer(named, "it is no git repository over smart HTTP");
  }
  const reader = new PktReader(response.stream({ maxBytes: MAX_BYTES }));
  try {
    return await offerOf(named, reader);
  } finally {
    // Most of the references are of no interest.
    await reader.stop();
  }
}

async function offerOf(named: URL, reader: PktReader): Promise<Offer> {
  const branches = new Map<string, string>();
  let capabilities: ReadonlySet<string> | undefined;
  let parts = 0;
  for (let pkt = await reader.next(); pkt !== undefined; pkt = await reader.next()) {
    if (pkt === "flush") {
      // The first flush ends the line that names the service.
      parts += 1;
      if (parts === 2) break;
      continue;
    }
    const text = pktText(pkt);
    if (parts === 0 && text.startsWith("# service=git-upload-pack")) continue;
    if (text.startsWith("ERR ")) {
      throw noServer(named, `it says "${cleanText(text.slice(4), { maxChars: 200 })}"`);
    }
    const [line = "", words] = text.split("\0");
    capabilities ??= capabilitiesOf(named, words ?? "");
    const [, commit, ref] = /^([0-9a-f]{40}) (\S+)$/.exec(line) ?? [];
    if (commit === undefined || ref === undefined) {
      throw noServer(named, "its list of references is broken");
    }
    if (ref === "HEAD") {
      return { ref, commit, branch: headOf(capabilities), capabilities };
    }
    if (isBranch(ref)) branches.set(ref, commit);
  }
  return onlyBranch(named, branches, capabilities ?? new Set());
}

/** A repository whose HEAD names a branch that is gone still has one that is meant, if it is alone. */
function onlyBranch(
  named: URL,
  branches: ReadonlyMap<string, string>,
  capabilities: ReadonlySet<string>,
): Offer {
  const [only] = branches;
  if (branches.size === 1 && only !== undefined) {
    const [ref, commit] = only;
    return { ref, commit, branch: ref.slice(BRANCHES.length), capabilities };
  }
  const state = branches.size === 0 ? "it has no branch" : "its default branch does not exist";
  throw new AppError("NOT_FOUND", `Cannot fetch "${named.href}": ${state}`, {
    hint: "Whoever keeps the repository must set its default branch; until then use another source",
  });
}

const BRANCHES = "refs/heads/";

/** git-check-ref-format, for names that stand in arguments later. */
function isBranch(ref: string): boolean {
  return ref.length <= 255 && /^refs\/heads\/[\w][\w./+@=,-]*$/.test(ref) && !ref.includes("..");
}

function headOf(capabilities: ReadonlySet<string>): string | undefined {
  const start = `symref=HEAD:${BRANCHES}`;
  const found = [...capabilities].find((word) => word.startsWith(start));
  return found === undefined ? undefined : cleanText(found.slice(start.length), { maxChars: 100 });
}

function capabilitiesOf(named: URL, words: string): ReadonlySet<string> {
  const capabilities = new Set(words.split(" ").filter((word) => word !== ""));
  const format = [...capabilities].find((word) => word.startsWith("object-format="));
  if (format !== undefined && format !== "object-format=sha1") {
    throw new AppError(
      "UNSUPPORTED",
      `Cannot fetch "${named.href}": it names its objects by another hash than SHA-1`,
      { hint: "Use a copy of the repository in git's default format" },
    );
  }
  return capabilities;
}

/**
 * What a status other than 200 means.
 *
 * @param named The repository as the operator named it.
 * @param status The status.
 * @returns The error to throw.
 */
export function statusError(named: URL, status: number): AppError {
  const cannot = `Cannot fetch "${named.href}"`;
  if (status === 401 || status === 403) {
    return new AppError(
      status === 401 ? "UNAUTHORIZED" : "FORBIDDEN",
      `${cannot}: the server does not show it to everybody, or it does not exist`,
      { status, hint: "Check the URL; Wharf fetches public repositories only" },
    );
  }
  if (status === 404 || status === 410) {
    return new AppError("NOT_FOUND", `${cannot}: there is no such repository`, {
      status,
      hint: "Check the URL of the source",
    });
  }
  if (status === 429) {
    return new AppError("RATE_LIMITED", `${cannot}: the server asks to slow down`, {
      status,
      retryable: true,
      hint: "Try again later",
    });
  }
  if (status >= 500) {
    return new AppError("UNAVAILABLE", `${cannot}: the server failed with status ${status}`, {
      status,
      retryable: true,
      hint: "Try again later",
    });
  }
  return new AppError("BAD_RESPONSE", `${cannot}: the server answered with status ${status}`, {
    status,
    hint: "Check the URL of the source",
  });
}

function noServer(named: URL, state: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot fetch "${named.href}": ${state}`, {
    hint: "Check that the URL is one that git clone takes",
  });
}

function badRedirect(named: URL, state: string): AppError {
  return new AppError("BAD_RESPONSE", `Cannot fetch "${named.href}": ${state}`, {
    hint: "Name the repository's own address",
  });
}
