/**
 * The ways of real registries, as scenes. `quirks_test.ts` plays them inside the process,
 * `tests/integration/quirks_test.ts` over real sockets.
 *
 * @module
 */

import type { Quirk } from "./quirk.ts";
import { CONTENT_QUIRKS } from "./quirks_content.ts";
import { LOGIN_QUIRKS } from "./quirks_login.ts";

/** All of them. */
export const QUIRKS: readonly Quirk[] = [...LOGIN_QUIRKS, ...CONTENT_QUIRKS];
