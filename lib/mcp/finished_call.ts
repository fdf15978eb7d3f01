/**
 * What is told of a call of a tool once it has ended, for audit and metrics. Needs no permission.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import { isObject, type JsonObject } from "../rpc/mod.ts";
import type { Caller } from "./tool.ts";

/** A call that has ended. */
export interface FinishedCall {
  /** The tool's name as the client wrote it. */
  readonly tool: string;
  /** Id of the activated server that the tool is of; absent for Wharf's own and for unknown ones. */
  readonly server?: string;
  /** Whether there is such a tool. */
  readonly isKnown: boolean;
  /** How it ended; `refused`: the caller may not call it. */
  readonly outcome: "done" | "failed" | "cancelled" | "refused";
  /** Why it failed, where Wharf knows. */
  readonly code?: string;
  /** How long it took, in milliseconds. */
  readonly tookMs: number;
  /** Who called. */
  readonly caller: Caller;
  /** What it was called with, as the client wrote it. */
  readonly arguments: unknown;
}

/** Takes what is told of ended calls. */
export type CallListener = (call: FinishedCall) => void;

/** How a call ended. */
export type CallEnd = Pick<FinishedCall, "outcome" | "code">;

/**
 * Tells how a call ended by its result.
 *
 * @param result As MCP has it.
 */
export function endOfResult(result: JsonObject): CallEnd {
  if (result.isError !== true) return { outcome: "done" };
  const meta = isObject(result._meta) ? result._meta : {};
  const error = isObject(meta[ERROR_META]) ? meta[ERROR_META] : {};
  return endOfCode(typeof error.code === "string" ? error.code : undefined);
}

/**
 * Tells how a call ended by what was thrown.
 *
 * @param thrown An error of the protocol, or of Wharf's.
 */
export function endOfError(thrown: unknown): CallEnd {
  return endOfCode(toAppError(thrown).code);
}

function endOfCode(code: string | undefined): CallEnd {
  const outcome = code === "CANCELLED" ? "cancelled" : "failed";
  return code === undefined ? { outcome } : { outcome, code };
}

/** Where a result carries its error for machines. */
export const ERROR_META = "wharf/error";
