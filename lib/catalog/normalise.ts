/**
 * The forms in which the same repository, image, package or remote is spelled
 * in different catalogues, folded into one key each. Needs no permission.
 *
 * @example
 * ```ts
 * import { parseRepository, repositoryKey } from "./normalise.ts";
 *
 * const place = parseRepository("git@GitHub.com:Acme/Servers.git");
 * place && repositoryKey(place); // "github.com/acme/servers"
 * ```
 *
 * @module
 */

/** Longest URL or reference that is looked at. */
const MAX_LOCATOR_CHARS = 2048;

/** Hosts whose `/<owner>/<name>` pages are repositories. */
const FORGES = new Set([
  "github.com",
  "gitlab.com",
  "bitbucket.org",
  "codeberg.org",
  "gitee.com",
  "git.sr.ht",
]);

/** First path segments of forges that are no repository owners. */
const NO_OWNERS = new Set([
  "about",
  "apps",
  "collections",
  "explore",
  "features",
  "marketplace",
  "orgs",
  "search",
  "settings",
  "site",
  "sponsors",
  "topics",
]);

/** A repository, and the folder of one server in it. */
export interface RepositoryPlace {
  /** Host in lower case, without `www.`. */
  readonly host: string;
  /** Owner and name (GitLab: all groups), as spelled. */
  readonly path: string;
  /** Commit, tag or branch of a `/tree/` URL. */
  readonly ref?: string;
  /** Folder of a `/tree/` URL or as the source says; absent for the root. */
  readonly folder?: string;
}

/**
 * Reads a repository URL in any of its spellings: `https`, `git+https`, `ssh`, `git@host:path`,
 * with `www.`, `.git`, query, fragment, `/tree/<ref>/<dir>` or `/blob/<ref>/<file>`.
 *
 * @param text The URL.
 * @param options `anyHost` takes hosts that are no well-known forge, for fields that hold repositories only.
 * @returns The place, or `undefined` when the text names no repository.
 */
export function parseRepository(
  text: string,
  options: { readonly anyHost?: boolean } = {},
): RepositoryPlace | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > MAX_LOCATOR_CHARS) return undefined;
  const scp = /^(?:[\w.-]+@)?([\w.-]+\.[a-z]{2,}):(?!\/\/)(.+)$/i.exec(trimmed);
  const url = scp === null
    ? parseUrl(trimmed.replace(/^git\+/i, "").replace(/^(?:ssh|git):\/\//i, "https://"))
    : parseUrl(`https://${scp[1]}/${scp[2]}`);
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return undefined;
  }
  const host = url.host.toLowerCase().replace(/^www\./, "");
  if (!FORGES.has(host) && options.anyHost !== true) return undefined;
  const segments = pathSegments(url.pathname);
  const marker = segments.indexOf("-");
  // GitLab nests groups and sets what follows apart with "/-/".
  const owned = host === "gitlab.com" || marker > 0
    ? segments.slice(0, marker === -1 ? segments.length : marker)
    : segments.slice(0, 2);
  const rest = segments.slice(owned.length).filter((segment) => segment !== "-");
  const [owner] = owned;
  if (owner === undefined || owned.length < 2 || NO_OWNERS.has(owner.toLowerCase())) {
    return undefined;
  }
  const path = owned.join("/").replace(/\.git$/i, "");
  if (path.endsWith("/")) return undefined;
  const [kind, ref, ...inner] = rest;
  if ((kind !== "tree" && kind !== "blob" && kind !== "src") || ref === undefined) {
    return { host, path };
  }
  const folder = normaliseFolder(kind === "blob" ? inner.slice(0, -1).join("/") : inner.join("/"));
  return { host, path, ref, ...(folder === undefined ? {} : { folder }) };
}

/** The key of a whole repository: host and path in lower case. */
export function repositoryKey(place: RepositoryPlace): string {
  return `${place.host}/${place.path}`.toLowerCase();
}

/** The https URL of a whole repository, spelled as in the source. */
export function repositoryUrl(place: RepositoryPlace): string {
  return `https://${place.host}/${place.path}`;
}

/**
 * Folds a folder inside a repository: no leading or trailing slash, no `.`.
 *
 * @param text Folder, or the path of a Dockerfile with `dockerfile`.
 * @returns The folder as spelled, or `undefined` for the root or a path that leaves it.
 */
export function normaliseFolder(
  text: string,
  options: { readonly dockerfile?: boolean } = {},
): string | undefined {
  const segments = text.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (options.dockerfile === true) segments.pop();
  if (segments.length === 0 || segments.includes("..")) return undefined;
  return segments.join("/");
}

/** OCI Distribution 1.1 name: optional registry, lower-case path; tag and digest follow. */
const IMAGE =
  /^((?:[a-z0-9.-]+(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$/i;

/**
 * Gives an image reference its registry: `mcp/x` is `docker.io/mcp/x`, `alpine` is
 * `docker.io/library/alpine`; a first part with `.`, `:` or the word `localhost` is one already.
 *
 * @param text A reference with or without registry, tag and digest.
 * @returns The qualified reference, or `undefined` when the text is none. A tag that is a
 *   template (`${VERSION}`) is dropped.
 */
export function qualifyImage(text: string): string | undefined {
  const bare = text.trim().replace(/^(?:docker|oci):\/\//i, "").replace(/:\$?\{[^}]*\}$/, "");
  if (bare.length > 512) return undefined;
  const match = IMAGE.exec(bare);
  if (match === null) return undefined;
  const [, name = "", tag, digest] = match;
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const isRegistry = first.includes(".") || first.includes(":") || first === "localhost";
  let registry = isRegistry ? first.toLowerCase() : "docker.io";
  let path = isRegistry ? name.slice(slash + 1) : name;
  if (path === "") return undefined;
  if (registry === "index.docker.io" || registry === "registry-1.docker.io") registry = "docker.io";
  if (registry === "docker.io" && !path.includes("/")) path = `library/${path}`;
  return `${registry}/${path.toLowerCase()}${tag === undefined ? "" : `:${tag}`}${
    digest === undefined ? "" : `@${digest.toLowerCase()}`
  }`;
}

/** The key of a qualified image: without tag and digest. */
export function imageKey(qualified: string): string {
  return qualified.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
}

/**
 * The key of a package, whatever its version.
 *
 * @param type Registry, such as `npm`.
 * @param identifier Name there. An image must be qualified.
 * @returns `type:name`; npm, NuGet and cargo in lower case, PyPI by PEP 503.
 */
export function packageKey(type: string, identifier: string): string {
  if (type === "oci") return `oci:${imageKey(identifier)}`;
  if (type === "pypi") return `pypi:${identifier.toLowerCase().replace(/[-_.]+/g, "-")}`;
  if (type === "mcpb") return `mcpb:${identifier}`;
  return `${type}:${identifier.toLowerCase()}`;
}

/** The key of a remote URL: no query or fragment, no closing slash, lower-case host. */
export function remoteKey(url: string): string {
  const bare = url.replace(/[?#].*$/, "").replace(/\/+$/, "");
  const match = /^(https?:\/\/)([^/]+)(.*)$/i.exec(bare);
  if (match === null) return bare;
  const [, scheme = "", host = "", path = ""] = match;
  return `${scheme.toLowerCase()}${host.toLowerCase()}${path}`;
}

/**
 * A web address as entries may hold it.
 *
 * @param text The URL; `{name}` placeholders stay when `templates` is set.
 * @returns The http or https URL without user information, or `undefined`.
 */
export function webUrl(
  text: string,
  options: { readonly templates?: boolean } = {},
): string | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > MAX_LOCATOR_CHARS) return undefined;
  const templated = options.templates === true && /\{[^{}]+\}/.test(trimmed);
  const url = parseUrl(templated ? trimmed.replace(/\{[^{}]+\}/g, "x") : trimmed);
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return undefined;
  }
  if (url.username !== "" || url.password !== "" || url.hostname === "") return undefined;
  if (templated) return /[\s<>"]/.test(trimmed) ? undefined : trimmed;
  // The root's slash is added by the parser; catalogues write it without.
  return url.pathname === "/" && url.search === "" && url.hash === "" && !trimmed.endsWith("/")
    ? url.href.slice(0, -1)
    : url.href;
}

/**
 * Makes the part of an id after the source: every other character than `[A-Za-z0-9._/@-]` becomes
 * `-`; no empty, `.` or `..` segment is left, so that an id is harmless wherever it ends up.
 *
 * @param text Any text; at most 200 characters of it count.
 * @returns The slug, or `""` when nothing is left.
 */
export function slug(text: string): string {
  return text.slice(0, 200).replace(/[^A-Za-z0-9._/@-]+/g, "-").split("/")
    .map((segment) => segment.replace(/^[.-]+|-+$/g, ""))
    .filter((segment) => segment !== "").join("/");
}

/** The form in which ids and names are compared. */
export function foldId(id: string): string {
  return id.toLowerCase();
}

function parseUrl(text: string): URL | undefined {
  return URL.parse(text) ?? undefined;
}

function pathSegments(pathname: string): string[] {
  return pathname.split("/").filter((segment) => segment !== "").map((segment) => {
    try {
      return decodeURIComponent(segment);
    } catch {
      return segment;
    }
  });
}
