/**
 * Lists the repositories of a registry, page by page, where it offers that. The distribution-spec
 * does not define it; the path is that of Docker's distribution. Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { cleanText } from "../core/text.ts";
import type { Operation } from "./exchange.ts";
import { nextPagePath } from "./next_page.ts";
import type { RegistryAnswer, RegistryTransport } from "./transport.ts";

/** Which repositories are wanted. */
export interface CatalogOptions {
  /** Most names to return. */
  readonly limit: number;
  /** Whether a name is wanted. */
  readonly filter: (name: string) => boolean;
}

/** Some repositories of a registry. */
export interface Catalog {
  /** The names, in the registry's order. */
  readonly repositories: readonly string[];
  /** Whether there may be more. */
  readonly truncated: boolean;
}

const PAGE = z.object({ repositories: z.array(z.string()).nullable() });

const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const MAX_PAGES = 200;
/** Statuses with which registries say that they have no catalog, or none for this caller. */
const REFUSED = [401, 403, 404, 405, 501];

/**
 * Lists repositories.
 *
 * @param transport How to ask.
 * @param registry The registry's name.
 * @param options How many, which, and the bounds.
 * @returns The names.
 * @throws {AppError} `UNSUPPORTED` where the registry has no catalog for Wharf.
 */
export async function readCatalog(
  transport: RegistryTransport,
  registry: string,
  options: CatalogOptions & { readonly operation: Operation },
): Promise<Catalog> {
  const { limit, filter, operation } = options;
  const what = `the catalog of "${registry}"`;
  const found = new Set<string>();
  const seen = new Set<string>();
  let path: string | undefined = "/v2/_catalog?n=1000";
  // A registry that leads in a circle would otherwise hold the call until its deadline.
  while (path !== undefined && !seen.has(path) && seen.size < MAX_PAGES) {
    seen.add(path);
    const { headers, bytes, url } = await askPage(transport, { registry, path, operation });
    const parsed = PAGE.safeParse(parseJson(bytes, { what }));
    if (!parsed.success) {
      throw new AppError("BAD_RESPONSE", `Cannot use ${what}: the answer is no list of names`, {
        hint: "Check that the host is a registry and that no proxy answers in its place",
      });
    }
    for (const name of parsed.data.repositories ?? []) {
      const clean = cleanText(name, { maxChars: 255 });
      if (clean === "" || !filter(clean)) continue;
      if (found.size >= limit) return { repositories: [...found], truncated: true };
      found.add(clean);
    }
    path = nextPagePath(headers, url, what);
  }
  return { repositories: [...found], truncated: path !== undefined };
}

async function askPage(
  transport: RegistryTransport,
  page: { readonly registry: string; readonly path: string; readonly operation: Operation },
): Promise<RegistryAnswer> {
  const { registry, path, operation } = page;
  try {
    return await transport.send({
      registry,
      repository: "",
      scope: "registry:catalog:*",
      path,
      action: `list the repositories of "${registry}"`,
      headers: { accept: "application/json" },
      maxBytes: MAX_PAGE_BYTES,
    }, operation);
  } catch (thrown) {
    if (!(thrown instanceof AppError) || !REFUSED.includes(thrown.status ?? 0)) throw thrown;
    const isLogin = thrown.status === 401 || thrown.status === 403;
    throw new AppError(
      "UNSUPPORTED",
      `Cannot list the repositories of "${registry}": it offers no catalog${
        isLogin ? " to this login" : ""
      }`,
      {
        cause: thrown,
        hint: "Name the repository. Docker Hub and GitHub have no catalog, Harbor has one for " +
          "administrators, registries of one's own mostly have one",
      },
    );
  }
}
