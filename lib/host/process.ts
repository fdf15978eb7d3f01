/**
 * Child processes: argv only, an explicit environment, and an end that comes for certain. Needs
 * `--allow-run` for the programs that are started.
 *
 * @module
 */

import { abortError, deadline } from "../core/deadline.ts";
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

/** The end of standard error is what explains a failure. */
const STDERR_BYTES = 64 * 1024;

/** Between SIGTERM and SIGKILL for a run that passed a limit. */
const RUN_GRACE_MS = 500;

/**
 * Opens the door to child processes.
 *
 * @param clock Measures time limits.
 * @returns The door; starting nothing needs no permission.
 */
export function openProcesses(clock: Clock): Processes {
  return {
    start: (spec) => start(spec, clock),
    run: (spec, options) => run(spec, options, clock),
  };
}

function start(spec: ProcessSpec, clock: Clock): ChildProcess {
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
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    }).spawn();
  } catch (thrown) {
    throw startError(spec.command, thrown);
  }
  const exited: Promise<ExitStatus> = child.status.then(({ code, signal }) => ({
    code,
    ...(signal === null ? {} : { signal }),
  }));
  async function stop(graceMs: number): Promise<ExitStatus> {
    kill(child, "SIGTERM");
    const waited = new AbortController();
    const grace = clock.sleep(graceMs, waited.signal).then(() => kill(child, "SIGKILL"), () => {});
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

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (thrown) {
    // It has ended already.
    if (!(thrown instanceof TypeError) && !(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

async function run(spec: ProcessSpec, options: RunOptions, clock: Clock): Promise<RunResult> {
  using limit = deadline(clock, options.timeoutMs, options.signal);
  if (limit.signal.aborted) throw abortError(limit.signal);
  const child = start(spec, clock);
  const stopChild = () => void child.stop(RUN_GRACE_MS);
  limit.signal.addEventListener("abort", stopChild, { once: true });
  try {
    const [stdout, stderr, status] = await Promise.all([
      collect(child.stdout, options.maxBytes),
      tail(child.stderr),
      child.exited,
      feed(child.stdin, options.stdin),
    ]);
    if (limit.signal.aborted) throw abortError(limit.signal);
    if (stdout === undefined) {
      throw new AppError(
        "TOO_LARGE",
        `Cannot use the output of "${spec.command}": it is larger than ${options.maxBytes} bytes`,
        { hint: "Check what the program prints; Wharf ended it" },
      );
    }
    return { ...status, stdout, stderr };
  } finally {
    limit.signal.removeEventListener("abort", stopChild);
    await child[Symbol.asyncDispose]();
  }

  /** The whole output, or `undefined` past the limit; the child is then ended. */
  async function collect(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let total = 0;
    for await (const chunk of stream) {
      total += chunk.byteLength;
      if (total > maxBytes) {
        stopChild();
        return undefined;
      }
      chunks.push(chunk);
    }
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  }
}

async function feed(
  stream: WritableStream<Uint8Array<ArrayBuffer>>,
  bytes: Uint8Array | undefined,
): Promise<void> {
  const writer = stream.getWriter();
  try {
    if (bytes !== undefined) await writer.write(new Uint8Array(bytes));
    await writer.close();
  } catch {
    // A program may end without reading its input; its exit code says whether that is a failure.
  }
}

async function tail(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let kept = new Uint8Array(0);
  for await (const chunk of stream) {
    const joined = new Uint8Array(kept.length + chunk.length);
    joined.set(kept);
    joined.set(chunk, kept.length);
    kept = joined.length > STDERR_BYTES ? joined.slice(-STDERR_BYTES) : joined;
  }
  return new TextDecoder().decode(kept);
}

function startError(command: string, thrown: unknown): unknown {
  if (thrown instanceof Deno.errors.NotFound) {
    return new AppError("NOT_FOUND", `Cannot run "${command}": there is no such program`, {
      cause: thrown,
      hint: `Install ${command}, or add its folder to PATH`,
    });
  }
  if (thrown instanceof Deno.errors.NotCapable) {
    return new AppError(
      "PERMISSION_MISSING",
      `Cannot run "${command}": Deno was started without run permission for it`,
      { cause: thrown, hint: `Start Wharf with --allow-run=${command}` },
    );
  }
  if (thrown instanceof Deno.errors.PermissionDenied) {
    return new AppError("FORBIDDEN", `Cannot run "${command}": the system does not allow it`, {
      cause: thrown,
      hint: "Check that the file may be executed",
    });
  }
  return thrown;
}
