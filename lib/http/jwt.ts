/**
 * JSON Web Tokens: signature and claims (RFC 7519, RFC 8725, RFC 9068). The one importer of `jose`,
 * of which only the parts are used that compute; keys are fetched elsewhere. Needs no permission.
 *
 * @module
 */

import { errors } from "jose";
import { createLocalJWKSet } from "jose/jwks/local";
import { jwtVerify } from "jose/jwt/verify";
import { z } from "zod";
import { AppError } from "../core/errors.ts";

/** What an issuer signs with; no algorithm whose key would be shared with the issuer. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** Kinds of token that a client may present; others were made for other uses (RFC 8725, 3.11). */
const TYPES: ReadonlySet<string> = new Set(["jwt", "at+jwt", "application/at+jwt"]);

/** Clocks of machines differ by a little. */
const LEEWAY_SECONDS = 30;

const MAX_TOKEN_CHARS = 16 * 1024;
const MAX_KEYS = 100;

const KEY_SET = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS),
});

const CLAIMS = z.object({
  sub: z.string().min(1).max(1000).optional(),
  // Azure says `azp` where RFC 9068 says `client_id`.
  client_id: z.string().min(1).max(1000).optional(),
  azp: z.string().min(1).max(1000).optional(),
  scope: z.union([z.string(), z.array(z.string())]).optional(),
  // Okta and Azure.
  scp: z.union([z.string(), z.array(z.string())]).optional(),
  exp: z.number(),
});

/** The public keys of an issuer. */
export type KeySet = ReturnType<typeof createLocalJWKSet>;

/** What a token says of its bearer. */
export interface TokenClaims {
  /** Who it is for: a person, or a client that acts for itself. */
  readonly subject: string;
  /** The scopes, in the issuer's words. */
  readonly scopes: readonly string[];
  /** When it ends, in milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
}

/** What came of a check; `unknownKey`: the issuer may have a new key. */
export type JwtCheck =
  | { readonly claims: TokenClaims }
  | { readonly fault: string; readonly unknownKey: boolean };

/** What {@linkcode checkJwt} holds a token against. */
export interface JwtExpectations {
  /** The issuer's keys. */
  readonly keys: KeySet;
  /** The issuer, as it writes itself. */
  readonly issuer: string;
  /** Audiences of which the token has to name one. */
  readonly audiences: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/**
 * Reads a JWK Set (RFC 7517, 5). Symmetric keys in it are left out.
 *
 * @param value The parsed document.
 * @throws {AppError} `BAD_RESPONSE` where it is none.
 */
export function readKeySet(value: unknown): KeySet {
  const parsed = KEY_SET.safeParse(value);
  const keys = parsed.data?.keys.filter(({ kty }) => ["RSA", "EC", "OKP"].includes(kty)) ?? [];
  if (keys.length === 0) {
    throw new AppError("BAD_RESPONSE", "Cannot use the issuer's keys: there is no public key", {
      hint: "Check that --oauth-issuer names a server that signs JSON Web Tokens",
    });
  }
  return createLocalJWKSet({ keys });
}

/**
 * Checks a token.
 *
 * @param token The compact form.
 * @param expected What it is held against.
 * @returns Its claims, or what is wrong with it in words that quote nothing of it.
 */
export async function checkJwt(token: string, expected: JwtExpectations): Promise<JwtCheck> {
  if (token.length > MAX_TOKEN_CHARS) return fault("the token is too long");
  try {
    const { payload, protectedHeader } = await jwtVerify(token, expected.keys, {
      algorithms: ALGORITHMS,
      issuer: expected.issuer,
      audience: [...expected.audiences],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(expected.nowMs),
      requiredClaims: ["exp"],
    });
    const { typ } = protectedHeader;
    if (typ !== undefined && !TYPES.has(typ.toLowerCase())) {
      return fault("the token is no access token");
    }
    const claims = CLAIMS.safeParse(payload);
    if (!claims.success) return fault("a claim of the token has the wrong form");
    const { sub, client_id: clientId, azp, scope, scp, exp } = claims.data;
    const subject = sub ?? clientId ?? azp;
    if (subject === undefined) return fault("the token does not say whose it is");
    const expiresAtMs = exp * 1000;
    return { claims: { subject, scopes: words(scope ?? scp), expiresAtMs } };
  } catch (thrown) {
    return faultOf(thrown);
  }
}

function words(scope: string | readonly string[] | undefined): readonly string[] {
  const parts = typeof scope === "string" ? [scope] : scope ?? [];
  return parts.flatMap((part) => part.split(" ")).filter((word) => word !== "");
}

function fault(what: string): JwtCheck {
  return { fault: what, unknownKey: false };
}

function faultOf(thrown: unknown): JwtCheck {
  if (thrown instanceof errors.JWKSNoMatchingKey) {
    return { fault: "the token was signed with an unknown key", unknownKey: true };
  }
  if (thrown instanceof errors.JWKSMultipleMatchingKeys) {
    return fault("the token does not say which key signed it");
  }
  if (thrown instanceof errors.JWTExpired) return fault("the token has expired");
  if (thrown instanceof errors.JOSEAlgNotAllowed) {
    return fault("the token's algorithm is not allowed");
  }
  if (thrown instanceof errors.JWSSignatureVerificationFailed) {
    return fault("the token's signature is wrong");
  }
  if (thrown instanceof errors.JWTClaimValidationFailed) return fault(claimFault(thrown.claim));
  // What is not of the form of a token, and keys that do not fit what they say they are.
  return fault("the token is no valid JSON Web Token");
}

function claimFault(claim: string): string {
  if (claim === "aud") return "the token is for another audience";
  if (claim === "iss") return "the token is of another issuer";
  if (claim === "nbf") return "the token is not valid yet";
  return claim === "exp" ? "the token has no end" : "a claim of the token has the wrong form";
}
