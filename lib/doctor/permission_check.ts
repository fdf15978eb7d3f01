/**
 * Whether Deno granted what Wharf needs. Needs no permission: asking never prompts.
 *
 * @module
 */

import { cleanText } from "../core/text.ts";
import type { CheckContext } from "./doctor_types.ts";
import type { Check } from "./finding.ts";
import { flagsOf, type Grant, shellLine } from "./grants.ts";

/** More than that nobody reads in a line. */
const MAX_FLAGS_CHARS = 200;

/**
 * The check of permissions.
 *
 * @param context What is needed, and how to ask.
 */
export function permissionCheck({ deps, grants }: CheckContext): Check {
  return {
    name: "permissions",
    async run() {
      const granted = await Promise.all(grants.map((grant) => deps.isGranted(grant)));
      const missing = grants.filter((_, index) => granted[index] === false);
      if (missing.length === 0) {
        return [{
          check: "permissions",
          state: "ok",
          message: `all that is needed is granted (${grants.length} grants)`,
        }];
      }
      return [{
        check: "permissions",
        state: "warn",
        message: `${missing.length} of ${grants.length} grants are missing: ${summary(missing)}`,
        next: grantFlags(missing),
      }];
    },
  };
}

/** What the missing ones are for, each reason once. */
function summary(missing: readonly Grant[]): string {
  const reasons = [...new Set(missing.map(({ kind, why }) => `${kind} for ${why}`))];
  return cleanText(reasons.join("; "), { maxChars: 300 });
}

function grantFlags(missing: readonly Grant[]): string {
  const flags = shellLine(flagsOf(missing).filter((flag) => flag.startsWith("--allow-")));
  return flags.length <= MAX_FLAGS_CHARS
    ? `Add: ${flags}`
    : "Start Wharf with the flags of: wharf doctor --flags";
}
