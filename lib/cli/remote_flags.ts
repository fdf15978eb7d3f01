/**
 * The flags with which `call` reaches a server that is not activated, and what they ask for. Needs
 * no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { FlagSpec } from "./commands.ts";

/** How questions of a server's are answered. */
export const ELICIT = ["ask", "defaults", "decline"] as const;

/** How questions of a server's are answered. */
export type Elicit = typeof ELICIT[number];

/** Flags of `call` for a server at an address. */
export const REMOTE_FLAGS: readonly FlagSpec[] = [
  { name: "url", value: "URL", about: "A tool of this server; without a tool: list its tools" },
  {
    name: "header",
    value: "NAME=VALUE",
    about: "A header; better: env:NAME or file:/path as value, also after Bearer",
    repeats: true,
  },
  {
    name: "elicit",
    value: "HOW",
    about: "Its questions: ask, defaults or decline (default ask at a terminal, else decline)",
  },
  { name: "client-id", value: "ID", about: "A client that you registered for its sign-in" },
  { name: "client-secret", value: "REF", about: "Its secret: env:NAME or file:/path" },
  { name: "client-key", value: "REF", about: "Its private key in PEM, in place of a secret" },
  {
    name: "client-metadata-url",
    value: "URL",
    about: "A client that this document describes",
  },
  { name: "issuer", value: "URL", about: "The authorization server that knows the client" },
  {
    name: "grant",
    value: "NAME",
    about: "client_credentials: the client signs in as itself (default authorization_code)",
  },
  { name: "idp-token-url", value: "URL", about: "Your identity provider's token endpoint" },
  { name: "idp-client-id", value: "ID", about: "Id of the client there" },
  {
    name: "id-token",
    value: "REF",
    about: "The ID token that it gave you: env:NAME or file:/path",
  },
];

/** A server at an address, as the command line names it. */
export interface RemoteTarget {
  /** Its address. */
  readonly url: string;
  /** Headers, each `NAME=VALUE`. */
  readonly headers: readonly string[];
  /** Who signs in. */
  readonly signIn: {
    readonly clientId?: string;
    readonly clientSecret?: string;
    readonly clientKey?: string;
    readonly clientMetadataUrl?: string;
    readonly issuer?: string;
    readonly grant?: string;
    readonly idpTokenUrl?: string;
    readonly idpClientId?: string;
    readonly idToken?: string;
  };
}

type Flags = Readonly<Record<string, string | boolean | readonly string[]>>;

/**
 * What flags ask for.
 *
 * @param flags The flags of a command line.
 * @returns The server; `undefined` without `--url`.
 * @throws {AppError} `INVALID_ARGUMENT` for a flag that goes with `--url` only.
 */
export function remoteTarget(flags: Flags): RemoteTarget | undefined {
  const text = (name: string) => typeof flags[name] === "string" ? flags[name] : undefined;
  const url = text("url");
  if (url === undefined) {
    const stray = REMOTE_FLAGS.find(({ name }) => flags[name] !== undefined);
    if (stray === undefined) return undefined;
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use --${stray.name}: it is for a remote server`,
      {
        hint: "Name the server with --url",
      },
    );
  }
  const names = {
    clientId: "client-id",
    clientSecret: "client-secret",
    clientKey: "client-key",
    clientMetadataUrl: "client-metadata-url",
    issuer: "issuer",
    grant: "grant",
    idpTokenUrl: "idp-token-url",
    idpClientId: "idp-client-id",
    idToken: "id-token",
  } as const;
  return {
    url,
    headers: [flags["header"] ?? []].flat().map(String),
    signIn: Object.fromEntries(
      Object.entries(names).flatMap(([key, name]) => {
        const value = text(name);
        return value === undefined ? [] : [[key, value]];
      }),
    ),
  };
}

/**
 * How the command line wants questions answered.
 *
 * @param flags The flags of a command line.
 * @returns `undefined` where it does not say.
 * @throws {AppError} `INVALID_ARGUMENT` for another word.
 */
export function elicitFlag(flags: Flags): Elicit | undefined {
  const { elicit } = flags;
  if (elicit === undefined) return undefined;
  const known = ELICIT.find((how) => how === elicit);
  if (known !== undefined) return known;
  throw new AppError("INVALID_ARGUMENT", `Cannot use --elicit "${elicit}": there is no such way`, {
    hint: `Choose from ${ELICIT.join(", ")}`,
  });
}

/**
 * Variables that the command line refers to: naming one is the wish that it is read.
 *
 * @param target The server.
 * @returns Their names.
 */
export function namedVariables({ headers, signIn }: RemoteTarget): readonly string[] {
  const references = [...headers.map((text) => text.slice(text.indexOf("=") + 1))];
  const { clientSecret, clientKey, idToken } = signIn;
  for (const text of [clientSecret, clientKey, idToken]) {
    if (text !== undefined) references.push(text);
  }
  return references.flatMap((text) => {
    const name = /^(?:[A-Za-z]+ +)?env:([A-Za-z_]\w{0,254})$/.exec(text)?.[1];
    return name === undefined ? [] : [name];
  });
}
