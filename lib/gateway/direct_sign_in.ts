/**
 * Who signs in to a server that a person names on a command line: Wharf itself, a client that was
 * registered by hand, one that describes itself, or one that needs no person. Needs what its
 * references name, through what it is given.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { type DirectValueDeps, readSecret } from "./direct_values.ts";
import { isLoopback } from "./net_fetch.ts";
import type { ClientGrant } from "./oauth_grant.ts";
import type { OAuthClient } from "./oauth_provider.ts";

/** A client as a person names it; secrets are references, `env:NAME` or `file:/path`. */
export interface DirectSignIn {
  /** Its id. */
  readonly clientId?: string;
  /** Refers to its secret. */
  readonly clientSecret?: string;
  /** Refers to its private key in PEM. */
  readonly clientKey?: string;
  /** Its metadata document. */
  readonly clientMetadataUrl?: string;
  /** The authorization server that knows it. */
  readonly issuer?: string;
  /** `client_credentials`: it signs in as itself. @default a person signs in */
  readonly grant?: string;
  /** Token endpoint of the enterprise's identity provider. */
  readonly idpTokenUrl?: string;
  /** Id of the client there. */
  readonly idpClientId?: string;
  /** Refers to the ID token that it gave. */
  readonly idToken?: string;
}

/**
 * Reads who signs in.
 *
 * @param given What the person wrote.
 * @param deps Where references lead.
 * @returns The client; `undefined` where Wharf registers itself.
 * @throws {AppError} `INVALID_ARGUMENT` for parts that do not go together, and what looking
 * references up throws.
 */
export async function readSignIn(
  given: DirectSignIn,
  deps: DirectValueDeps,
): Promise<OAuthClient | undefined> {
  const { clientId, clientSecret, clientKey, clientMetadataUrl, issuer } = given;
  if (Object.values(given).every((value) => value === undefined)) return undefined;
  if (clientMetadataUrl !== undefined && clientId !== undefined) {
    throw fault(
      "--client-metadata-url",
      "--client-id names another client",
      { hint: "Leave one of them out" },
    );
  }
  if (clientMetadataUrl !== undefined) checkMetadataUrl(clientMetadataUrl);
  if (clientId === undefined && clientMetadataUrl === undefined) {
    throw fault("a client", "it has no id", { hint: "Write --client-id ID" });
  }
  if (issuer !== undefined && clientId === undefined) {
    throw fault("--issuer", "a client that describes itself belongs to none", {
      hint: "Leave it out",
    });
  }
  const grant = await readGrant(given, deps);
  if (
    clientKey !== undefined && (grant?.kind !== "client_credentials" || clientSecret !== undefined)
  ) {
    throw fault(
      "--client-key",
      "it goes with --grant client_credentials, in place of a secret",
      { hint: "Add the one and leave the other out" },
    );
  }
  const isBare = clientSecret === undefined && clientKey === undefined;
  if (grant !== undefined && (clientId === undefined || isBare)) {
    throw fault(
      "a client without a person",
      "nothing proves who it is",
      { hint: "Write --client-id ID and --client-secret env:NAME" },
    );
  }
  return {
    ...(clientId === undefined ? {} : { id: clientId }),
    ...(clientSecret === undefined
      ? {}
      : { secret: await readSecret("client-secret", clientSecret, deps) }),
    ...(clientKey === undefined
      ? {}
      : { privateKey: await readSecret("client-key", clientKey, deps) }),
    ...(clientMetadataUrl === undefined ? {} : { metadataUrl: clientMetadataUrl }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(grant === undefined ? {} : { grant }),
  };
}

async function readGrant(
  { grant, idpTokenUrl, idpClientId, idToken }: DirectSignIn,
  deps: DirectValueDeps,
): Promise<ClientGrant | undefined> {
  const parts = [idpTokenUrl, idpClientId, idToken];
  if (parts.some((part) => part !== undefined)) {
    if (
      grant !== undefined || idpTokenUrl === undefined || idpClientId === undefined ||
      idToken === undefined
    ) {
      throw fault(
        "an identity provider",
        "a part of it is missing, or another grant is named",
        { hint: "Write --idp-token-url URL --idp-client-id ID --id-token env:NAME" },
      );
    }
    return {
      kind: "id_jag",
      provider: {
        tokenUrl: readTokenUrl(idpTokenUrl),
        clientId: idpClientId,
        idToken: await readSecret("id-token", idToken, deps),
      },
    };
  }
  if (grant === undefined || grant === "authorization_code") return undefined;
  if (grant === "client_credentials") return { kind: grant };
  throw fault(
    `--grant ${cleanText(grant, { maxChars: 60 })}`,
    "there is no such grant",
    { hint: "Choose from authorization_code, client_credentials" },
  );
}

/** As the authorization server will look it up (Client ID Metadata Documents, 3). */
function checkMetadataUrl(text: string): void {
  const url = URL.parse(text);
  if (url?.protocol === "https:" && url.pathname !== "/" && url.hash === "") return;
  throw fault(
    "--client-metadata-url",
    "it is no https address with a path",
    { hint: "Write the address that the document is published at" },
  );
}

function readTokenUrl(text: string): URL {
  const url = URL.parse(text);
  const isPlain = url?.username === "" && url.password === "";
  if (url !== null && isPlain) {
    if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url))) return url;
  }
  throw fault("--idp-token-url", "it is no https address", {
    hint: "Write the provider's token endpoint",
  });
}

function fault(what: string, state: string, { hint }: { readonly hint: string }): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot use ${what}: ${state}`, { hint });
}
