/**
 * Containers by podman or Docker: pulled, pinned, run with limits, watched, and removed. Needs
 * `--allow-run` for the engine, through what it is given.
 *
 * @example
 * ```ts ignore
 * const engine = new ContainerEngine({ processes, clock, log, env }, { engine: "podman", owner });
 * const { pinned } = await engine.pull("docker.io/mcp/time:latest");
 * await using server = engine.launch({ ...limits, name: "wharf-time", image: pinned });
 * ```
 *
 * @module
 */

import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Env, ExitStatus, Log, Processes, RunResult } from "../core/host.ts";
import { SingleFlight } from "../core/single_flight.ts";
import { cleanText } from "../core/text.ts";
import { digestOf } from "../oci/mod.ts";
import {
  buildArgs,
  type BuildSpec,
  type ContainerSpec,
  type EngineName,
  pullArgs,
  runArgs,
} from "./engine_args.ts";
import type { Launched, LaunchedExit, Usage } from "./launched.ts";
import { exitByCode, PipedServer } from "./piped_server.ts";

/** What a {@linkcode ContainerEngine} works with. */
export interface EngineDeps {
  /** Starts the engine's program. */
  readonly processes: Processes;
  /** Time. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
  /** The declared environment; what the engine itself needs of it is passed on. */
  readonly env: Env;
}

/** Whose containers. */
export interface Owner {
  /** Id of this Wharf's state directory: containers of another one are never touched. */
  readonly id: string;
  /** Id of this run of Wharf; containers of one that has ended are orphans. */
  readonly run: string;
}

/** How a {@linkcode ContainerEngine} works. */
export interface EngineOptions {
  /** The program. */
  readonly engine: EngineName;
  /** Whose containers. */
  readonly owner: Owner;
  /**
   * Where the engine's program runs: its monitor leaves a file `oom` there when a container needed
   * too much memory. @default the directory of Wharf's own process
   */
  readonly folder?: {
    /** Absolute path. */
    readonly path: string;
    /** Removes what was left. */
    clean(): Promise<void>;
  };
  /** Registries (`host` or `host:port`) that are spoken to over plain http, beside loopback. */
  readonly insecureRegistries?: ReadonlySet<string>;
}

/** A pulled image. */
export interface PulledImage {
  /** `name@sha256:…`: what runs, whatever the tag becomes. */
  readonly pinned: string;
  /** The digest alone. */
  readonly digest: string;
}

/** What {@linkcode ContainerEngine.pull} takes. */
export interface PullOptions {
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Told what the engine says, one line. */
  readonly progress?: (message: string) => void;
  /** Time for the whole pull, in milliseconds. @default {600000} */
  readonly timeoutMs?: number;
}

/** Label of all containers of an owner. */
const OWNER_LABEL = "wharf.owner";

/** Label of the run of Wharf that started a container. */
const RUN_LABEL = "wharf.run";

const PULL_TIMEOUT_MS = 600_000;
const SHORT_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Exit codes of the engine itself, not of what runs in it (podman-run(1), "Exit Status"). */
const ENGINE_EXITS: Readonly<Record<number, string>> = {
  125: "the engine could not start it",
  126: "its command cannot be run",
  127: "its command is not in the image",
};

/** Lines of a failed build that its error shows. */
const FAILED_LINES = 6;

/** Variables that the engine's own program needs. */
const PASSED_ON = [
  "PATH",
  "HOME",
  "XDG_RUNTIME_DIR",
  "XDG_CONFIG_HOME",
  "TMPDIR",
  "DOCKER_CONFIG",
  "REGISTRY_AUTH_FILE",
  "CONTAINERS_CONF",
  "CONTAINERS_REGISTRIES_CONF",
  "CONTAINERS_STORAGE_CONF",
];

/** A container engine. */
export class ContainerEngine {
  readonly #deps: EngineDeps;
  readonly #options: EngineOptions;
  readonly #pulls = new SingleFlight<PulledImage>();
  /** Volumes of sessions that go on, by session. */
  readonly #sessionVolumes = new Map<string, Set<string>>();

  /**
   * Starts nothing.
   *
   * @param deps Processes, time, log, environment.
   * @param options The program and the owner.
   */
  constructor(deps: EngineDeps, options: EngineOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * Whether the engine works.
   *
   * @returns Its version.
   * @throws {AppError} `NOT_FOUND` and `PERMISSION_MISSING` for the program, `UNAVAILABLE` with what
   * it says.
   */
  async probe(signal?: AbortSignal): Promise<string> {
    const format = this.#options.engine === "podman"
      ? "{{.Version.Version}}"
      : "{{.ServerVersion}}";
    const { stdout } = await this.#ask(["info", `--format=${format}`], {
      what: `use ${this.#options.engine}`,
      ...(signal === undefined ? {} : { signal }),
    });
    return cleanText(new TextDecoder().decode(stdout), { maxChars: 40 });
  }

  /**
   * Pulls an image. Callers who come meanwhile share the work.
   *
   * @param image Image reference with registry.
   * @returns What was pulled, pinned.
   * @throws {AppError} `UNAVAILABLE` with what the engine says, `TIMEOUT`, `CANCELLED`.
   */
  async pull(image: string, options: PullOptions = {}): Promise<PulledImage> {
    const { signal, progress, timeoutMs = PULL_TIMEOUT_MS } = options;
    return await this.#pulls.run(image, async (shared) => {
      progress?.(`pulling ${image}`);
      await this.#ask(
        pullArgs(image, { engine: this.#options.engine, isPlain: this.#isPlain(image) }),
        { what: `pull "${image}"`, signal: shared, timeoutMs },
      );
      return await this.#pinned(image, shared);
    }, signal);
  }

  /**
   * Builds an image.
   *
   * @param spec What is built.
   * @param options As for a pull; the time is that of the whole build.
   * @returns What the build said, its end when that is long.
   * @throws {AppError} `UNAVAILABLE` with the last lines of a build that failed, `TIMEOUT`, `CANCELLED`.
   */
  async build(spec: BuildSpec, options: PullOptions = {}): Promise<string> {
    const { signal, progress, timeoutMs = PULL_TIMEOUT_MS } = options;
    progress?.(`building ${spec.tag}`);
    const { code, stdout, stderr } = await this.#run(buildArgs(spec), {
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    const log = `${new TextDecoder().decode(stdout)}\n${stderr}`;
    if (code === 0) return log;
    const said = log.split("\n").map((line) => cleanText(line, { maxChars: 200 }))
      .filter((line) => line !== "").slice(-FAILED_LINES).join("; ");
    throw new AppError("UNAVAILABLE", `Cannot build "${spec.tag}": ${said || `code ${code}`}`, {
      hint: "Look at its build file, or choose another launch_method",
    });
  }

  /**
   * An image that is here already.
   *
   * @param pinned Reference with a digest.
   * @returns Whether it need not be pulled.
   */
  async has(pinned: string, signal?: AbortSignal): Promise<boolean> {
    const { code } = await this.#run(["image", "inspect", "--format={{.Id}}", pinned], {
      ...(signal === undefined ? {} : { signal }),
    });
    return code === 0;
  }

  /**
   * Runs a container.
   *
   * @param spec The container; its image is here already.
   * @returns The server; its transport is not yet started.
   * @throws {AppError} `INVALID_ARGUMENT` for a value that could be an option.
   */
  launch(spec: Omit<ContainerSpec, "labels">): Launched {
    const { owner, engine } = this.#options;
    const labels = { [OWNER_LABEL]: owner.id, [RUN_LABEL]: owner.run };
    const args = runArgs({ ...spec, labels }, engine);
    const child = this.#deps.processes.start({
      command: engine,
      args,
      env: { ...engineEnv(this.#deps.env), ...spec.env },
      ...this.#place(),
    });
    return new PipedServer(child, {
      clock: this.#deps.clock,
      exitOf,
      usage: (signal) => this.#usage(spec.name, signal),
      remove: async () => {
        await this.#remove(spec.name);
        await this.#options.folder?.clean();
      },
    });
  }

  /**
   * Names a volume that one session has for itself, and remembers it. The engine makes it at its
   * first use.
   *
   * @param session Id of the session, unique in this run.
   * @param name Name of the volume where it is shared.
   */
  sessionVolume(session: string, name: string): string {
    const { owner } = this.#options;
    const hash = digestOf(new TextEncoder().encode(name)).slice("sha256:".length).slice(0, 16);
    const own = `${volumePrefix(owner.id)}${owner.run}.${session}.${hash}`;
    const known = this.#sessionVolumes.get(session) ?? new Set();
    this.#sessionVolumes.set(session, known.add(own));
    return own;
  }

  /**
   * Removes the volumes of a session; its containers are gone already.
   *
   * @param session Id of the session.
   */
  async removeSessionVolumes(session: string): Promise<void> {
    const known = this.#sessionVolumes.get(session) ?? [];
    this.#sessionVolumes.delete(session);
    for (const name of known) await this.#removeVolume(name);
  }

  /**
   * Removes what runs of this owner left behind that have ended.
   *
   * @param isAlive Whether a run of this owner still goes on.
   * @returns The names of what was removed.
   */
  async removeOrphans(isAlive: (run: string) => Promise<boolean>): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const { name, run } of await this.#ownedContainers()) {
      if (await isAlive(run)) continue;
      await this.#remove(name);
      removed.push(name);
    }
    for (const { name, run } of await this.#ownedVolumes()) {
      if (await isAlive(run)) continue;
      await this.#removeVolume(name);
      removed.push(name);
    }
    return removed;
  }

  /** Containers of this owner, with the run that made them. */
  async #ownedContainers(): Promise<readonly Owned[]> {
    const lines = await this.#list([
      "ps",
      "--all",
      `--filter=label=${OWNER_LABEL}=${this.#options.owner.id}`,
      `--format={{.Names}}\t{{index .Labels "${RUN_LABEL}"}}`,
    ]);
    return lines.map((line) => {
      const [name = "", run = ""] = line.split("\t");
      return { name, run };
    });
  }

  /** Volumes of sessions of this owner. They are made by their first use, so names say whose they are. */
  async #ownedVolumes(): Promise<readonly Owned[]> {
    const prefix = volumePrefix(this.#options.owner.id);
    const names = await this.#list(["volume", "ls", "--format={{.Name}}"]);
    return names.filter((name) => name.startsWith(prefix))
      .map((name) => ({ name, run: name.slice(prefix.length).split(".")[0] ?? "" }));
  }

  async #list(args: readonly string[]): Promise<readonly string[]> {
    const { code, stdout } = await this.#run(args);
    if (code !== 0) return [];
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
  }

  async #removeVolume(name: string): Promise<void> {
    const { code, stderr } = await this.#run(["volume", "rm", "--", name]);
    if (code !== 0 && !/no such volume/i.test(stderr)) {
      this.#deps.log.warn("a volume cannot be removed", { name, reason: firstLine(stderr) });
    }
  }

  async #pinned(image: string, signal: AbortSignal): Promise<PulledImage> {
    const { stdout } = await this.#ask(
      ["image", "inspect", "--format={{json .RepoDigests}}", "--", image],
      { what: `inspect "${image}"`, signal },
    );
    const digests = parseDigests(new TextDecoder().decode(stdout));
    const name = image.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
    const asked = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
    // The digest that was asked for; else any: that of the index or of the platform's manifest.
    const digest = digests.find((found) => found === asked) ?? digests[0];
    if (digest === undefined) {
      throw new AppError("BAD_RESPONSE", `Cannot pin "${image}": the engine tells no digest`, {
        hint: "Pull it from a registry; an image that was built here has none",
      });
    }
    return { pinned: `${name}@${digest}`, digest };
  }

  async #usage(name: string, signal?: AbortSignal): Promise<Usage> {
    const { code, stdout } = await this.#run(
      ["stats", "--no-stream", "--format={{json .}}", "--", name],
      signal === undefined ? {} : { signal },
    );
    return code === 0 ? parseUsage(new TextDecoder().decode(stdout)) : {};
  }

  /** A container that is gone already is fine. */
  async #remove(name: string): Promise<void> {
    // podman would wait for ten seconds before it kills.
    const atOnce = this.#options.engine === "podman" ? ["--time=0"] : [];
    const { code, stderr } = await this.#run(["rm", "--force", ...atOnce, "--", name]);
    const isGone = /no such container|no container with/i.test(stderr);
    if (code !== 0 && !isGone) {
      this.#deps.log.warn("a container cannot be removed", { name, reason: firstLine(stderr) });
    }
  }

  #place(): { readonly cwd?: string } {
    const { folder } = this.#options;
    return folder === undefined ? {} : { cwd: folder.path };
  }

  #isPlain(image: string): boolean {
    const host = image.split("/")[0] ?? "";
    const isLoopback = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(host);
    return isLoopback || this.#options.insecureRegistries?.has(host.toLowerCase()) === true;
  }

  async #ask(args: readonly string[], options: AskOptions): Promise<RunResult> {
    const result = await this.#run(args, options);
    if (result.code === 0) return result;
    throw new AppError(
      "UNAVAILABLE",
      `Cannot ${options.what}: ${firstLine(result.stderr) || `code ${result.code}`}`,
      { hint: `Try the same with ${this.#options.engine} on this machine`, retryable: true },
    );
  }

  async #run(
    args: readonly string[],
    options: Omit<AskOptions, "what"> = {},
  ): Promise<RunResult> {
    const { signal, timeoutMs = SHORT_TIMEOUT_MS } = options;
    const { engine } = this.#options;
    try {
      return await this.#deps.processes.run({
        command: engine,
        args,
        env: engineEnv(this.#deps.env),
      }, {
        maxBytes: MAX_ANSWER_BYTES,
        timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code !== "NOT_FOUND") throw error;
      throw new AppError("NOT_FOUND", `Cannot run "${engine}": it is not installed`, {
        cause: error,
        hint: engine === "podman"
          ? "Install podman (podman.io), or choose a server that runs without a container"
          : "Install Docker, or use podman",
      });
    }
  }
}

interface AskOptions {
  /** What fails, after "Cannot". */
  readonly what: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

interface Owned {
  readonly name: string;
  /** The run that made it. */
  readonly run: string;
}

/** How names of volumes of an owner's sessions begin; the run follows, then a dot and the session. */
function volumePrefix(owner: string): string {
  return `wharf-${owner}-`;
}

function firstLine(text: string): string {
  const lines = text.split("\n").map((line) => cleanText(line, { maxChars: 300 }))
    .filter((line) => line !== "");
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? "";
}

function parseDigests(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value)
      ? value.flatMap((item) => /@(sha256:[0-9a-f]{64})$/.exec(String(item))?.[1] ?? [])
      : [];
  } catch {
    return [];
  }
}

/** One line of `stats`: podman has numbers or texts by version, Docker has texts. */
function parseUsage(text: string): Usage {
  const [, memory, unit = ""] = /"(?:MemUsage|mem_usage)":\s*"([\d.]+)\s*([kKMG]?i?B)/.exec(text) ??
    [];
  const [, cpu] = /"(?:CPUPerc|cpu_percent|CPU)":\s*"?([\d.]+)/.exec(text) ?? [];
  const factor = { b: 1, k: 1000, m: 1e6, g: 1e9 }[unit.toLowerCase()[0] ?? "b"] ?? 1;
  const binary = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[unit.toLowerCase()[0] ?? "b"] ?? 1;
  return {
    ...(memory === undefined
      ? {}
      : { memoryBytes: Math.round(Number(memory) * (unit.includes("i") ? binary : factor)) }),
    ...(cpu === undefined ? {} : { cpuPercent: Number(cpu) }),
  };
}

/**
 * What the engine's own program needs of Wharf's environment.
 *
 * @param env The declared variables.
 */
export function engineEnv(env: Env): Env {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** How a container ended. */
function exitOf(status: ExitStatus): LaunchedExit {
  const { code, signal } = status;
  const known = ENGINE_EXITS[code];
  if (signal === undefined && known !== undefined) return { code, reason: known };
  return signal === undefined && code === 137
    ? { code, signal: "SIGKILL", reason: "it was killed, perhaps since it needed more memory" }
    : exitByCode(status);
}
