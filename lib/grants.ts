/**
 * What of its permissions Wharf can do without, by what it was asked to do: a binary carries the
 * widest set, and gives back at its start what the offered tools have no use for. Data and one
 * rule, needs no permission; `lib/host/permissions.ts` gives back what is named here.
 *
 * @example
 * ```ts
 * import { unneededGrants } from "./grants.ts";
 *
 * unneededGrants([]).map(({ name }) => name); // ["ffi", "sys", "env", "net", "read", "write", "run"]
 * ```
 *
 * @module
 */

import { type Toolset, TOOLSETS } from "./mcp/mod.ts";

/** A permission as Deno knows it: a whole kind, or the right to start one program. */
export type Grant =
  | { readonly name: "env" | "ffi" | "net" | "read" | "sys" | "write" | "run" }
  | { readonly name: "run"; readonly command: string };

/** What is kept beside what tools need. */
export interface KeepOptions {
  /** Kinds that a command uses without a tool of Wharf's. @default {[]} */
  readonly keeps?: readonly Kind[];
  /** What runs containers; Docker is given back where it is not asked for. @default {"podman"} */
  readonly engine?: "podman" | "docker";
}

/** Kinds that Wharf needs whole. */
export type Kind = "env" | "net" | "read" | "write";

/** Programs that Wharf starts by a name of its own; credential helpers are named by people. */
const PROGRAMS = ["podman", "docker", "git", "deno", "npx", "uvx", "kill", "ps"] as const;

/** Helpers of credentials: any program whose name begins with `docker-credential-`. */
const HELPERS = "docker-credential-*";

interface Needs {
  readonly kinds: readonly Kind[];
  readonly programs: readonly (typeof PROGRAMS[number] | typeof HELPERS)[];
}

/** Credential files and certificates are read, what registries answered is kept. */
const IMAGES: Needs = { kinds: ["net", "read", "write"], programs: [HELPERS] };

/**
 * What each toolset needs. Wharf's own variables are read once, before anything is given back;
 * only libraries of the catalogue and the gateway read some when they are loaded.
 */
const NEEDS: Readonly<Record<Toolset, Needs>> = {
  oci: IMAGES,
  // Its search looks into any registry's catalog; of Docker Hub's own interface nothing is kept.
  hub: { ...IMAGES, kinds: ["net", "read"] },
  catalog: { kinds: ["net", "read", "write", "env"], programs: ["git", HELPERS] },
  gateway: { kinds: ["net", "read", "write", "env"], programs: [...PROGRAMS, HELPERS] },
  compat: IMAGES,
};

/**
 * Says what can be given back.
 *
 * @param toolsets What is offered, or what the one tool that is called belongs to; none where
 * no tool is called.
 * @param options What is kept all the same.
 * @returns Whole kinds first; programs one by one where some other program is still needed.
 */
export function unneededGrants(
  toolsets: readonly Toolset[],
  { keeps = [], engine = "podman" }: KeepOptions = {},
): readonly Grant[] {
  const kinds = new Set([...keeps, ...toolsets.flatMap((toolset) => NEEDS[toolset].kinds)]);
  const programs = new Set(
    toolsets.flatMap((toolset) => NEEDS[toolset].programs)
      // The status tells of podman all the same.
      .filter((program) => program !== "docker" || engine === "docker"),
  );
  const whole: Grant[] = (["env", "net", "read", "write"] as const)
    .filter((name) => !kinds.has(name))
    .map((name) => ({ name }));
  const run: Grant[] = programs.size === 0
    ? [{ name: "run" }]
    : PROGRAMS.filter((program) => !programs.has(program))
      .map((command) => ({ name: "run", command }));
  // Wharf has no use for these, whoever granted them.
  return [{ name: "ffi" }, { name: "sys" }, ...whole, ...run];
}

/**
 * The toolsets that one tool draws on.
 *
 * @param tool Its name and its own toolset, which is no toolset of Wharf's for a tool of an
 * activated server.
 */
export function toolsetsOf(
  tool: { readonly name: string; readonly toolset: string },
): readonly Toolset[] {
  const own = TOOLSETS.find((toolset) => toolset === tool.toolset) ?? "gateway";
  // It tells of podman, which only the gateway starts.
  return tool.name === "registry-status" ? [own, "gateway"] : [own];
}
