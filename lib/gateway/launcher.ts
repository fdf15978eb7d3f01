/**
 * Starts what a plan says, whichever way: a container, a package, a given command, or a remote. Needs
 * what each way needs, through what it is given.
 *
 * @module
 */

import type { GitClient } from "../catalog/mod.ts";
import { throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, Disk, Env, Files, Log, Processes } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import { formatReference, parseReference } from "../oci/mod.ts";
import { planCommand } from "./ad_hoc.ts";
import { buildSource } from "./build.ts";
import type { ContainerEngine } from "./engine.ts";
import type { ContainerVolume } from "./engine_args.ts";
import type { Launched } from "./launched.ts";
import type { Authorize, OAuth } from "./oauth.ts";
import { type LaunchParts, renderLaunch } from "./plan_render.ts";
import type { ActivationPlan, Obstacle, PlanTarget, RuntimeKind } from "./plan_types.ts";
import { newestVersion } from "./package_version.ts";
import type { Policy } from "./policy.ts";
import { type LaunchPlan, launchProcess } from "./process_launch.ts";
import { planProcess } from "./process_plan.ts";
import { launchRemote } from "./remote.ts";
import type { RuntimeFinder } from "./runtimes.ts";
import { resolveValues, type StoredValue } from "./stored_value.ts";

/** What a {@linkcode Launcher} works with. */
export interface LauncherDeps {
  /** The network. */
  readonly net: Net;
  /** Starts programs. */
  readonly processes: Processes;
  /** Time. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
  /** The declared environment. */
  readonly env: Env;
  /** Reads a variable that a setting refers to, see `ValueDeps`. */
  readonly variable: (name: string) => string | undefined;
  /** Files that settings refer to. */
  readonly files: Files;
  /** The state directory. */
  readonly disk: Disk;
  /** Its absolute path; absent: nothing that needs files of its own can be started. */
  readonly directory?: string;
  /** Containers. */
  readonly engine: ContainerEngine;
  /** Fetches repositories. */
  readonly git: () => Promise<GitClient>;
  /** Finds what runs packages. */
  readonly runtimes: RuntimeFinder;
  /** Signs in to remotes. */
  readonly oauth?: OAuth;
  /** The operator's policy. */
  readonly policy: Policy;
  /** Process id of Wharf. */
  readonly pid: number;
  /** Variables that mark local processes as this run's. */
  readonly mark: Env;
  /** Id of the one session that this is for, with volumes of its own; absent: for all. */
  readonly session?: string;
}

/** What {@linkcode Launcher.launch} takes beside the plan. */
export interface LaunchWishes {
  /** Values by the names of settings, not looked up. */
  readonly values: ReadonlyMap<string, StoredValue>;
  /** What ran before: an image with its digest, or a version of a package. */
  readonly pinned?: string;
  /** Whether a container may write to its own root, which is lost with it. @default {false} */
  readonly writableRoot?: boolean;
  /** Takes what the tag or the registry says now, in place of what is pinned. */
  readonly acceptsNew: boolean;
  /** Hands a page to a person who is to sign in. */
  readonly authorize?: Authorize;
  /** Ends the start. */
  readonly signal?: AbortSignal;
  /** Told what takes time. */
  readonly progress?: (message: string) => void;
}

/** A started server, and what is to be remembered of it. */
export interface Started {
  /** The server. */
  readonly launched: Launched;
  /** What runs exactly: an image with its digest, a package with its version, an address. */
  readonly pinned: string;
  /** How it was started: `podman`, `stdio-proxy (deno)`, `remote-http`. */
  readonly how: string;
  /** What a person should know, one clause each. */
  readonly notes: readonly string[];
  /** Values that must not be shown. */
  readonly secrets: readonly string[];
}

/** Starts servers. */
export class Launcher {
  readonly #deps: LauncherDeps;
  #serial = 0;

  /** @param deps Effects, policy and engines. */
  constructor(deps: LauncherDeps) {
    this.#deps = deps;
  }

  /**
   * What this machine cannot start, each with the reason and the next step.
   *
   * @param signal Gives up.
   */
  async unavailable(
    signal?: AbortSignal,
  ): Promise<Readonly<Partial<Record<RuntimeKind, Obstacle>>>> {
    const { engine, runtimes, policy } = this.#deps;
    const [found, engineFault] = await Promise.all([
      runtimes.find(signal),
      engine.probe(signal).then(() => undefined, engineObstacle),
    ]);
    const isReady = (name: "deno" | "npx" | "uvx") => found[name].state === "ready";
    const hasPlain = (name: "npx" | "uvx") => policy.unsandboxed && isReady(name);
    if (engineFault === undefined) return {};
    const none = {
      ...engineFault,
      reason: "neither a sandbox nor a container engine is there for it",
    };
    const { deno } = found;
    return {
      engine: engineFault,
      ...(isReady("deno") || hasPlain("npx") ? {} : {
        npm: deno.state === "not_permitted"
          ? { ...none, hint: deno.hint, isPermission: true }
          : none,
      }),
      ...(hasPlain("uvx") ? {} : { pypi: none }),
    };
  }

  /**
   * Starts a server.
   *
   * @param plan What was agreed to.
   * @param wishes Values, pin and progress.
   * @returns The server; its transport is not yet started.
   * @throws {AppError} What keeps it from starting; `FORBIDDEN` when something else would run than
   * is pinned.
   */
  async launch(plan: ActivationPlan, wishes: LaunchWishes): Promise<Started> {
    const { files, variable, policy } = this.#deps;
    throwIfAborted(wishes.signal);
    const { given, secrets } = await resolveValues(wishes.values, plan.parts.settings, {
      variable,
      files,
    });
    const parts = renderLaunch(plan, given, policy);
    const started = await this.#start(plan, parts, wishes);
    return { ...started, secrets };
  }

  #start(
    plan: ActivationPlan,
    parts: LaunchParts,
    wishes: LaunchWishes,
  ): Promise<Omit<Started, "secrets">> {
    const { target } = plan;
    switch (target.kind) {
      case "image":
        return this.#image(plan, parts, { ...wishes, target });
      case "package":
        return this.#package(plan, parts, { ...wishes, target });
      case "command":
        return this.#command(parts, { ...wishes, target });
      case "remote":
        return this.#remote(parts, { ...wishes, target });
      case "source":
        return this.#source(plan, parts, { ...wishes, target });
    }
  }

  async #image(
    plan: ActivationPlan,
    parts: LaunchParts,
    { target, pinned, acceptsNew, signal, progress, writableRoot }: LaunchWishes & {
      readonly target: PlanTarget & { readonly kind: "image" };
    },
  ): Promise<Omit<Started, "secrets">> {
    const { engine } = this.#deps;
    const image = await this.#pin(formatReference(target.image), {
      id: plan.id,
      acceptsNew,
      ...(pinned === undefined ? {} : { pinned }),
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { progress }),
    });
    const launched = engine.launch({
      ...this.#containerSpec(plan),
      image,
      args: parts.args,
      env: parts.env,
      secrets: Object.fromEntries(parts.engineSecrets.map((item) => [item.target, item.name])),
      volumes: parts.mounts.map((mount) => this.#volumeOf(mount)),
      readOnlyRoot: writableRoot !== true,
      ...(parts.user === undefined ? {} : { user: parts.user }),
    });
    return { launched, pinned: image, how: "podman", notes: [] };
  }

  /** The image that runs: the pinned one, unless a newer one is accepted. */
  async #pin(reference: string, options: {
    readonly id: string;
    readonly pinned?: string;
    readonly acceptsNew: boolean;
    readonly signal?: AbortSignal;
    readonly progress?: (message: string) => void;
  }): Promise<string> {
    const { engine, policy } = this.#deps;
    const { pinned, acceptsNew, signal } = options;
    if (policy.requireDigest && parseReference(reference).digest === undefined) {
      throw new AppError("FORBIDDEN", `Cannot run "${reference}": the operator wants a digest`, {
        hint: "Pass version=sha256:…, see get_image_info",
      });
    }
    const pulling = {
      ...(signal === undefined ? {} : { signal }),
      ...(options.progress === undefined ? {} : { progress: options.progress }),
    };
    if (pinned !== undefined && !acceptsNew) {
      if (!await engine.has(pinned, signal)) await engine.pull(pinned, pulling);
      return pinned;
    }
    return (await engine.pull(reference, pulling)).pinned;
  }

  #containerSpec(plan: ActivationPlan) {
    const { policy } = this.#deps;
    const limits = plan.limits ?? {
      memoryBytes: policy.maxMemoryMb * 1024 * 1024,
      cpus: policy.maxCpus,
      pids: policy.maxPids,
    };
    const slug = plan.id.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 40);
    const serial = `${this.#deps.pid}-${this.#deps.clock.now().toString(36)}-${++this.#serial}`;
    return { name: `wharf-${slug}-${serial}`, network: plan.network, ...limits } as const;
  }

  /** What a server keeps in a session of its own is that session's. */
  #volumeOf(
    { source, target, kind, readOnly }: LaunchParts["mounts"][number],
  ): ContainerVolume {
    const { session, engine } = this.#deps;
    const isOwn = kind === "named" && session !== undefined;
    return {
      source: isOwn ? engine.sessionVolume(session, source) : source,
      target,
      kind,
      readOnly,
    };
  }

  async #package(
    plan: ActivationPlan,
    parts: LaunchParts,
    { target, pinned, acceptsNew, signal, progress }: LaunchWishes & {
      readonly target: PlanTarget & { readonly kind: "package" };
    },
  ): Promise<Omit<Started, "secrets">> {
    const { runtimes, policy, env, pid, net, engine } = this.#deps;
    const name = `${target.type}:${target.name}`;
    const known = pinned?.startsWith(`${name}@`) === true
      ? pinned.slice(name.length + 1)
      : undefined;
    const asked = signal === undefined ? {} : { signal };
    const version = target.version ?? (acceptsNew ? undefined : known) ??
      (await newestVersion({ type: target.type, identifier: target.name }, { net }, asked)).version;
    const [found, hasEngine] = await Promise.all([
      runtimes.find(signal),
      engine.probe(signal).then(() => true, () => false),
    ]);
    const way = planProcess(
      {
        type: target.type,
        identifier: target.name,
        version,
        ...(target.program === undefined ? {} : { program: target.program }),
      },
      { args: parts.args, env: parts.env },
      {
        runtimes: found,
        policy: { unsandboxed: policy.unsandboxed },
        engineAvailable: hasEngine,
        network: plan.network,
        allowHosts: plan.allowHosts,
        folders: { read: parts.folders, write: parts.folders },
        stateDirectory: this.#directory(plan.id),
        env,
        pid,
      },
    );
    const facts = {
      pinned: `${name}@${version}`,
      how: `stdio-proxy (${way.sandbox})`,
      notes: [way.why, ...way.notes],
    };
    if (way.sandbox !== "container") {
      const launched = await launchProcess(this.#marked(way), this.#deps, {
        ...asked,
        ...(progress === undefined ? {} : { progress }),
      });
      return { launched, ...facts };
    }
    const image = (await engine.pull(way.image, {
      ...asked,
      ...(progress === undefined ? {} : { progress }),
    })).pinned;
    const launched = engine.launch({
      ...this.#containerSpec(plan),
      image,
      args: way.args,
      env: way.env,
      volumes: way.volumes,
      readOnlyRoot: way.readOnlyRoot,
    });
    return { launched, ...facts };
  }

  /** An image that is built of a commit, once for each. */
  async #source(
    plan: ActivationPlan,
    parts: LaunchParts,
    { target, pinned, acceptsNew, signal, progress, writableRoot }: LaunchWishes & {
      readonly target: PlanTarget & { readonly kind: "source" };
    },
  ): Promise<Omit<Started, "secrets">> {
    const { engine, disk, policy, git } = this.#deps;
    const directory = this.#directory(plan.id);
    const told = {
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { progress }),
    };
    const isBuilt = pinned !== undefined && !acceptsNew && await engine.has(pinned, signal);
    const image = isBuilt
      ? pinned
      : await buildSource(target, { git: await git(), disk, directory, engine, policy, ...told });
    const launched = engine.launch({
      ...this.#containerSpec(plan),
      image,
      args: parts.args,
      env: parts.env,
      volumes: parts.mounts.map((mount) => this.#volumeOf(mount)),
      readOnlyRoot: writableRoot !== true,
    });
    return { launched, pinned: image, how: "podman (built)", notes: ["built of its repository"] };
  }

  async #command(
    parts: LaunchParts,
    { target, signal, progress }: LaunchWishes & {
      readonly target: PlanTarget & { readonly kind: "command" };
    },
  ): Promise<Omit<Started, "secrets">> {
    const { policy, env } = this.#deps;
    const plan = planCommand(
      { command: target.command, args: parts.args, env: parts.env },
      { policy, stateDirectory: this.#directory(target.command), env },
    );
    const launched = await launchProcess(this.#marked(plan), this.#deps, {
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { progress }),
    });
    return { launched, pinned: target.command, how: "stdio-proxy (none)", notes: plan.notes };
  }

  async #remote(
    parts: LaunchParts,
    { target, authorize, signal }: LaunchWishes & {
      readonly target: PlanTarget & { readonly kind: "remote" };
    },
  ): Promise<Omit<Started, "secrets">> {
    const { net, clock, log, oauth } = this.#deps;
    const url = new URL(parts.url ?? target.url);
    const launched = await launchRemote(
      { url, type: target.transport, headers: parts.headers },
      {
        net,
        clock,
        log,
        ...(oauth === undefined ? {} : { oauth }),
        ...(authorize === undefined ? {} : { authorize }),
      },
      signal === undefined ? {} : { signal },
    );
    return { launched, pinned: target.url, how: "remote-http", notes: [] };
  }

  /** So that what a killed Wharf leaves is found. */
  #marked(plan: LaunchPlan): LaunchPlan {
    return { ...plan, env: { ...plan.env, ...this.#deps.mark } };
  }

  #directory(what: string): string {
    const { directory } = this.#deps;
    if (directory !== undefined) return directory;
    throw new AppError(
      "UNSUPPORTED",
      `Cannot start "${what}": there is no directory for its files`,
      {
        hint: "Grant read and write of the state directory, or set XDG_STATE_HOME",
      },
    );
  }
}

function engineObstacle(thrown: unknown): Obstacle {
  const { code, message, hint } = toAppError(thrown);
  const isPermission = code === "PERMISSION_MISSING";
  return { reason: message, hint: hint ?? "Install podman or Deno", isPermission };
}
