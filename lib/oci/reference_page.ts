/**
 * References inside of web addresses: the pages of Docker Hub, GitHub and Quay, the API's own
 * paths, and plain `https://host/repository`. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** What a page's path says; the name may hold `/`. */
interface Page {
  readonly name: string;
  /** A tag or a digest. */
  readonly version: string | undefined;
}

/** Reads the path of a known site, already without its empty parts; `undefined` where it is no image. */
type PageReader = (path: readonly string[], query: URLSearchParams) => Page | undefined;

const SITES: ReadonlyMap<string, PageReader> = new Map([
  ["hub.docker.com", dockerHubPage],
  ["github.com", gitHubPage],
  ["quay.io", quayPage],
]);

/** Sites that serve pages only, so that an address without an image is a mistake. */
const NO_REGISTRY = new Set(["hub.docker.com", "github.com"]);

/**
 * Finds the reference in a web address.
 *
 * @param text A checked text, with or without a scheme.
 * @returns `host/repository[:tag]`, or `undefined` when the text is not a web address.
 * @throws {AppError} `INVALID_ARGUMENT` for a page that is not about an image, or for an address
 * with a user name or path tricks in it.
 */
export function referenceInPage(text: string): string | undefined {
  const scheme = /^https?:\/\//i.exec(text)?.[0] ?? "";
  const [address = ""] = text.slice(scheme.length).split(/[?#]/, 1);
  const site = address.split("/", 1)[0]?.toLowerCase().replace(/^www\./, "") ?? "";
  const reader = SITES.get(site);
  if (scheme === "" && (reader === undefined || !address.includes("/"))) return undefined;
  const url = URL.parse(`https://${text.slice(scheme.length)}`);
  if (url === null || url.username !== "" || url.password !== "") {
    throw invalid("the web address", "it is broken or holds a user name");
  }
  // Only %2F has a use, and what a browser would fold away (/../) says something else than it shows.
  if (/%(?!2f)|\\/i.test(address) || address.split(/\/|%2f/i).some(isDots)) {
    throw invalid(`"${address.slice(0, 200)}"`, "its path holds dots, backslashes or escapes");
  }
  const path = url.pathname.split("/").filter(Boolean).map((part) => part.replace(/%2f/gi, "/"));
  const page = reader?.(path, url.searchParams);
  if (page !== undefined) return versioned(page);
  if (NO_REGISTRY.has(site) && (scheme !== "" || site === "github.com")) {
    throw invalid(`"${address.slice(0, 200)}"`, "the page is not about an image");
  }
  if (scheme === "") return undefined;
  // Without its scheme a bare host would be the name of an image.
  if (path.length === 0) throw invalid(`"${address.slice(0, 200)}"`, "it names no repository");
  return apiPath(path, url.host) ?? address.replace(/\/+$/, "");
}

function isDots(part: string): boolean {
  return part === "." || part === "..";
}

function versioned({ name, version }: Page): string {
  // A search field that was left empty is in the address all the same.
  if (!version) return name;
  return `${name}${version.includes(":") ? "@" : ":"}${version}`;
}

/** `/_/NAME`, `/r/OWNER/NAME[/tags]`, `/layers/OWNER/NAME/TAG/…`, `/repository/docker/OWNER/NAME`. */
function dockerHubPage(path: readonly string[], query: URLSearchParams): Page | undefined {
  const [kind, first, second, third] = path;
  const version = query.get("name") ?? query.get("tag") ?? undefined;
  if (first === undefined) return undefined;
  if (kind === "_") return { name: `docker.io/library/${first}`, version };
  if (second === undefined) return undefined;
  if (kind === "r") return { name: `docker.io/${first}/${second}`, version };
  if (kind === "layers") return { name: `docker.io/${first}/${second}`, version: third };
  if (kind === "repository" && first === "docker" && third !== undefined) {
    return { name: `docker.io/${second}/${third}`, version };
  }
  return undefined;
}

/**
 * `/OWNER/REPOSITORY/pkgs/container/NAME[/ID]`, `/orgs/OWNER/packages/container/package/NAME`,
 * `/orgs/OWNER/packages/container/NAME/…`, and the same under `/users`. The slashes of a name are
 * written as `%2F`.
 */
function gitHubPage(path: readonly string[], query: URLSearchParams): Page | undefined {
  const [first, second, kind, ...rest] = path;
  const version = query.get("tag") ?? undefined;
  const isPackages = kind === "packages" && (first === "orgs" || first === "users");
  if ((kind !== "pkgs" && !isPackages) || rest.shift() !== "container") return undefined;
  if (isPackages && rest[0] === "package" && rest.length > 1) rest.shift();
  const [name] = rest;
  if (name === undefined) return undefined;
  return { name: `ghcr.io/${isPackages ? second : first}/${name}`.toLowerCase(), version };
}

/** `/repository/OWNER/NAME[?tag=TAG]` and `/repository/OWNER/NAME/manifest/DIGEST`. */
function quayPage(path: readonly string[], query: URLSearchParams): Page | undefined {
  const [kind, first, second, third, fourth] = path;
  if (kind !== "repository" || first === undefined || second === undefined) return undefined;
  const version = third === "manifest" || third === "tag" ? fourth : query.get("tag") ?? undefined;
  return { name: `quay.io/${first}/${second}`, version };
}

/** `/v2/NAME/manifests/REFERENCE` and `/v2/NAME/tags/list` of the distribution-spec. */
function apiPath(path: readonly string[], host: string): string | undefined {
  if (path[0] !== "v2") return undefined;
  const kind = path.at(-2);
  const last = path.at(-1) ?? "";
  const name = [host, ...path.slice(1, -2)].join("/");
  if (kind === "manifests") return versioned({ name, version: last });
  return kind === "tags" && last === "list" ? name : undefined;
}

function invalid(what: string, why: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot use ${what}: ${why}`, {
    hint: "Write registry/repository:tag, or use the address of the image's page",
  });
}
