/**
 * The permission sets of deno.json as a table, with the reason of each thing that they grant. Needs
 * no permission; a value without a reason is a fault.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import { placeSources } from "../lib/catalog/mod.ts";
import { registryHosts, WELL_KNOWN_REGISTRIES } from "../lib/doctor/hosts.ts";
import { VARIABLES } from "../lib/doctor/variables.ts";

/** What a set may hold for one kind of permission. */
type Grant =
  | boolean
  | readonly string[]
  | { readonly allow: boolean | readonly string[]; readonly deny?: readonly string[] };

/** One set. */
type PermissionSet = Readonly<Record<string, Grant>>;

/** Names of the sets, narrow to wide. */
const SETS = ["inspect", "discover", "full"] as const;

/** The wider each set is, the further down its own values stand. */
const KINDS = ["net", "read", "write", "run", "env", "sys"] as const;

type Kind = typeof KINDS[number];

/** Reasons that no part of Wharf knows as data. */
const REASONS: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  net: {
    "localhost": "registries and sources of this machine, and listening",
    "127.0.0.1": "registries and sources of this machine, and listening",
    "[::1]": "registries and sources of this machine, and listening",
    "all": "servers that are activated over HTTP, wherever they are",
  },
  read: {
    "/etc/containers": "certificates and settings of registries",
    "/etc/docker": "certificates and settings of registries",
    "/run/containers": "credential files",
    "/run/user": "credential files",
    "/home": "credential files, the config file",
    "/root": "credential files, the config file",
    "/Users": "credential files, the config file",
    "C:\\Users": "credential files, the config file",
    "./.cache": "the cache, for `--cache-dir .cache/wharf`",
    "all": "the cache, the state, local sources, what servers mount",
  },
  write: {
    "./.cache": "the cache, for `--cache-dir .cache/wharf`",
    "all": "the cache and the state, wherever they are set to be",
  },
  run: {
    "podman": "containers",
    "docker": "containers, with `--engine docker`",
    "git": "git sources; without it they are unpacked in memory",
    "deno": "npm packages in Deno's sandbox",
    "npx": "packages without a sandbox, where the policy allows that",
    "uvx": "packages without a sandbox, where the policy allows that",
    "kill": "ending what a server has started",
    "ps": "finding what servers of a Wharf that was killed have left",
  },
  env: {},
  sys: { "statfs": "room on the disk, for `wharf doctor`" },
};

/** Why a value is granted. */
function reasonOf(kind: Kind, value: string): string {
  const known = REASONS[kind][value];
  if (known !== undefined) return known;
  if (kind === "net") {
    const registries = WELL_KNOWN_REGISTRIES.filter((name) => registryHosts(name).includes(value));
    const [first, ...others] = registries;
    if (first !== undefined) {
      return others.length === 0 ? `images of ${first}` : "images of several registries";
    }
    const source = placeSources({}).find(({ place }) =>
      "url" in place && place.url.hostname === value
    );
    if (source !== undefined) return "the catalogue's sources";
  }
  if (kind === "run" && value.startsWith("docker-credential-")) return "credentials of registries";
  const use = kind === "env" ? VARIABLES.find(({ names }) => names.includes(value)) : undefined;
  if (use !== undefined) return use.why;
  throw new Error(`deno.json grants ${kind} "${value}", and nobody knows what for`);
}

/** The values of a set, `all` for a whole kind. */
function valuesOf(set: PermissionSet, kind: Kind): readonly string[] {
  const grant = set[kind] ?? false;
  const allowed = typeof grant === "object" && "allow" in grant ? grant.allow : grant;
  return typeof allowed === "boolean" ? (allowed ? ["all"] : []) : allowed;
}

/**
 * The rows of the table: flag, values, reason, and which sets grant them.
 *
 * @returns Cells in Markdown.
 */
export function permissionRows(): readonly (readonly string[])[] {
  const sets: Readonly<Record<typeof SETS[number], PermissionSet>> = deno.permissions;
  const rows = new Map<string, { kind: Kind; why: string; in: string; values: string[] }>();
  for (const kind of KINDS) {
    const all = new Set(SETS.flatMap((name) => valuesOf(sets[name], kind)));
    for (const value of all) {
      const why = reasonOf(kind, value);
      const isIn = (name: typeof SETS[number]) =>
        valuesOf(sets[name], kind).some((given) => given === value || given === "all");
      const marks = SETS.map((name) => isIn(name) ? "x" : "").join("|");
      const key = `${kind} ${why} ${marks}`;
      const row = rows.get(key) ?? { kind, why, in: marks, values: [] };
      row.values.push(value === "all" ? "all of it" : `\`${value}\``);
      rows.set(key, row);
    }
  }
  const denied = deno.permissions.full.net.deny.map((value) => `\`${value}\``).join(", ");
  return [
    ...[...rows.values()].map(({ kind, why, in: marks, values }) => [
      `\`--allow-${kind}\``,
      values.join(", "),
      ...marks.split("|"),
      why,
    ]),
    ["`--deny-net`", denied, "", "", "x", "never: addresses that hand out a machine's credentials"],
  ];
}
