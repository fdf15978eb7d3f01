/**
 * The command lines of a container engine: what limits a container, and how nothing that a
 * catalogue says becomes an option. Needs no permission.
 *
 * Every value is one element of argv. Values of the environment stand in none: podman takes them
 * from the environment of its own process by `--env NAME`, or from its secrets.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Env } from "../core/host.ts";

/** The programs that start containers. */
export type EngineName = "podman" | "docker";

/** Something of the machine that a container sees. */
export interface ContainerVolume {
  /** Absolute path of the machine, or the name of a volume. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  /** Whether the container may only read it. */
  readonly readOnly: boolean;
  /** What `source` is. */
  readonly kind: "host" | "named";
}

/** A container to be run. */
export interface ContainerSpec {
  /** Its name; unique on this machine. */
  readonly name: string;
  /** Image reference with registry, best with a digest. */
  readonly image: string;
  /** Arguments for the image's entrypoint. */
  readonly args: readonly string[];
  /** Environment by name. */
  readonly env: Env;
  /** Secrets of the engine's own store by the variable that they become. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** User inside of the container. @default the image's own */
  readonly user?: string;
  /** What is mounted. */
  readonly volumes: readonly ContainerVolume[];
  /** Whether it reaches a network. */
  readonly network: "none" | "default";
  /** Most memory, in bytes; swap included. */
  readonly memoryBytes: number;
  /** Most CPUs; may be a part of one. */
  readonly cpus: number;
  /** Most processes and threads. */
  readonly pids: number;
  /** Whether its root cannot be written; `/tmp` then is in memory. */
  readonly readOnlyRoot: boolean;
  /** Labels that tell Wharf's containers from others. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Size of `/tmp` in memory. */
const TMP_OPTIONS = "rw,nosuid,nodev,size=64m,mode=1777";

/** Names of containers, volumes and secrets (podman's and Docker's own rule). */
const OBJECT_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/;

/** A reference never begins with a dash and holds no blank; the engine checks the rest. */
const IMAGE = /^[A-Za-z0-9[][A-Za-z0-9._:/@[\]-]{0,511}$/;

/** A file in the files of a build. */
const RECIPE = /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*\/){0,10}(?:Dockerfile|Containerfile)$/;

/**
 * The arguments of `run`.
 *
 * @param spec The container.
 * @param engine Whose options.
 * @throws {AppError} `INVALID_ARGUMENT` for a value that could be taken for an option, or that the
 * engine's own syntax would split.
 */
export function runArgs(spec: ContainerSpec, engine: EngineName): readonly string[] {
  const { name, image, volumes, network, memoryBytes, cpus, pids, user, labels } = spec;
  return [
    "run",
    "--interactive",
    "--rm",
    "--init",
    "--pull=never",
    `--name=${checked(name, { pattern: OBJECT_NAME, what: "container name" })}`,
    "--security-opt=no-new-privileges",
    "--cap-drop=all",
    `--memory=${Math.floor(memoryBytes)}`,
    `--memory-swap=${Math.floor(memoryBytes)}`,
    `--cpus=${cpus}`,
    `--pids-limit=${Math.floor(pids)}`,
    ...(spec.readOnlyRoot ? ["--read-only", `--tmpfs=/tmp:${TMP_OPTIONS}`] : []),
    // podman would mount further temporary folders that can be written.
    ...(spec.readOnlyRoot && engine === "podman" ? ["--read-only-tmpfs=false"] : []),
    ...(network === "none" ? ["--network=none"] : []),
    // Logs of an engine grow on the disk; the pipe is all that is wanted.
    "--log-driver=none",
    ...(user === undefined ? [] : [`--user=${checked(user, { pattern: USER, what: "user" })}`]),
    ...Object.entries(labels).map(([key, value]) => `--label=${key}=${value}`),
    ...Object.keys(spec.env).map((key) =>
      `--env=${checked(key, { pattern: VARIABLE, what: "variable" })}`
    ),
    ...Object.entries(spec.secrets ?? {}).map(([target, secret]) => secretArg(target, secret)),
    ...volumes.map(mountArg),
    checked(image, { pattern: IMAGE, what: "image" }),
    ...spec.args,
  ];
}

/**
 * The arguments of `pull`.
 *
 * @param image Image reference.
 * @param options `isPlain` speaks http to its registry; podman only, Docker has it in its daemon's settings.
 */
export function pullArgs(
  image: string,
  options: { readonly engine: EngineName; readonly isPlain: boolean },
): readonly string[] {
  const plain = options.isPlain && options.engine === "podman" ? ["--tls-verify=false"] : [];
  return ["pull", ...plain, "--", checked(image, { pattern: IMAGE, what: "image" })];
}

/** An image to be built. */
export interface BuildSpec {
  /** Absolute path of the files. */
  readonly context: string;
  /** The recipe, relative to the files. */
  readonly file: string;
  /** Name of the image. */
  readonly tag: string;
  /** Whether its steps reach a network. */
  readonly network: "none" | "default";
  /** Most memory of a step, in bytes. */
  readonly memoryBytes: number;
}

/**
 * The arguments of `build`.
 *
 * @param spec What is built.
 * @throws {AppError} `INVALID_ARGUMENT` for a value that could be taken for an option.
 */
export function buildArgs(
  { context, file, tag, network, memoryBytes }: BuildSpec,
): readonly string[] {
  return [
    "build",
    "--pull=missing",
    "--force-rm",
    `--memory=${Math.floor(memoryBytes)}`,
    ...(network === "none" ? ["--network=none"] : []),
    `--tag=${checked(tag, { pattern: IMAGE, what: "image" })}`,
    `--file=${context}/${checked(file, { pattern: RECIPE, what: "build file" })}`,
    "--",
    context,
  ];
}

function mountArg({ kind, source, target, readOnly }: ContainerVolume): string {
  for (const path of kind === "host" ? [source, target] : [target]) {
    // A comma would begin the next option of --mount.
    // deno-lint-ignore no-control-regex -- control characters are what is refused
    if (!path.startsWith("/") || /[,"\x00-\x1f]/.test(path) || path.split("/").includes("..")) {
      throw new AppError("INVALID_ARGUMENT", `Cannot mount "${path}": it is no plain path`, {
        hint: "Use an absolute path without commas, quotes and ..",
      });
    }
  }
  const from = kind === "host" ? source : checked(source, { pattern: OBJECT_NAME, what: "volume" });
  return [
    `--mount=type=${kind === "host" ? "bind" : "volume"}`,
    `source=${from}`,
    `target=${target}`,
    ...(readOnly ? ["readonly=true"] : []),
  ].join(",");
}

function secretArg(target: string, secret: string): string {
  const variable = checked(target, { pattern: VARIABLE, what: "variable" });
  const name = checked(secret, { pattern: OBJECT_NAME, what: "secret" });
  return `--secret=${name},type=env,target=${variable}`;
}

function checked(
  value: string,
  { pattern, what }: { readonly pattern: RegExp; readonly what: string },
): string {
  if (pattern.test(value)) return value;
  throw new AppError("INVALID_ARGUMENT", `Cannot use ${what} "${value}": it is malformed`, {
    hint: `Look at the entry with registry-get; a ${what} is written in plain letters and digits`,
  });
}
