/**
 * Auth files of podman and Docker (containers-auth.json(5)): parsing, and the choice of an entry.
 * Needs no permission.
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { isDockerHub, type Repository } from "./reference.ts";

/** What authenticates Wharf to a registry. */
export type Credential =
  /** User name and password, for Basic and for token servers. */
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A refresh token of OAuth 2, for token servers only. */
  | { readonly kind: "identity"; readonly token: string }
  /** A bearer token that the registry takes as it is. */
  | { readonly kind: "bearer"; readonly token: string };

/** What another tool wrote badly costs that field or entry, not the file. */
const TEXT = z.string().optional().catch(undefined);

const ENTRY = z.object({
  auth: TEXT,
  username: TEXT,
  password: TEXT,
  identitytoken: TEXT,
  registrytoken: TEXT,
});

const AUTH_FILE = z.object({
  auths: z.record(z.string(), ENTRY.nullable().catch(null)).nullish(),
  credHelpers: z.record(z.string(), z.string().nullable().catch(null)).nullish(),
  credsStore: z.string().nullish(),
});

/** One auth file. */
export interface AuthFile {
  /** Entries by key: a host, or a host with a part of a repository's path. */
  readonly entries: ReadonlyMap<string, Credential | undefined>;
  /** Names of credential helpers by host. */
  readonly helpers: ReadonlyMap<string, string>;
  /** Name of the helper for all other hosts. */
  readonly store: string | undefined;
}

/**
 * Parses an auth file.
 *
 * @param bytes The file: `{"auths":{…}}`, or the older form that is the inner object alone. An empty
 * file, such as `/dev/null`, has no entries.
 * @param what Names the file in the error.
 * @returns Its entries under normalised keys.
 * @throws {AppError} `BAD_RESPONSE` for something else; nothing of the content is in its message.
 */
export function parseAuthFile(bytes: Uint8Array, what: string): AuthFile {
  if (bytes.byteLength === 0) return { entries: new Map(), helpers: new Map(), store: undefined };
  const json = parseJson(bytes, { what });
  const isOld = typeof json === "object" && json !== null &&
    !["auths", "credHelpers", "credsStore"].some((key) => key in json) &&
    Object.keys(json).some((key) => /[.:]/.test(key));
  const parsed = AUTH_FILE.safeParse(isOld ? { auths: json } : json);
  if (!parsed.success) {
    throw new AppError("BAD_RESPONSE", `Cannot use ${what}: it has not the form of an auth file`, {
      hint: 'An auth file is {"auths":{"registry.example":{"auth":"…"}}}; log in again to write it',
    });
  }
  const file = parsed.data;
  const entries = new Map<string, Credential | undefined>();
  for (const [key, entry] of Object.entries(file.auths ?? {})) {
    const normal = normalisedKey(key);
    const credential = entry === null ? undefined : credentialOf(entry);
    // `docker.io` and `https://index.docker.io/v1/` are one key; an empty one must not hide the other.
    if (credential !== undefined || !entries.has(normal)) entries.set(normal, credential);
  }
  const helpers = new Map(
    Object.entries(file.credHelpers ?? {}).flatMap(([key, name]) =>
      name ? [[normalisedKey(key), name]] : []
    ),
  );
  return { entries, helpers, store: file.credsStore || undefined };
}

/** `https://host/v1/` and Docker Hub's spellings become the host as references name it. */
function normalisedKey(key: string): string {
  const bare = key.trim().replace(/^https?:\/\//i, "").replace(/\/+$/, "");
  const [host = "", ...path] = bare.split("/");
  const registry = isDockerHub(host) ? "docker.io" : host.toLowerCase();
  const isApi = path.length === 1 && /^v[12]$/.test(path[0] ?? "");
  return [registry, ...(isApi ? [] : path)].join("/");
}

function credentialOf(entry: z.output<typeof ENTRY>): Credential | undefined {
  if (entry.registrytoken && isHeaderWord(entry.registrytoken)) {
    return { kind: "bearer", token: entry.registrytoken };
  }
  if (entry.identitytoken) return { kind: "identity", token: entry.identitytoken };
  const [username, password] = decoded(entry.auth) ?? [entry.username, entry.password];
  if (!username || password === undefined) return undefined;
  return { kind: "basic", username, password };
}

/**
 * Whether a token can stand in a header. Anything else would end in an error that quotes it.
 *
 * @param token A bearer token.
 * @returns `true` for visible ASCII.
 */
export function isHeaderWord(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}

/** Base64 of `user:password`, padded or not, with the trailing NULs that some tools add. */
function decoded(auth: string | undefined): [string, string] | undefined {
  if (!auth) return undefined;
  let text: string;
  try {
    const binary = atob(auth.trim().replaceAll("-", "+").replaceAll("_", "/"));
    text = new TextDecoder().decode(
      Uint8Array.from(binary, (character) => character.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
  const colon = text.indexOf(":");
  if (colon === -1) return undefined;
  let end = text.length;
  while (text[end - 1] === "\0") end--;
  return [text.slice(0, colon), text.slice(colon + 1, end)];
}

/**
 * The keys that may hold a repository's credential, the most specific first.
 *
 * @param target A repository.
 * @returns `host/a/b`, `host/a`, `host`.
 */
export function keysFor(target: Repository): readonly string[] {
  const parts = [target.registry, ...target.repository.split("/").filter(Boolean)];
  return parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
}
