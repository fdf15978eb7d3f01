/**
 * Credential helpers: `docker-credential-<name> get`, the host on standard input (the protocol of
 * docker-credential-helpers). Needs no permission itself: processes are passed in.
 *
 * @module
 */

import { z } from "zod";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Env, Log, Processes } from "../core/host.ts";
import { parseJson } from "../core/json.ts";
import { SingleFlight } from "../core/single_flight.ts";
import type { FoundCredential } from "./credentials.ts";

/** What the helpers need. */
export interface CredentialHelperDeps {
  /** The declared environment variables; a helper sees only what it needs of them. */
  readonly env: Env;
  /** Runs the helper. */
  readonly processes: Processes;
  /** Is told once of each helper that cannot be used. */
  readonly log: Log;
  /** Dates the answers. */
  readonly clock: Clock;
}

const ANSWER = z.object({ Username: z.string(), Secret: z.string() });

/** A helper that asks a person or a cloud may take a while. */
const TIMEOUT_MS = 30_000;
const MAX_BYTES = 256 * 1024;
const KEEP_MS = 3_600_000;
/** A login while the server runs must be seen soon. */
const KEEP_NONE_MS = 30_000;
const KEEP_FAILURE_MS = 5_000;

/** Where helpers find their own settings and sockets. */
const VARIABLES = [
  "PATH",
  "HOME",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "XDG_CACHE_HOME",
  "XDG_STATE_HOME",
];

/** Docker Hub's keys in helpers: Docker's, from the days of its first API, and podman's. */
const DOCKER_HUB_KEYS = ["https://index.docker.io/v1/", "docker.io"];

/** Asks helpers, and remembers their answers for a while. */
export class CredentialHelpers {
  readonly #deps: CredentialHelperDeps;
  readonly #flights = new SingleFlight<FoundCredential | undefined>();
  readonly #answers = new Map<string, { found: FoundCredential | undefined; untilMs: number }>();
  readonly #warned = new Set<string>();

  /**
   * Asks no helper yet.
   *
   * @param deps Variables, processes, log and clock.
   */
  constructor(deps: CredentialHelperDeps) {
    this.#deps = deps;
  }

  /**
   * Asks a helper for a registry's credential.
   *
   * @param name The helper's name without `docker-credential-`.
   * @param registry The registry's name.
   * @param signal Gives up waiting.
   * @returns The credential; `undefined` where the helper has none, is missing or fails.
   */
  async get(
    name: string,
    registry: string,
    signal?: AbortSignal,
  ): Promise<FoundCredential | undefined> {
    const key = `${name} ${registry}`;
    const known = this.#answers.get(key);
    if (known !== undefined && known.untilMs > this.#deps.clock.now()) return known.found;
    return await this.#flights.run(key, async (shared) => {
      let found: FoundCredential | undefined;
      let keepMs = KEEP_NONE_MS;
      try {
        for (const server of registry === "docker.io" ? DOCKER_HUB_KEYS : [registry]) {
          found ??= await this.#ask(name, server, shared);
        }
        if (found !== undefined) keepMs = KEEP_MS;
      } catch (thrown) {
        const error = toAppError(thrown);
        // Whoever waited has left, by cancelling or at a deadline; that says nothing of the helper.
        if (shared.aborted) throw error;
        keepMs = KEEP_FAILURE_MS;
        this.#warnOnce(name, error);
      }
      this.#answers.set(key, { found, untilMs: this.#deps.clock.now() + keepMs });
      return found;
    }, signal);
  }

  async #ask(
    name: string,
    server: string,
    signal: AbortSignal,
  ): Promise<FoundCredential | undefined> {
    // The name becomes a program's name; a path in it would run something else.
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
      throw new AppError(
        "INVALID_ARGUMENT",
        `Cannot use credential helper "${name.slice(0, 64)}": it is no name`,
      );
    }
    const { env, processes } = this.#deps;
    const command = `docker-credential-${name}`;
    const result = await processes.run({
      command,
      args: ["get"],
      env: Object.fromEntries(
        VARIABLES.flatMap((variable) => {
          const value = env[variable];
          return value === undefined ? [] : [[variable, value]];
        }),
      ),
    }, {
      stdin: new TextEncoder().encode(server),
      maxBytes: MAX_BYTES,
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    if (result.code !== 0) {
      // The protocol's only way to say "none"; some helpers print it on standard output.
      const said = new TextDecoder().decode(result.stdout) + result.stderr;
      if (/credentials? not found|not found in native keychain|no credentials/i.test(said)) {
        return undefined;
      }
      throw new AppError(
        "UNAVAILABLE",
        `Cannot use "${command}": it ended with code ${result.code}`,
        { hint: `Run "${command} list" in a terminal to see why` },
      );
    }
    const answer = ANSWER.safeParse(
      parseJson(result.stdout, { what: `the answer of "${command}"` }),
    );
    if (!answer.success) {
      throw new AppError(
        "BAD_RESPONSE",
        `Cannot use "${command}": its answer has not the expected form`,
      );
    }
    const { Username: username, Secret: secret } = answer.data;
    if (secret === "" || username === "") return undefined;
    return {
      source: command,
      credential: username === "<token>"
        ? { kind: "identity", token: secret }
        : { kind: "basic", username, password: secret },
    };
  }

  #warnOnce(name: string, error: AppError): void {
    if (this.#warned.has(name)) return;
    this.#warned.add(name);
    this.#deps.log.warn("credential helper cannot be used; going on without it", {
      helper: name,
      reason: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
