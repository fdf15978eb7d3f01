/**
 * How an npm or PyPI package becomes a process: which sandbox holds it, and with what argv. Pure:
 * it decides and starts nothing. Needs no permission.
 *
 * Three ways, the safest that is possible first: npm packages under Deno's permissions, any
 * package in a container, and plainly by npx or uvx where the operator allows processes without a
 * sandbox.
 *
 * @example
 * ```ts
 * import { planProcess } from "./process_plan.ts";
 *
 * const ready = { state: "ready", version: "2.9.6" } as const;
 * const plan = planProcess(
 *   { type: "npm", identifier: "@modelcontextprotocol/server-memory", version: "2026.8.31" },
 *   { args: [], env: {} },
 *   {
 *     runtimes: { deno: ready, npx: ready, uvx: ready },
 *     policy: { unsandboxed: false },
 *     engineAvailable: false,
 *     network: "default",
 *     stateDirectory: "/home/ann/.local/state/wharf",
 *     env: { PATH: "/usr/bin" },
 *     pid: 4242,
 *   },
 * );
 * plan.sandbox; // "deno"
 * ```
 *
 * @module
 */

import { AppError, type ErrorCode } from "../core/errors.ts";
import type { Env } from "../core/host.ts";
import {
  type PackageRef,
  type PackageType,
  type PinnedPackage,
  pinnedPackage,
} from "./package_name.ts";
import {
  containerArgs,
  denoArgs,
  denoPrepareArgs,
  npxArgs,
  plumbing,
  type ServerPart,
  steers,
  uvxArgs,
} from "./process_argv.ts";
import type { RuntimeName, Runtimes, RuntimeState } from "./runtimes.ts";

/** What holds a process: Deno's permissions, a container, or nothing. */
export type Sandbox = "deno" | "container" | "none";

/** A command, whole. */
export interface Command {
  /** Program, looked up on the PATH. */
  readonly command: string;
  /** Arguments, one element each. */
  readonly args: readonly string[];
  /** The whole environment. It holds secrets: show names only. */
  readonly env: Env;
}

/** A process of this machine. */
export interface LocalPlan extends Command {
  /** What holds it. */
  readonly sandbox: "deno" | "none";
  /** Why this one, as a clause for people. */
  readonly why: string;
  /** What runs, such as `npm:name@1.0.0`. */
  readonly label: string;
  /** Its folder in the state directory, relative; made before it starts. */
  readonly folder: string;
  /** Absolute working directory: the folder that its `HOME` is. */
  readonly cwd: string;
  /** Run to its end before each start: fetches, and runs no code of the package. */
  readonly prepare?: Command;
  /** What a person should know, one clause each. */
  readonly notes: readonly string[];
}

/** A package in a container, for the engine to start. */
export interface PackageContainerPlan {
  /** What holds it. */
  readonly sandbox: "container";
  /** Why this one, as a clause for people. */
  readonly why: string;
  /** What runs, such as `npm:name@1.0.0`. */
  readonly label: string;
  /** Reference of an image that has npx or uvx; not yet pinned to a digest. */
  readonly image: string;
  /** Arguments after the image. */
  readonly args: readonly string[];
  /** The container's environment. It holds secrets: show names only. */
  readonly env: Env;
  /** The folders that it was given, at the same paths inside. */
  readonly volumes: readonly {
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
    readonly kind: "host";
  }[];
  /** A package is unpacked where its programs must be executable: no `noexec` tmpfs. */
  readonly readOnlyRoot: false;
  /** What a person should know, one clause each. */
  readonly notes: readonly string[];
}

/** How a package is started. */
export type ProcessPlan = LocalPlan | PackageContainerPlan;

/** What {@linkcode planProcess} decides by. */
export interface ProcessOptions {
  /** What can run here. */
  readonly runtimes: Runtimes;
  /** What the operator allows. */
  readonly policy: {
    /** Whether a package may run without a sandbox. */
    readonly unsandboxed: boolean;
  };
  /** Whether a container engine can be used. */
  readonly engineAvailable: boolean;
  /** `none`: it must not reach anything, and is not started where that cannot be kept. */
  readonly network: "none" | "default";
  /** `host` or `host:port` that it may reach, with `*.` before a domain; empty or absent: any. */
  readonly allowHosts?: readonly string[];
  /** Absolute paths that settings name and the operator allows. */
  readonly folders?: { readonly read: readonly string[]; readonly write: readonly string[] };
  /** Absolute path of Wharf's state directory. */
  readonly stateDirectory: string;
  /** Wharf's own environment: `PATH`, proxies and certificates are passed on. */
  readonly env: Env;
  /** The sandbox that was asked for. @default the safest that is possible */
  readonly sandbox?: Sandbox;
  /** Images with npx and with uvx. @default {@linkcode PACKAGE_IMAGES} */
  readonly images?: Readonly<Record<PackageType, string>>;
  /** Most bytes of the JavaScript heap under Deno. @default {536870912} */
  readonly heapBytes?: number;
  /** Process id of Wharf: a server under Deno ends with it. */
  readonly pid: number;
}

/** Images with a runtime for packages. */
export const PACKAGE_IMAGES: Readonly<Record<PackageType, string>> = {
  npm: "docker.io/library/node:24-slim",
  pypi: "ghcr.io/astral-sh/uv:python3.13-bookworm-slim",
};

/** The program that runs a package plainly. */
const PLAIN: Readonly<Record<PackageType, RuntimeName>> = { npm: "npx", pypi: "uvx" };

/**
 * Decides how a package is run.
 *
 * @param pkg The package, its version exact.
 * @param rendered Its arguments and environment.
 * @param options What is there, and what is allowed.
 * @returns The plan.
 * @throws {AppError} `INVALID_ARGUMENT` for a name, version, path or host that does not fit a
 * command; `UNSUPPORTED` for other kinds of package; `FORBIDDEN`, `PERMISSION_MISSING` or
 * `NOT_FOUND` when no allowed way is possible, with the reason for each.
 */
export function planProcess(
  pkg: PackageRef,
  rendered: ServerPart,
  options: ProcessOptions,
): ProcessPlan {
  const pinned = pinnedPackage(pkg);
  const { sandbox, why } = choose(pinned, options);
  if (sandbox === "container") return containerPlan(pinned, rendered, { ...options, why });
  const dropped = Object.keys(rendered.env).filter(steers);
  const env = Object.fromEntries(Object.entries(rendered.env).filter(([name]) => !steers(name)));
  const notes = dropped.map((name) =>
    `${name} is not passed on, since it steers the runtime itself`
  );
  const local = { pinned, rendered: { args: rendered.args, env }, options, why, notes };
  return sandbox === "deno" ? denoPlan(local) : plainPlan(local);
}

/** Why a way is not possible. */
interface Obstacle {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint: string;
}

/** What speaks for a way that is possible, as a clause; or the obstacle. */
type Way = string | Obstacle;

function choose(
  pinned: PinnedPackage,
  options: ProcessOptions,
): { readonly sandbox: Sandbox; readonly why: string } {
  const ways: Readonly<Record<Sandbox, Way>> = {
    deno: denoWay(pinned, options),
    container: containerWay(options),
    none: plainWay(pinned, options),
  };
  if (options.sandbox !== undefined) {
    const way = ways[options.sandbox];
    if (typeof way !== "string") throw cannotRun(pinned, [way]);
    return { sandbox: options.sandbox, why: "it was asked for" };
  }
  for (const sandbox of ["deno", "container", "none"] as const) {
    const why = ways[sandbox];
    if (typeof why === "string") return { sandbox, why };
  }
  throw cannotRun(pinned, Object.values(ways).filter((way) => typeof way !== "string"));
}

function denoWay({ type }: PinnedPackage, { runtimes }: ProcessOptions): Way {
  if (type !== "npm") {
    return {
      code: "UNSUPPORTED",
      reason: "Deno runs no Python packages",
      hint: "Choose another launch method",
    };
  }
  return runtimes.deno.state === "ready"
    ? `Deno ${runtimes.deno.version} holds npm packages by its permissions`
    : runtimeObstacle(runtimes.deno);
}

function containerWay({ engineAvailable, network }: ProcessOptions): Way {
  if (!engineAvailable) {
    return {
      code: "NOT_FOUND",
      reason: "there is no container engine",
      hint: "Install Podman (https://podman.io/docs/installation)",
    };
  }
  return network === "none"
    ? offline("a container fetches the package when it starts")
    : "a container engine is there";
}

function plainWay({ type }: PinnedPackage, options: ProcessOptions): Way {
  const runtime = options.runtimes[PLAIN[type]];
  if (!options.policy.unsandboxed) {
    return {
      code: "FORBIDDEN",
      reason: "the operator allows no process without a sandbox",
      hint: "The operator may allow it with policy.unsandboxed in Wharf's configuration",
    };
  }
  if (runtime.state !== "ready") return runtimeObstacle(runtime);
  return options.network === "none"
    ? offline("nothing keeps a plain process from it")
    : "the operator allows processes without a sandbox";
}

function offline(reason: string): Obstacle {
  return {
    code: "FORBIDDEN",
    reason: `it must not use the network, and ${reason}`,
    hint: "Allow the network for it, or use an image that holds the server",
  };
}

function runtimeObstacle(runtime: Exclude<RuntimeState, { readonly state: "ready" }>): Obstacle {
  const { state, reason, hint } = runtime;
  return { code: state === "not_permitted" ? "PERMISSION_MISSING" : "NOT_FOUND", reason, hint };
}

/** One error of all obstacles; what the operator can grant with a flag comes first. */
function cannotRun({ label }: PinnedPackage, obstacles: readonly Obstacle[]): AppError {
  const first = obstacles.find(({ code }) => code === "PERMISSION_MISSING") ??
    obstacles.find(({ code }) => code === "NOT_FOUND") ??
    obstacles.find(({ code }) => code !== "UNSUPPORTED") ?? obstacles[0];
  const reasons = obstacles.map(({ reason }) => reason).join("; ");
  return new AppError(first?.code ?? "UNSUPPORTED", `Cannot run "${label}": ${reasons}`, {
    hint: first?.hint ?? "Choose another launch method",
  });
}

/** What both kinds of local plan are made of. */
interface Local {
  readonly pinned: PinnedPackage;
  readonly rendered: ServerPart;
  readonly options: ProcessOptions;
  readonly why: string;
  readonly notes: readonly string[];
}

function denoPlan({ pinned, rendered, options, why, notes }: Local): LocalPlan {
  const base = localBase(pinned, options);
  const denoDirectory = `${options.stateDirectory}/deno`;
  const lockFile = `${options.stateDirectory}/${base.folder}/deno.lock`;
  const runtimeEnv = {
    ...base.env,
    DENO_DIR: denoDirectory,
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
  const { read = [], write = [] } = options.folders ?? {};
  return {
    ...base,
    sandbox: "deno",
    why,
    command: "deno",
    args: denoArgs(pinned, rendered, {
      lockFile,
      network: options.network,
      allowHosts: options.allowHosts ?? [],
      // Packages read their own files, and their working directory.
      read: [`${denoDirectory}/npm`, base.cwd, ...read, ...write],
      write,
      heapBytes: options.heapBytes ?? 512 * 1024 * 1024,
      pid: options.pid,
    }),
    env: { ...runtimeEnv, ...rendered.env },
    prepare: { command: "deno", args: denoPrepareArgs(pinned, lockFile), env: runtimeEnv },
    notes: [
      options.network === "none" ? "no network" : hostsNote(options.allowHosts ?? []),
      write.length === 0 ? "writes nothing" : `writes only in ${write.join(", ")}`,
      "runs no programs",
      ...notes,
    ],
  };
}

function hostsNote(hosts: readonly string[]): string {
  return hosts.length === 0 || hosts.includes("*")
    ? "any host but cloud metadata"
    : `only these hosts: ${hosts.join(", ")}`;
}

function plainPlan({ pinned, rendered, options, why, notes }: Local): LocalPlan {
  const base = localBase(pinned, options);
  const caches = pinned.type === "npm"
    ? {
      npm_config_cache: `${options.stateDirectory}/npm-cache`,
      npm_config_update_notifier: "false",
      npm_config_fund: "false",
      npm_config_audit: "false",
    }
    : { UV_CACHE_DIR: `${options.stateDirectory}/uv-cache`, UV_NO_PROGRESS: "1" };
  return {
    ...base,
    sandbox: "none",
    why,
    command: PLAIN[pinned.type],
    args: pinned.type === "npm" ? npxArgs(pinned, rendered) : uvxArgs(pinned, rendered),
    env: { ...base.env, ...caches, NO_COLOR: "1", ...rendered.env },
    notes: ["it may do whatever the user that runs Wharf may do", ...notes],
  };
}

function localBase(
  pinned: PinnedPackage,
  { stateDirectory, env }: ProcessOptions,
): Pick<LocalPlan, "label" | "folder" | "cwd" | "env"> {
  const folder = `processes/${pinned.folder}`;
  const home = `${stateDirectory}/${folder}/home`;
  return { label: pinned.label, folder, cwd: home, env: { ...plumbing(env), HOME: home } };
}

function containerPlan(
  pinned: PinnedPackage,
  rendered: ServerPart,
  options: ProcessOptions & { readonly why: string },
): PackageContainerPlan {
  const { read = [], write = [] } = options.folders ?? {};
  const mount = (readOnly: boolean) => (path: string) =>
    ({ source: path, target: path, readOnly, kind: "host" }) as const;
  const { args, env } = containerArgs(pinned, rendered);
  const hosts = options.allowHosts ?? [];
  return {
    sandbox: "container",
    why: options.why,
    label: pinned.label,
    image: (options.images ?? PACKAGE_IMAGES)[pinned.type],
    args,
    env,
    volumes: [...read.map(mount(true)), ...write.map(mount(false))],
    readOnlyRoot: false,
    notes: [
      "the package is fetched each time that the container starts",
      ...(hosts.length === 0 || hosts.includes("*")
        ? []
        : [`it is meant for ${hosts.join(", ")}, but a container reaches any host`]),
    ],
  };
}
