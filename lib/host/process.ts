/**
 * Child processes: argv only, an explicit environment, and an end that comes for certain. Needs
 * `--allow-run` for the programs that are started.
 *
 * @module
 */

import { abortError, deadline, throwIfAborted } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";
import type {
  ChildProcess,
  Clock,
  ExitStatus,
  Processes,
  ProcessSpec,
  RunOptions,
  RunResult,
} from "../core/host.ts";
import { systemClock } from "./clock.ts";

/** The end of standard error is what explains a failure. */
const STDERR_BYTES = 64 * 1024;

/** Between SIGTERM and SIGKILL for a run that passed a limit. */
const RUN_GRACE_MS = 500;

/** Where `kill` is, for a child that is given no PATH. */
const SYSTEM_PATH = "/usr/bin:/bin";

/** After a child's end, for output on its way: a grandchild may hold the pipes for ever. */
const DRAIN_MS = 1000;

/**
 * Opens the door to child processes.
 *
 * @param clock Measures time limits.
 * @returns The door; starting nothing needs no permission.
 */
export function openProcesses(clock: Clock = systemClock): Processes {
  return {
    start: (spec) => start(spec, clock),
    run: (spec, options) => run(spec, options, clock),
  };
}

function start(spec: ProcessSpec, clock: Clock): ChildProcess {
  const leadsGroup = spec.ownGroup === true && Deno.build.os !== "windows";
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(spec.command, {
      args: [...spec.args],
      // Nothing is inherited, so that no secret of Wharf's own reaches a child by accident.
      clearEnv: true,
      env: { ...spec.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: leadsGroup,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    }).spawn();
  } catch (thrown) {
    throw startError(spec, thrown);
  }
  let hasExited = false;
  const kill = (signal: Deno.Signal) => {
    // The number of a process that has ended may be another's.
    if (leadsGroup && !hasExited && killGroup(child.pid, signal, spec)) return;
    killChild(child, signal);
  };
  const exited: Promise<ExitStatus> = child.status.then(({ code, signal }) => {
    // What it started, while its number is still that of the group.
    if (leadsGroup) killGroup(child.pid, "SIGKILL", spec);
    hasExited = true;
    return { code, ...(signal === null ? {} : { signal }) };
  });
  async function stop(graceMs: number): Promise<ExitStatus> {
    kill("SIGTERM");
    const waited = new AbortController();
    const grace = clock.sleep(graceMs, waited.signal).then(() => kill("SIGKILL"), () => {});
    const status = await exited;
    waited.abort();
    await grace;
    return status;
  }
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    stop,
    async [Symbol.asyncDispose]() {
      await stop(RUN_GRACE_MS);
      // A stream that nobody read would keep its pipe open.
      const streams = [child.stdout, child.stderr].filter((stream) => !stream.locked);
      await Promise.allSettled(streams.map((stream) => stream.cancel()));
      if (!child.stdin.locked) await child.stdin.abort().catch(() => {});
    },
  };
}

/**
 * Signals a whole process group. Deno does so only with run permission for all programs; with less
 * the program `kill` does, where it may be run.
 *
 * @returns Whether anybody could be asked to.
 */
function killGroup(pid: number, signal: Deno.Signal, { env }: ProcessSpec): boolean {
  try {
    Deno.kill(-pid, signal);
    return true;
  } catch (thrown) {
    // Nobody is left in it, or (macOS) nobody that still runs.
    if (thrown instanceof Deno.errors.NotFound) return true;
    if (thrown instanceof Deno.errors.PermissionDenied) return true;
    if (!(thrown instanceof Deno.errors.NotCapable)) throw thrown;
  }
  try {
    new Deno.Command("kill", {
      args: ["-s", signal.slice("SIG".length), "--", `-${pid}`],
      clearEnv: true,
      env: { PATH: env.PATH ?? SYSTEM_PATH },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return true;
  } catch {
    // It is not there, or may not be run: the child alone is ended.
    return false;
  }
}

function killChild(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (thrown) {
    // It has ended already.
    if (!(thrown instanceof TypeError) && !(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

async function run(spec: ProcessSpec, options: RunOptions, clock: Clock): Promise<RunResult> {
  throwIfAborted(options.signal);
  await using child = start(spec, clock);
  using limit = deadline(clock, options.timeoutMs, options.signal);
  const tooMuch = new AbortController();
  const ended = new AbortController();
  const stopped = AbortSignal.any([limit.signal, tooMuch.signal]);
  const stop = () => {
    // Its failure shows again when the child is disposed of.
    child.stop(RUN_GRACE_MS).catch(() => {});
  };
  stopped.addEventListener("abort", stop, { once: true });

  const stdout: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  let stderr = new Uint8Array(0);
  const piping = Promise.all([
    feed(child.stdin, options.stdin, ended.signal),
    drain(child.stdout, ended.signal, (chunk) => {
      total += chunk.byteLength;
      if (total <= options.maxBytes) stdout.push(chunk);
      else tooMuch.abort();
    }),
    drain(child.stderr, ended.signal, (chunk) => {
      stderr = lastBytes(stderr, chunk);
    }),
  ]);
  const status = await child.exited;
  using rest = deadline(clock, DRAIN_MS, stopped);
  rest.signal.addEventListener("abort", () => ended.abort(), { once: true });
  if (rest.signal.aborted) ended.abort();
  await piping;
  stopped.removeEventListener("abort", stop);

  if (limit.signal.aborted) throw runError(spec.command, options, limit.signal);
  if (tooMuch.signal.aborted) {
    throw new AppError(
      "TOO_LARGE",
      `Cannot use the output of "${spec.command}": it is larger than ${options.maxBytes} bytes`,
      { hint: "Check what the program prints; Wharf ended it" },
    );
  }
  return {
    ...status,
    stdout: new Uint8Array(await new Blob(stdout).arrayBuffer()),
    stderr: new TextDecoder().decode(stderr),
  };
}

function runError(command: string, options: RunOptions, signal: AbortSignal): AppError {
  const error = abortError(signal);
  if (error.code !== "TIMEOUT" || options.signal?.aborted === true) return error;
  const seconds = options.timeoutMs / 1000;
  return new AppError("TIMEOUT", `Cannot run "${command}": it did not end in ${seconds} s`, {
    retryable: true,
    hint: "Try again; if it waits for an answer from a person, run it in a terminal first",
  });
}

function lastBytes(
  kept: Uint8Array<ArrayBuffer>,
  chunk: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(kept.length + chunk.length);
  joined.set(kept);
  joined.set(chunk, kept.length);
  return joined.length > STDERR_BYTES ? joined.slice(-STDERR_BYTES) : joined;
}

/** Reads a stream to its end, or until nobody waits for it any more. */
async function drain(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  ended: AbortSignal,
  take: (chunk: Uint8Array<ArrayBuffer>) => void,
): Promise<void> {
  const reader = stream.getReader();
  const leave = () => {
    // The pipe is gone either way.
    reader.cancel().catch(() => {});
  };
  ended.addEventListener("abort", leave, { once: true });
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value);
  } finally {
    ended.removeEventListener("abort", leave);
    reader.releaseLock();
  }
}

/** Writes the input. A program may end without reading it; its exit code says what that means. */
async function feed(
  stream: WritableStream<Uint8Array<ArrayBuffer>>,
  bytes: Uint8Array | undefined,
  ended: AbortSignal,
): Promise<void> {
  const writer = stream.getWriter();
  const leave = () => {
    writer.abort().catch(() => {});
  };
  ended.addEventListener("abort", leave, { once: true });
  try {
    if (bytes !== undefined) await writer.write(new Uint8Array(bytes));
    await writer.close();
  } catch {
    // A closed pipe.
  } finally {
    ended.removeEventListener("abort", leave);
    writer.releaseLock();
  }
}

/** What a failed start means, with the next step. */
function startError({ command, cwd }: ProcessSpec, cause: unknown): unknown {
  const cannot = `Cannot run "${command}"`;
  if (!(cause instanceof Error)) return cause;
  const { message } = cause;
  if (cause instanceof Deno.errors.NotFound) {
    return message.includes("No such cwd")
      ? new AppError("NOT_FOUND", `${cannot}: there is no folder "${cwd}" to run it in`, {
        cause,
        hint: "Check the working directory",
      })
      : new AppError("NOT_FOUND", `${cannot}: there is no such program`, {
        cause,
        hint: `Install ${command}, or add its folder to PATH`,
      });
  }
  if (cause instanceof Deno.errors.NotCapable) {
    const variable = /with (\S+) environment variable/.exec(message)?.[1];
    return variable === undefined
      ? new AppError(
        "PERMISSION_MISSING",
        `${cannot}: Deno was started without run permission for it`,
        { cause, hint: `Start Wharf with --allow-run=${command}` },
      )
      : new AppError(
        "PERMISSION_MISSING",
        `${cannot}: Deno passes ${variable} on only with run permission for all programs`,
        { cause, hint: `Leave ${variable} out, or start Wharf with --allow-run` },
      );
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new AppError("FORBIDDEN", `${cannot}: the system does not allow it`, {
      cause,
      hint: "Check that the file may be executed",
    });
  }
  if (cause instanceof TypeError) {
    return new AppError("INVALID_ARGUMENT", `${cannot}: an argument holds a NUL character`, {
      cause,
      hint: "Remove the character",
    });
  }
  return new AppError("UNAVAILABLE", `${cannot}: the system did not start it`, {
    cause,
    hint: "Check the limits on processes, memory and the length of arguments",
  });
}
