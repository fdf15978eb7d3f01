/**
 * Ways to a token without a person at a browser: a client that signs in as itself (RFC 6749, 4.4;
 * MCP's extension "OAuth Client Credentials"), with a secret or a signed assertion (RFC 7523, 2.2),
 * and one that an enterprise's identity provider vouches for (RFC 8693, RFC 7523, 2.1; MCP's
 * extension "Enterprise-Managed Authorization"). Needs net permission for the identity provider,
 * through the function it is given.
 *
 * @module
 */

import { createPrivateKey, type KeyObject } from "node:crypto";
import { AppError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { isObject } from "../rpc/mod.ts";
import { type AddClientAuthentication, createPrivateKeyJwtAuth, type FetchLike } from "./sdk.ts";
import { shownText } from "./secrets_text.ts";

/** Where an enterprise's identity provider takes a person's sign-in for another's. */
export interface IdentityProvider {
  /** Its token endpoint. */
  readonly tokenUrl: URL;
  /** Id of the client there. */
  readonly clientId: string;
  /** What it gave when the person signed in: an OpenID Connect ID token. A secret. */
  readonly idToken: string;
}

/** How a client gets tokens by itself. */
export type ClientGrant =
  | {
    /** With its own credentials. */
    readonly kind: "client_credentials";
  }
  | {
    /** With an assertion that the identity provider gives for the person (ID-JAG). */
    readonly kind: "id_jag";
    /** Who gives it. */
    readonly provider: IdentityProvider;
  };

/** What a token is asked for. */
export interface GrantContext {
  /** The authorization server, as it names itself. */
  readonly issuer: string;
  /** The server that the token is for (RFC 8707). */
  readonly resource: string;
  /** What it must allow; absent: whatever the authorization server thinks fit. */
  readonly scope?: string;
  /** Asks the identity provider. */
  readonly ask: FetchLike;
}

const ASSERTION = "urn:ietf:params:oauth:token-type:id-jag";
const SHOWN_CHARS = 300;

/**
 * The body of a token request; the client's authentication and the resource are added to it.
 *
 * @param grant How.
 * @param context What for.
 * @returns The parameters.
 * @throws {AppError} `UNAUTHORIZED` when the identity provider refuses, `BAD_RESPONSE`, and what
 * asking throws.
 */
export async function tokenRequest(
  grant: ClientGrant,
  context: GrantContext,
): Promise<URLSearchParams> {
  const scope = context.scope === undefined ? {} : { scope: context.scope };
  if (grant.kind === "client_credentials") {
    return new URLSearchParams({ grant_type: "client_credentials", ...scope });
  }
  return new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: await exchanged(grant.provider, context),
    ...scope,
  });
}

/** Swaps the ID token for an assertion that the authorization server takes (RFC 8693, 2). */
async function exchanged(
  { tokenUrl, clientId, idToken }: IdentityProvider,
  { issuer, resource, scope, ask }: GrantContext,
): Promise<string> {
  const response = await ask(tokenUrl, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      requested_token_type: ASSERTION,
      audience: issuer,
      resource,
      ...(scope === undefined ? {} : { scope }),
      subject_token: idToken,
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      client_id: clientId,
    }),
  });
  const answer = answerOf(new Uint8Array(await response.arrayBuffer()));
  const { access_token: assertion, issued_token_type: type } = answer;
  if (response.ok && typeof assertion === "string" && (type === ASSERTION || type === undefined)) {
    return assertion;
  }
  const said = [answer.error, answer.error_description].filter((part) => typeof part === "string");
  const shown = shownText(said.join(", "), { secrets: [idToken], maxChars: SHOWN_CHARS });
  throw new AppError(
    response.ok ? "BAD_RESPONSE" : "UNAUTHORIZED",
    `Cannot sign in at the identity provider "${tokenUrl.host}": ${
      response.ok
        ? "it gives no assertion for the server"
        : `it says ${shown === "" ? `status ${response.status}` : shown}`
    }`,
    { hint: "Get a new ID token of it; ask its administrator whether it knows the server" },
  );
}

function answerOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const parsed = parseJson(bytes, { what: "the answer" });
    return isObject(parsed) ? parsed : {};
  } catch {
    // Whatever page came is told by its status.
    return {};
  }
}

/**
 * Signs a client in by its private key (`private_key_jwt`), with the algorithm of the key.
 *
 * @param id The client's id.
 * @param privateKey Private key in PEM (PKCS #8), RSA or on a curve of NIST.
 * @returns What adds the assertion to a token request.
 * @throws {AppError} `INVALID_ARGUMENT` for another kind of key, without showing it.
 */
export function keyAuthentication(id: string, privateKey: string): AddClientAuthentication {
  return createPrivateKeyJwtAuth({
    issuer: id,
    subject: id,
    privateKey,
    alg: algorithmOf(privateKey),
  });
}

const CURVES: Readonly<Record<string, string>> = {
  "prime256v1": "ES256",
  "P-256": "ES256",
  "secp384r1": "ES384",
  "P-384": "ES384",
  "secp521r1": "ES512",
  "P-521": "ES512",
};

/** Names of RFC 7518, 3.1. */
function algorithmOf(pem: string): string {
  const key = keyOf(pem);
  const { namedCurve = "" } = key?.asymmetricKeyDetails ?? {};
  const name = key?.asymmetricKeyType === "rsa" ? "RS256" : CURVES[namedCurve];
  if (name !== undefined && pem.includes("-----BEGIN PRIVATE KEY-----")) return name;
  throw new AppError("INVALID_ARGUMENT", "Cannot use the client's key: it is of no known kind", {
    hint: "Give a private key in PEM (PKCS #8): RSA, P-256, P-384 or P-521",
  });
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
