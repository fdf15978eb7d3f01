/**
 * What signing in to remote servers leaves behind: tokens and client registrations, by server, in
 * one file of mode 0600 that several processes share. Needs no permission: the disk is passed in.
 *
 * @example
 * ```ts
 * import { MemoryDisk } from "../core/memory_disk.ts";
 * import { OAuthStore } from "./oauth_store.ts";
 *
 * const log = { debug() {}, info() {}, warn() {}, error() {} };
 * const store = new OAuthStore({ disk: new MemoryDisk(), log });
 * await store.read(new URL("https://mcp.example/mcp")); // {}
 * ```
 *
 * @module
 */

import { z } from "zod";
import { JsonStore, type StoreDeps } from "../store.ts";

/** Tokens as an authorization server gave them (RFC 6749, 5.1). Unknown members are kept. */
const TOKENS = z.looseObject({
  access_token: z.string(),
  token_type: z.string(),
  expires_in: z.number().optional(),
  refresh_token: z.string().optional(),
  scope: z.string().optional(),
  id_token: z.string().optional(),
  issuer: z.string().optional(),
});

/** A registered client (RFC 7591, 3.2.1). Unknown members are kept. */
const CLIENT = z.looseObject({
  client_id: z.string(),
  client_secret: z.string().optional(),
  client_id_issued_at: z.number().optional(),
  client_secret_expires_at: z.number().optional(),
  issuer: z.string().optional(),
});

const RECORD = z.object({
  tokens: TOKENS.optional(),
  /** When the tokens came, in milliseconds since the Unix epoch. */
  obtainedAtMs: z.number().optional(),
  client: CLIENT.optional(),
  /** The redirect address that the client was registered with. */
  redirectUrl: z.string().optional(),
});

/** What is kept for one server. */
export interface OAuthRecord {
  /** Tokens as an authorization server gave them (RFC 6749, 5.1). */
  readonly tokens?:
    | {
      [member: string]: unknown;
      "access_token": string;
      "token_type": string;
      "expires_in"?: number | undefined;
      "refresh_token"?: string | undefined;
      scope?: string | undefined;
      "id_token"?: string | undefined;
      issuer?: string | undefined;
    }
    | undefined;
  /** When the tokens came, in milliseconds since the Unix epoch. */
  readonly obtainedAtMs?: number | undefined;
  /** A registered client (RFC 7591, 3.2.1). */
  readonly client?:
    | {
      [member: string]: unknown;
      "client_id": string;
      "client_secret"?: string | undefined;
      "client_id_issued_at"?: number | undefined;
      "client_secret_expires_at"?: number | undefined;
      issuer?: string | undefined;
    }
    | undefined;
  /** The redirect address that the client was registered with. */
  readonly redirectUrl?: string | undefined;
}

const DOCUMENT = z.object({ servers: z.record(z.string(), RECORD) });

const PATH = "oauth.json";
const LOCK = "oauth.lock";
const MAX_BYTES = 4 * 1024 * 1024;

/** Tokens and registrations by server. */
export class OAuthStore {
  readonly #deps: StoreDeps;
  readonly #file: JsonStore<z.infer<typeof DOCUMENT>>;

  /**
   * Touches nothing until the first read or write.
   *
   * @param deps Disk and log.
   */
  constructor(deps: StoreDeps) {
    this.#deps = deps;
    this.#file = new JsonStore(deps, {
      path: PATH,
      version: 1,
      schema: DOCUMENT,
      maxBytes: MAX_BYTES,
    });
  }

  /**
   * What is kept for a server.
   *
   * @param server The server's address.
   * @returns An empty record when there is nothing.
   * @throws {AppError} What the disk says.
   */
  async read(server: URL): Promise<OAuthRecord> {
    const servers = (await this.#file.read())?.servers ?? {};
    const key = keyOf(server);
    return Object.hasOwn(servers, key) ? servers[key] ?? {} : {};
  }

  /**
   * Changes what is kept for a server, with no other process in between.
   *
   * @param server The server's address.
   * @param change Gives the new record; an empty one is removed.
   * @throws {AppError} What the disk says.
   */
  async update(server: URL, change: (record: OAuthRecord) => OAuthRecord): Promise<void> {
    await using _lock = await this.#deps.disk.lock(LOCK);
    const servers = new Map(Object.entries((await this.#file.read())?.servers ?? {}));
    const key = keyOf(server);
    const record = change(servers.get(key) ?? {});
    if (Object.values(record).every((value) => value === undefined)) servers.delete(key);
    else servers.set(key, record);
    await this.#file.write({ servers: Object.fromEntries(servers) });
  }

  /**
   * Forgets all that is kept for a server.
   *
   * @param server The server's address.
   * @throws {AppError} What the disk says.
   */
  async forget(server: URL): Promise<void> {
    await this.update(server, () => ({}));
  }
}

/** A fragment is for the reader only (RFC 3986, 3.5), and no part of a server's name (RFC 8707). */
function keyOf(server: URL): string {
  const key = new URL(server);
  key.hash = "";
  return key.href;
}
