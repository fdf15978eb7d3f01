/**
 * What to try when a way of starting a server does not work. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { ActivationPlan } from "./plan_types.ts";

/**
 * Names another way, where this one could not be fetched.
 *
 * @param error What went wrong.
 * @param plan What was planned.
 * @returns The error, with a hint where there is another way.
 */
export function withAlternative(error: AppError, { alternatives }: ActivationPlan): AppError {
  const other = alternatives.find(({ verdict, missing }) =>
    verdict !== "refused" && missing.length === 0
  );
  if (other === undefined || (error.code !== "UNAVAILABLE" && error.code !== "UNREACHABLE")) {
    return error;
  }
  return new AppError(error.code, error.message, {
    cause: error,
    retryable: error.retryable,
    hint: `Try launch_method=${other.method}${error.hint === undefined ? "" : `. ${error.hint}`}`,
  });
}
