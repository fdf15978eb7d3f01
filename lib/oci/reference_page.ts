/**
 * References inside of web addresses: the pages of Docker Hub, GitHub and Quay, the API's own
 * paths, and plain `https://host/repository`. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";

/** What a page's path says; names may hold `/`. */
interface Page {
  readonly name: string;
  readonly tag?: string | undefined;
}

/** Reads the path of a known site, already without its empty parts; `undefined` where it is no image. */
type PageReader = (path: readonly string[], query: URLSearchParams) => Page | undefined;

const SITES: Readonly<Record<string, PageReader>> = {
  "hub.docker.com": (path, query) => {
    const [kind, first, second, third] = path;
    const tag = query.get("name") ?? query.get("tag") ?? undefined;
    if (kind === "_" && first !== undefined) return { name: `docker.io/library/${first}`, tag };
    if (kind === "r" && first !== undefined && second !== undefined) {
      return { name: `docker.io/${first}/${second}`, tag };
    }
    if (kind === "layers" && first !== undefined && second !== undefined) {
      return { name: `docker.io/${first}/${second}`, tag: third };
    }
    if (
      kind === "repository" && first === "docker" && second !== undefined && third !== undefined
    ) {
      return { name: `docker.io/${second}/${third}`, tag };
    }
    return undefined;
  },
  "github.com": (path, query) => {
    const tag = query.get("tag") ?? undefined;
    // /OWNER/REPOSITORY/pkgs/container/NAME[/VERSION]
    if (path[2] === "pkgs" && path[3] === "container" && path[4] !== undefined) {
      return { name: `ghcr.io/${path[0]}/${path[4]}`.toLowerCase(), tag };
    }
    // /orgs/OWNER/packages/container/package/NAME and /users/OWNER/packages/container/NAME/…
    if (path[2] === "packages" && path[3] === "container") {
      const name = path[4] === "package" ? path[5] : path[4];
      if (name !== undefined) return { name: `ghcr.io/${path[1]}/${name}`.toLowerCase(), tag };
    }
    return undefined;
  },
  "quay.io": (path, query) => {
    const [kind, first, second] = path;
    if (kind !== "repository" || first === undefined || second === undefined) return undefined;
    return { name: `quay.io/${first}/${second}`, tag: query.get("tag") ?? undefined };
  },
};

/**
 * Finds the reference in a web address.
 *
 * @param text A checked text, with or without a scheme.
 * @returns `host/repository[:tag]`, or `undefined` when the text is not a web address.
 * @throws {AppError} `INVALID_ARGUMENT` for a page that is not about an image, or for an address
 * with a user name in it.
 */
export function referenceInPage(text: string): string | undefined {
  const scheme = /^https?:\/\//i.exec(text)?.[0];
  const site = SITES[/^(?:https?:\/\/)?(?:www\.)?([^/]+)\//i.exec(text)?.[1]?.toLowerCase() ?? ""];
  if (scheme === undefined && site === undefined) return undefined;
  const url = URL.parse(scheme === undefined ? `https://${text}` : text);
  if (url === null || url.username !== "" || url.password !== "") {
    throw new AppError(
      "INVALID_ARGUMENT",
      "Cannot use the web address: it is broken or holds a user name",
      {
        hint: "Write registry/repository:tag instead",
      },
    );
  }
  const path = url.pathname.split("/").filter(Boolean).map(decoded);
  const page = site?.(path, url.searchParams);
  if (page !== undefined) return page.tag === undefined ? page.name : `${page.name}:${page.tag}`;
  if (scheme === undefined) return undefined;
  if (site !== undefined && url.hostname.toLowerCase() !== "quay.io") {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use "${text.slice(0, 200)}": the page is not about an image`,
      {
        hint: "Write registry/repository:tag, or use the address of the image's page",
      },
    );
  }
  return apiPath(path, url.host) ??
    text.slice(scheme.length).replace(/[?#].*$/, "").replace(/\/+$/, "");
}

/** `/v2/NAME/manifests/REFERENCE` and `/v2/NAME/tags/list` of the distribution-spec. */
function apiPath(path: readonly string[], host: string): string | undefined {
  if (path[0] !== "v2") return undefined;
  const kind = path.at(-2);
  const last = path.at(-1) ?? "";
  const name = [host, ...path.slice(1, -2)].join("/");
  if (kind === "manifests") return `${name}${last.includes(":") ? "@" : ":"}${last}`;
  return kind === "tags" && last === "list" ? name : undefined;
}

/** GitHub writes the slashes of a package's name as `%2F`. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
