/**
 * Who calls over HTTP, as far as their credential says. Needs no permission.
 *
 * @module
 */

import { type Scope, SCOPES } from "./scope.ts";

/** A caller that was let in. */
export interface Principal {
  /** Tells callers apart; a session belongs to one. */
  readonly id: string;
  /** What the operator reads: the token's subject, `token`, or `anonymous`. */
  readonly name: string;
  /** What they may do. */
  readonly scopes: ReadonlySet<Scope>;
  /** When their credential ends, in milliseconds since the Unix epoch. */
  readonly expiresAtMs?: number;
}

/** Whoever comes, where nobody is asked for a credential. */
export const ANONYMOUS: Principal = { id: "anonymous", name: "anonymous", scopes: new Set(SCOPES) };
