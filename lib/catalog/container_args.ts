/**
 * Arguments for `docker run` as catalogues hold them, read as environment,
 * volumes and user. What would widen the container's rights (published ports,
 * host network, privileges, an engine's socket) is only reported. Needs no permission.
 *
 * @example
 * ```ts
 * import { readRuntimeArguments } from "./container_args.ts";
 *
 * const { env, refused } = readRuntimeArguments(["-i", "--rm", "-e", "TOKEN", "-p", "80:80"]);
 * env[0]?.name; // "TOKEN"
 * refused; // ["-p 80:80"]
 * ```
 *
 * @module
 */

import type { RunFacts, Volume } from "./entry.ts";

/** What a list of runtime arguments comes to. */
export interface RuntimeFacts {
  /** Variables; without a value the user's own is meant. */
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  /** Mounts. */
  readonly volumes: readonly Volume[];
  /** User inside the container. */
  readonly user?: string;
  /** Whether it asks for no network. */
  readonly disableNetwork: boolean;
  /** What is shown and never passed on. */
  readonly refused: readonly string[];
  /** What follows the options: the image and its arguments. */
  readonly rest: readonly string[];
}

/** Options that Wharf sets itself or that mean nothing to it; the `true` ones take a value. */
const IGNORED = new Map<string, boolean>([
  ["-i", false],
  ["-t", false],
  ["-it", false],
  ["-ti", false],
  ["-d", false],
  ["--rm", false],
  ["--init", false],
  ["--interactive", false],
  ["--tty", false],
  ["--detach", false],
  ["--sig-proxy", true],
  ["--name", true],
  ["--pull", true],
  ["--platform", true],
  ["--label", true],
  ["-l", true],
  ["--memory", true],
  ["-m", true],
  ["--cpus", true],
]);

/** Options that are reported; the `true` ones take a value. */
const REFUSED = new Map<string, boolean>([
  ["-p", true],
  ["--publish", true],
  ["-P", false],
  ["--publish-all", false],
  ["--network", true],
  ["--net", true],
  ["--privileged", false],
  ["--cap-add", true],
  ["--device", true],
  ["--security-opt", true],
  ["--pid", true],
  ["--ipc", true],
  ["--add-host", true],
  ["--env-file", true],
  ["--entrypoint", true],
  ["--group-add", true],
  ["--gpus", true],
  ["-w", true],
  ["--workdir", true],
  ["-h", true],
  ["--hostname", true],
  ["--restart", true],
  ["--shm-size", true],
]);

/**
 * Whether a host path opens a container engine, and with it the machine, to the server.
 *
 * @param path Host side of a volume.
 */
export function isEngineSocket(path: string): boolean {
  return /(?:docker|podman|containerd|crio)\.sock/i.test(path);
}

/**
 * Reads the options before the image of `docker run`, and what follows them.
 *
 * @param words One element per argument; a leading `run` is skipped.
 * @param options `mixed` reads options after other words too: the official registry lists them in
 *   any order, with or without the image.
 * @returns What they ask for.
 */
export function readRuntimeArguments(
  words: readonly string[],
  options: { readonly mixed?: boolean } = {},
): RuntimeFacts {
  const env: { name: string; value?: string }[] = [];
  const volumes: Volume[] = [];
  const refused: string[] = [];
  const others: string[] = [];
  let user: string | undefined;
  let disableNetwork = false;
  let index = words[0] === "run" ? 1 : 0;
  for (; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (!word.startsWith("-")) {
      if (options.mixed !== true) break;
      others.push(word);
      continue;
    }
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const option = equals === -1 ? word : word.slice(0, equals);
    const next = (): string => equals === -1 ? words[++index] ?? "" : word.slice(equals + 1);
    if (option === "-e" || option === "--env") readAssignment(next(), env);
    else if (option === "-v" || option === "--volume") {
      keepVolume(parseVolume(next()), `${option} `, { volumes, refused });
    } else if (option === "--mount") {
      keepVolume(parseMount(next()), "--mount ", { volumes, refused });
    } else if (option === "-u" || option === "--user") user = next();
    else if (IGNORED.has(option)) {
      if (IGNORED.get(option) === true) next();
    } else if (REFUSED.get(option) === true) {
      const value = next();
      if ((option === "--network" || option === "--net") && value === "none") disableNetwork = true;
      else refused.push(`${option} ${value}`);
    } else refused.push(word);
  }
  return {
    env,
    volumes,
    disableNetwork,
    refused,
    rest: [...others, ...words.slice(index)],
    ...(user === undefined || user === "" ? {} : { user }),
  };
}

/** The part of the facts that an entry keeps with a package. */
export function toRunFacts(facts: RuntimeFacts): Partial<RunFacts> {
  const { volumes, disableNetwork, user } = facts;
  return { volumes, disableNetwork, ...(user === undefined ? {} : { user }) };
}

function readAssignment(text: string, env: { name: string; value?: string }[]): void {
  const equals = text.indexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  if (!/^[A-Za-z_][\w.-]*$/.test(name)) return;
  env.push(equals === -1 ? { name } : { name, value: text.slice(equals + 1) });
}

/** A volume, or the text of one that is refused. */
type ReadVolume = Volume | string;

function keepVolume(
  read: ReadVolume,
  option: string,
  into: { readonly volumes: Volume[]; readonly refused: string[] },
): void {
  if (typeof read === "string") into.refused.push(`${option}${read}`);
  else into.volumes.push(read);
}

function parseVolume(text: string): ReadVolume {
  const parts = text.split(":");
  const mode = /^(?:ro|rw|[zZ]|ro,[zZ])$/.test(parts.at(-1) ?? "") ? parts.pop() : undefined;
  // A drive letter is part of the path.
  const windows = /^[A-Za-z]$/.test(parts[0] ?? "") && /^[\\/]/.test(parts[1] ?? "");
  const source = windows ? parts.splice(0, 2).join(":") : parts.shift();
  const [target, rest] = parts;
  if (source === undefined || target === undefined || rest !== undefined) return text;
  return mount(source, target, mode?.startsWith("ro") ?? false) ?? text;
}

function parseMount(text: string): ReadVolume {
  const fields = new Map(
    text.split(",").map((part) => {
      const equals = part.indexOf("=");
      return equals === -1
        ? [part, "true"] as const
        : [part.slice(0, equals), part.slice(equals + 1)] as const;
    }),
  );
  const source = fields.get("src") ?? fields.get("source");
  const target = fields.get("dst") ?? fields.get("destination") ?? fields.get("target");
  if (source === undefined || target === undefined) return text;
  const readOnly = ["ro", "readonly"].some((name) => fields.get(name) === "true");
  return mount(source, target, readOnly) ?? text;
}

function mount(source: string, target: string, readOnly: boolean): Volume | undefined {
  if (source === "" || target === "" || isEngineSocket(source)) return undefined;
  const kind = /^[A-Za-z0-9][\w.-]*$/.test(source) ? "named" : "host";
  return { source, target, kind, readOnly };
}
