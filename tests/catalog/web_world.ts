/**
 * A web of scripted hosts, and small registries and sites on it. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type PlacedSource, placeSources } from "../../lib/catalog/places.ts";
import type { Gathered, RefreshNote } from "../../lib/catalog/refresh.ts";
import type { WebDeps } from "../../lib/catalog/web.ts";
import { readWeb } from "../../lib/catalog/web_sources.ts";
import { type AddressKind, addressKind } from "../../lib/core/address.ts";
import { throwIfAborted } from "../../lib/core/deadline.ts";
import { AppError, type ErrorCode } from "../../lib/core/errors.ts";
import {
  boundedResponse,
  type HttpRequest,
  type HttpResponse,
  type Net,
} from "../../lib/core/http.ts";
import { FakeClock } from "../fake_clock.ts";

/** Answers a request; `count` is 1 for the first of its address. */
export type Handler = (request: HttpRequest, count: number) => Response | Promise<Response>;

/** A network of handlers by address, exact or without its query. */
export class ScriptedWeb implements Net {
  readonly clock = new FakeClock();
  /** All requests, in their order. */
  readonly requests: HttpRequest[] = [];
  /** Addresses that no handler was for: a reader takes what that throws for a fault of the host. */
  readonly unmatched: string[] = [];
  /** How many requests were under way at once. */
  mostAtOnce = 0;
  readonly #handlers: Readonly<Record<string, Handler>>;
  readonly #peer: AddressKind;
  readonly #counts = new Map<string, number>();
  #atOnce = 0;

  /**
   * @param handlers Answer by address.
   * @param peer What kind of address all hosts have.
   */
  constructor(handlers: Readonly<Record<string, Handler>>, peer: AddressKind = "public") {
    this.#handlers = handlers;
    this.#peer = peer;
  }

  /** What a reader of the web works with. */
  get deps(): WebDeps {
    return { net: this, clock: this.clock, random: () => 0 };
  }

  /** Paths with their queries, in the order of the requests. */
  get paths(): readonly string[] {
    return this.requests.map(({ url }) => url.pathname + url.search);
  }

  /** @inheritdoc */
  async fetch(request: HttpRequest): Promise<HttpResponse> {
    const { url, signal, origin } = request;
    throwIfAborted(signal);
    this.requests.push(request);
    const kind = addressKind(url.hostname);
    if (origin === "derived" && (kind === "private" || kind === "loopback")) {
      throw new AppError("ADDRESS_REFUSED", `Cannot connect to "${url.host}": refused`);
    }
    const handler = this.#handlers[url.href] ?? this.#handlers[`${url.origin}${url.pathname}`];
    if (handler === undefined) {
      this.unmatched.push(url.href);
      throw new AppError("INTERNAL", `Cannot ask "${url.href}": the script has no such page`);
    }
    const count = (this.#counts.get(url.href) ?? 0) + 1;
    this.#counts.set(url.href, count);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    try {
      return boundedResponse(await handler(request, count), { peer: this.#peer });
    } finally {
      this.#atOnce--;
    }
  }
}

/** Bounds of a plain document. */
export const GET = { accept: "text/plain", maxBytes: 1000 };

/** The error's code, or `fine`. */
export async function codeOf(work: Promise<unknown>): Promise<ErrorCode | "fine"> {
  try {
    await work;
    return "fine";
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown.code;
  }
}

/** A redirect. */
export function to(location: string): Handler {
  return () => new Response(null, { status: 302, headers: { location } });
}

/** What {@linkcode read} takes beside web and source. */
export interface ReadWebOptions {
  /** What the source gave before, as it comes out of the cache. */
  readonly previous?: Gathered | undefined;
  /** Whether to believe nothing of that. */
  readonly isFull?: boolean;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
}

/** What {@linkcode read} gives. */
export interface WebReading {
  /** What the source gave. */
  readonly gathered: Gathered | undefined;
  /** What was told meanwhile. */
  readonly notes: readonly Omit<RefreshNote, "source">[];
}

/** Reads one source; a request that no handler is for fails the test. */
export async function read(
  web: ScriptedWeb,
  placed: PlacedSource,
  options: ReadWebOptions = {},
): Promise<WebReading> {
  const notes: Omit<RefreshNote, "source">[] = [];
  const { previous, isFull = false, signal = new AbortController().signal } = options;
  try {
    const gathered = await readWeb(placed, {
      deps: web.deps,
      context: { source: placed.source.id, refreshed: "2026-01-01T00:00:00Z" },
      options: {
        // The cache keeps JSON.
        ...(previous === undefined ? {} : { previous: JSON.parse(JSON.stringify(previous)) }),
        isFull,
        signal,
        progress: (note) => notes.push(note),
      },
    });
    return { gathered, notes };
  } finally {
    assert.deepEqual(web.unmatched, []);
  }
}

/** One source where `settings` places it. */
export function placed(settings: Readonly<Record<string, string>>): PlacedSource {
  const [source] = placeSources({ none: "none", builtin: "none", ...settings });
  assert.ok(source !== undefined);
  return source;
}

/** The official registry. */
export const OFFICIAL: PlacedSource = placed({ official: "https://registry.example/v0.1" });

/** Where its pages are. */
export const SERVERS = "https://registry.example/v0.1/servers";

/** A record of it. */
export function server(name: string, status = "active"): unknown {
  return {
    server: { name: `io.example/${name}`, description: `The ${name}.`, version: "1.0.0" },
    _meta: {
      "io.modelcontextprotocol.registry/official": {
        status,
        isLatest: true,
        updatedAt: "2026-01-01T00:00:00Z",
      },
    },
  };
}

/**
 * A registry's interface.
 *
 * @param state Its pages, which a test may change.
 * @param headers Of each answer.
 */
export function registry(
  state: { readonly pages: readonly (readonly unknown[])[] },
  headers: Record<string, string> = {},
): Record<string, Handler> {
  return {
    [SERVERS]: ({ url }) => {
      const at = Number(url.searchParams.get("cursor") ?? 0);
      const metadata = at + 1 < state.pages.length ? { nextCursor: String(at + 1) } : {};
      return Response.json({ servers: state.pages[at] ?? [], metadata }, { headers });
    },
  };
}

/** Where the site is. */
export const SITE = "https://mcpservers.example";

/** The site as a source. */
export const SITE_SOURCE: PlacedSource = placed({ mcpservers: SITE });

/** A card of a listing. */
export function card(slug: string): string {
  return `<a class="block" href="/servers/${slug}">` +
    `<div class="tracking-tight text-lg font-semibold">${slug}</div>` +
    `<div class="line-clamp-3">Does ${slug}.</div></a>`;
}

/** A page of the site. */
export function html(body: string, headers: Record<string, string> = {}): Response {
  return new Response(`<html><body><main>${body}</main></body></html>`, {
    headers: { "content-type": "text/html", ...headers },
  });
}

/** The page of a server. */
export function detail(slug: string): Response {
  return html(`<h1>${slug}</h1><p>Does ${slug}.</p><a href="https://github.com/${slug}">Git</a>`);
}

/** A sitemap of addresses with their dates. */
export function sitemap(places: Readonly<Record<string, string>>): Response {
  const urls = Object.entries(places).map(([place, changed]) =>
    `<url><loc>${place}</loc><lastmod>${changed}</lastmod></url>`
  );
  return new Response(`<urlset>${urls.join("")}</urlset>`);
}

/**
 * A small site.
 *
 * @param slugs Its servers, with the dates of their pages.
 * @param overrides Replace or add pages, by path.
 */
export function site(
  slugs: Readonly<Record<string, string>>,
  overrides: Readonly<Record<string, Handler>> = {},
): ScriptedWeb {
  const pages: Record<string, Handler> = {
    "/robots.txt": () => new Response("User-agent: *\nDisallow: /private\n"),
    "/sitemap.xml": () =>
      sitemap(Object.fromEntries(
        Object.entries(slugs).map(([slug, changed]) => [`${SITE}/servers/${slug}`, changed]),
      )),
    "/official": () => html(card("acme/a")),
    "/remote-mcp-servers": () => html(""),
    "/all": () => html(Object.keys(slugs).map(card).join("")),
    ...Object.fromEntries(
      Object.keys(slugs).map((slug) => [
        `/servers/${slug}`,
        () => detail(slug),
      ]),
    ),
    ...overrides,
  };
  return new ScriptedWeb(
    Object.fromEntries(Object.entries(pages).map(([path, handler]) => [`${SITE}${path}`, handler])),
  );
}
