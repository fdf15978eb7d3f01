/**
 * The programs that can run a package here: Deno for npm packages in its sandbox, npx and uvx for
 * what runs plainly. Needs run permission for `deno`, `npx` and `uvx`; one that Wharf may not run
 * is told apart from one that is missing.
 *
 * @example
 * ```ts ignore
 * const finder = new RuntimeFinder({ processes, env });
 * (await finder.find()).deno; // { state: "ready", version: "2.9.6" }
 * ```
 *
 * @module
 */

import { type AppError, toAppError } from "../core/errors.ts";
import type { Env, Processes } from "../core/host.ts";
import { cleanText } from "../core/text.ts";

/** A program that runs packages. */
export type RuntimeName = "deno" | "npx" | "uvx";

/** What is known of a {@linkcode RuntimeName}. */
export type RuntimeState =
  | {
    /** It is there and may be run. */
    readonly state: "ready";
    /** Its version, such as `2.9.6`. */
    readonly version: string;
  }
  | {
    /**
     * `missing`: no such program. `not_permitted`: Deno was started without run permission for it.
     * `unusable`: it is there, but too old, or it fails.
     */
    readonly state: "missing" | "not_permitted" | "unusable";
    /** One clause for people, such as `deno is not installed`. */
    readonly reason: string;
    /** The next step. */
    readonly hint: string;
  };

/** What is known of every runtime. */
export type Runtimes = Readonly<Record<RuntimeName, RuntimeState>>;

/** What a {@linkcode RuntimeFinder} works with. */
export interface RuntimeDeps {
  /** Starts the programs. */
  readonly processes: Processes;
  /** Wharf's own environment: `PATH` and `HOME` are passed on. */
  readonly env: Env;
}

/** The first version of Deno with every flag of the sandbox (`--ignore-env`, `--preload`). */
const OLDEST_DENO = [2, 6] as const;

/** A program that cannot say its version in this time is of no use; npx is slow on a cold disk. */
const PROBE_TIMEOUT_MS = 10_000;

const PROBE_BYTES = 16 * 1024;

const INSTALL: Readonly<Record<RuntimeName, string>> = {
  deno: "Install Deno (https://docs.deno.com/runtime/getting_started/installation/)",
  npx: "Install Node.js, which has npx (https://nodejs.org/)",
  uvx: "Install uv, which has uvx (https://docs.astral.sh/uv/)",
};

/** Finds the runtimes, and remembers those that are ready. */
export class RuntimeFinder {
  readonly #deps: RuntimeDeps;
  readonly #hasPlain: boolean;
  readonly #ready = new Map<RuntimeName, RuntimeState>();

  /**
   * Starts nothing until it is asked.
   *
   * @param deps Processes and environment.
   * @param options `hasPlain`: whether npx and uvx may be used; otherwise they are not started.
   */
  constructor(deps: RuntimeDeps, { hasPlain = true }: { readonly hasPlain?: boolean } = {}) {
    this.#deps = deps;
    this.#hasPlain = hasPlain;
  }

  /**
   * Asks each program for its version. One that is ready is asked once; the others anew each time,
   * so that what an operator installs counts at once.
   *
   * @param signal Ends the search.
   * @throws {AppError} `CANCELLED`; a program that fails is a state, not an error.
   */
  async find(signal?: AbortSignal): Promise<Runtimes> {
    const [deno, npx, uvx] = await Promise.all([
      this.#state("deno", signal),
      this.#state("npx", signal),
      this.#state("uvx", signal),
    ]);
    return { deno, npx, uvx };
  }

  async #state(name: RuntimeName, signal?: AbortSignal): Promise<RuntimeState> {
    const known = this.#ready.get(name);
    if (known !== undefined) return known;
    if (name !== "deno" && !this.#hasPlain) {
      return unusable(name, "the operator allows no process without a sandbox");
    }
    const state = await this.#probe(name, signal);
    if (state.state === "ready") this.#ready.set(name, state);
    return state;
  }

  async #probe(name: RuntimeName, signal?: AbortSignal): Promise<RuntimeState> {
    const { PATH, HOME } = this.#deps.env;
    try {
      const { code, stdout } = await this.#deps.processes.run({
        command: name,
        args: ["--version"],
        env: {
          ...(PATH === undefined ? {} : { PATH }),
          ...(HOME === undefined ? {} : { HOME }),
          DENO_NO_UPDATE_CHECK: "1",
          NO_COLOR: "1",
        },
      }, {
        maxBytes: PROBE_BYTES,
        timeoutMs: PROBE_TIMEOUT_MS,
        ...(signal === undefined ? {} : { signal }),
      });
      return code === 0
        ? stateOf(name, new TextDecoder().decode(stdout))
        : unusable(name, `it ends with code ${code}`);
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code === "CANCELLED") throw error;
      return failed(name, error);
    }
  }
}

function stateOf(name: RuntimeName, output: string): RuntimeState {
  const [version, major = "", minor = ""] = /(\d+)\.(\d+)\.\d+\S*/.exec(output) ?? [];
  if (version === undefined) return unusable(name, "it does not say its version");
  const [oldestMajor, oldestMinor] = OLDEST_DENO;
  const isOld = Number(major) < oldestMajor ||
    Number(major) === oldestMajor && Number(minor) < oldestMinor;
  if (name === "deno" && isOld) {
    const shown = cleanText(version, { maxChars: 40 });
    return {
      state: "unusable",
      reason: `deno ${shown} is older than ${OLDEST_DENO.join(".")}`,
      hint: "Run: deno upgrade",
    };
  }
  return { state: "ready", version: cleanText(version, { maxChars: 40 }) };
}

function unusable(name: RuntimeName, reason: string): RuntimeState {
  return {
    state: "unusable",
    reason: `${name} cannot be used: ${reason}`,
    hint: `Run "${name} --version" in a terminal to see what is wrong`,
  };
}

function failed(name: RuntimeName, error: AppError): RuntimeState {
  if (error.code === "NOT_FOUND") {
    return {
      state: "missing",
      reason: `${name} is not installed`,
      hint: `${INSTALL[name]}, and add it to PATH`,
    };
  }
  if (error.code === "PERMISSION_MISSING") {
    return {
      state: "not_permitted",
      reason: `Wharf may not run ${name}`,
      hint: error.hint ?? `Start Wharf with --allow-run=${name}`,
    };
  }
  return unusable(name, error.code === "TIMEOUT" ? "it does not answer" : "it does not start");
}
