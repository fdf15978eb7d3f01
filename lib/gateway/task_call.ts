/**
 * A tool that works as a task (MCP 2025-11-25, "Tasks"), called and waited for as any other: whoever
 * calls sees one answer, and what the task says of itself meanwhile. Needs no permission.
 *
 * @module
 */

import type { Clock } from "../core/host.ts";
import { isObject, type JsonObject } from "../rpc/mod.ts";
import type { UpstreamSession } from "./session.ts";
import type { ToolCallOptions } from "./session_types.ts";

/** What {@linkcode callAsTask} works with. */
export interface TaskCallDeps {
  /** The conversation with the server. */
  readonly session: Pick<UpstreamSession, "request">;
  /** Measures the time between two questions. */
  readonly clock: Clock;
}

/** Time between two questions, where the server does not say, in milliseconds. */
const POLL_MS = 1_000;

/** What a server may ask for. */
const LEAST_POLL_MS = 200;
const MOST_POLL_MS = 60_000;

/** A task may take long: that is what it is for. */
const RESULT_TIMEOUT_MS = 6 * 3_600_000;

const CANCEL_TIMEOUT_MS = 2_000;

/**
 * Whether a tool can be called as a task only.
 *
 * @param definition As the server gave it.
 */
export function wantsTask({ execution }: JsonObject): boolean {
  return isObject(execution) && execution.taskSupport === "required";
}

/**
 * Calls a tool as a task.
 *
 * @param call Name and arguments, sent as they are.
 * @param deps Conversation and time.
 * @param options Cancellation, which cancels the task too, and progress.
 * @returns The result of the tool, as it came.
 * @throws As `UpstreamSession.request`.
 */
export async function callAsTask(
  call: { readonly name: string; readonly arguments: JsonObject },
  { session, clock }: TaskCallDeps,
  options: ToolCallOptions = {},
): Promise<JsonObject> {
  const { signal, timeoutMs = RESULT_TIMEOUT_MS } = options;
  const answer = await session.request(
    { method: "tools/call", params: { ...call, task: {} } },
    options,
  );
  const { task } = answer;
  // Some servers answer at once all the same.
  if (!isObject(task) || typeof task.taskId !== "string") return answer;
  const { taskId } = task;
  const over = new AbortController();
  const watched = watch({ taskId, first: task }, { session, clock }, {
    signal: over.signal,
    tell: options.onProgress,
  });
  try {
    // It is answered when the task is over; what the task asks for comes with it.
    return await session.request({ method: "tasks/result", params: { taskId } }, {
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (thrown) {
    if (signal?.aborted === true) {
      const cancel = { method: "tasks/cancel", params: { taskId } };
      await session.request(cancel, { timeoutMs: CANCEL_TIMEOUT_MS }).catch(() => {});
    }
    throw thrown;
  } finally {
    over.abort();
    await watched;
  }
}

/** Tells what a task says of itself, until it is over; what fails here is told by its result. */
async function watch(
  { taskId, first }: { readonly taskId: string; readonly first: JsonObject },
  { session, clock }: TaskCallDeps,
  { signal, tell }: {
    readonly signal: AbortSignal;
    readonly tell: ToolCallOptions["onProgress"];
  },
): Promise<void> {
  if (tell === undefined) return;
  let task = first;
  try {
    for (let progress = 1; !signal.aborted; progress++) {
      const { status, statusMessage, pollInterval } = task;
      if (status !== "working" && status !== "input_required") return;
      tell({ progress, ...(statusMessage === undefined ? {} : { message: statusMessage }) });
      const wanted = typeof pollInterval === "number" ? pollInterval : POLL_MS;
      await clock.sleep(Math.min(MOST_POLL_MS, Math.max(LEAST_POLL_MS, wanted)), signal);
      task = await session.request({ method: "tasks/get", params: { taskId } }, { signal });
    }
  } catch {
    // The result has come, or says why it does not.
  }
}
