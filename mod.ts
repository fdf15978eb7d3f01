/**
 * Wharf as a library: references, the registry client and image inspection. Needs no permission
 * by itself; the effects come from the `Net` that is passed in.
 *
 * @module
 */
export { AppError } from "./lib/core/errors.ts";
