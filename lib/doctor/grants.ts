/**
 * The smallest set of Deno permissions for what Wharf is asked to do, each with its reason. Needs
 * no permission: what is asked for comes as data.
 *
 * @example
 * ```ts ignore
 * flagsOf(grantsFor(plan)).join(" "); // "--no-prompt --allow-net=ghcr.io,… --allow-env=…"
 * ```
 *
 * @module
 */

import type { PlacedSource } from "../catalog/mod.ts";
import { METADATA_ADDRESSES } from "../core/address.ts";
import { AppError } from "../core/errors.ts";
import type { Toolset } from "../mcp/mod.ts";
import { registryHosts, WELL_KNOWN_REGISTRIES } from "./hosts.ts";
import { VARIABLES } from "./variables.ts";

/** The kinds of permission that Wharf can use. */
export type GrantKind = "net" | "read" | "write" | "run" | "env";

/** One thing that Deno has to allow. */
export interface Grant {
  /** The kind, as in `--allow-<kind>`. */
  readonly kind: GrantKind;
  /** The host, path, program or variable; `undefined` for the whole kind. */
  readonly value: string | undefined;
  /** What it is needed for, as a clause. */
  readonly why: string;
}

/** What Wharf is asked to do. */
export interface GrantPlan {
  /** The toolsets on offer. */
  readonly toolsets: readonly Toolset[];
  /** The registries that will be asked; empty: the well-known ones. */
  readonly registries: readonly string[];
  /** Further registries: those of credentials and settings. */
  readonly furtherRegistries: readonly string[];
  /** The sources that are on. */
  readonly sources: readonly PlacedSource[];
  /** The program that runs containers. */
  readonly engine: string;
  /** Whether the policy lets packages run without a sandbox. */
  readonly unsandboxed: boolean;
  /** Address that a server listens on; absent for stdio. */
  readonly listen?: { readonly hostname: string; readonly port: number };
  /** The operating system. */
  readonly os: string;
  /** What a server on a port asks, reads and writes beside that; absent where that is nothing. */
  readonly team?: {
    /** The issuer of access tokens. */
    readonly issuer: URL | undefined;
    /** Files of the token, the certificate and its key. */
    readonly files: readonly string[];
    /** The file that calls are written to. */
    readonly auditFile: string | undefined;
  };
  /** Paths of the config file. */
  readonly configFiles: readonly string[];
  /** Folders that are read and written. */
  readonly folders: {
    readonly cache: string | undefined;
    readonly git: string | undefined;
    readonly state: string | undefined;
  };
  /** Credential files, whether they are there or not. */
  readonly authFiles: readonly string[];
  /** Credential helpers that these files name, as programs. */
  readonly helpers: readonly string[];
  /** Folders of registries' own certificates. */
  readonly certificateFolders: readonly string[];
}

/** Programs of the gateway beside the engine: how packages run, and how what they started ends. */
const PROGRAMS = [
  ["deno", "npm packages in Deno's sandbox"],
  ["kill", "ending what a server has started"],
  ["ps", "finding what servers of a Wharf that was killed have left"],
] as const;

/** Programs that run packages without a sandbox. */
const PLAIN_PROGRAMS = [
  ["npx", "npm packages without a sandbox, which the policy allows"],
  ["uvx", "Python packages without a sandbox, which the policy allows"],
] as const;

/**
 * The permissions that a plan needs.
 *
 * @param plan What Wharf is asked to do.
 * @returns Each thing once, in the order of flags.
 * @throws {AppError} `INVALID_ARGUMENT` for what is no name of a registry.
 */
export function grantsFor(plan: GrantPlan): readonly Grant[] {
  const all = [...net(plan), ...read(plan), ...write(plan), ...run(plan), ...env(plan)];
  const seen = new Set<string>();
  return all.filter(({ kind, value }) => {
    const key = `${kind} ${value ?? ""}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** The catalogue is what the gateway activates from. */
function needsCatalogue({ toolsets }: GrantPlan): boolean {
  return toolsets.includes("catalog") || toolsets.includes("gateway");
}

function net(plan: GrantPlan): readonly Grant[] {
  const { toolsets, registries, furtherRegistries, sources, listen, team } = plan;
  if (toolsets.includes("gateway")) {
    // Servers are anywhere, and a listed host would not do for the next one.
    return [{
      kind: "net",
      value: undefined,
      why: "registries, sources, and servers that are activated over HTTP, wherever they are",
    }];
  }
  // Of Docker Hub's tools one may search other registries, but only those that are named.
  const usual = toolsets.every((toolset) => toolset === "hub")
    ? ["docker.io"]
    : WELL_KNOWN_REGISTRIES;
  const asked = [...registries.length > 0 ? registries : [...usual, ...furtherRegistries]];
  return [
    ...toolsets.length === 0
      ? []
      : asked.flatMap((registry) =>
        registryHosts(registry).map((value): Grant => ({
          kind: "net",
          value,
          why: `images of ${registry}`,
        }))
      ),
    ...needsCatalogue(plan) ? sources.flatMap(sourceNet) : [],
    ...team?.issuer === undefined
      ? []
      : [{ kind: "net", value: hostOf(team.issuer), why: "the issuer of access tokens" } as const],
    ...listen === undefined ? [] : [
      {
        kind: "net",
        value: listen.port === 0
          ? bracketed(listen.hostname)
          : `${bracketed(listen.hostname)}:${listen.port}`,
        why: "listening for clients",
      } as const,
    ],
  ];
}

function sourceNet({ source, place }: PlacedSource): readonly Grant[] {
  if (place.kind === "builtin" || place.kind === "local") return [];
  return [{ kind: "net", value: hostOf(place.url), why: `source "${source.id}"` }];
}

/** The name alone where the port is the usual one: redirects of such a host stay on it. */
function hostOf({ hostname, host, port, protocol }: URL): string {
  return port === "" && protocol === "https:" ? hostname : host;
}

function bracketed(hostname: string): string {
  return hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
}

function read(plan: GrantPlan): readonly Grant[] {
  const { configFiles, authFiles, certificateFolders, sources, team } = plan;
  const grant = (value: string, why: string): Grant => ({ kind: "read", value, why });
  return [
    ...configFiles.map((path) => grant(path, "settings")),
    ...(team?.files ?? []).map((path) => grant(path, "the server's token, certificate and key")),
    ...authFiles.map((path) => grant(path, "credentials of registries")),
    ...certificateFolders.map((path) => grant(path, "certificates of registries")),
    ...folders(plan).map(([path, why]) => grant(path, why)),
    ...needsCatalogue(plan)
      ? sources.flatMap(({ source, place }) =>
        place.kind === "local" ? [grant(place.path, `source "${source.id}"`)] : []
      )
      : [],
  ];
}

function write(plan: GrantPlan): readonly Grant[] {
  const auditFile = plan.team?.auditFile;
  const audit = auditFile === undefined ? [] : [[auditFile, "who called which tool"] as const];
  return [...folders(plan), ...audit].map(([value, why]) => ({ kind: "write", value, why }));
}

/** What is read and written, with its reason. */
function folders(plan: GrantPlan): readonly (readonly [path: string, why: string])[] {
  const { toolsets, folders: { cache, git, state } } = plan;
  const wanted: (readonly [string | undefined, string])[] = [
    // Docker Hub's own interface is not kept.
    [toolsets.every((toolset) => toolset === "hub") ? undefined : cache, "the cache"],
    [needsCatalogue(plan) ? git : undefined, "data of git sources"],
    [toolsets.includes("gateway") ? state : undefined, "what is active, and its settings"],
  ];
  return wanted.flatMap(([path, why]) => path === undefined ? [] : [[path, why] as const]);
}

function run(plan: GrantPlan): readonly Grant[] {
  const grant = (value: string, why: string): Grant => ({ kind: "run", value, why });
  const readsGit = needsCatalogue(plan) && plan.sources.some(({ place }) => place.kind === "git");
  return [
    ...plan.helpers.map((helper) => grant(helper, "credentials of registries")),
    ...readsGit ? [grant("git", "git sources; without it they are unpacked in memory")] : [],
    ...plan.toolsets.includes("gateway")
      ? [
        grant(plan.engine, "containers"),
        ...[...PROGRAMS, ...plan.unsandboxed ? PLAIN_PROGRAMS : []]
          .map(([program, why]) => grant(program, why)),
      ]
      : [],
  ];
}

function env({ toolsets, listen, os }: GrantPlan): readonly Grant[] {
  return VARIABLES.filter((use) =>
    (use.toolsets?.some((toolset) => toolsets.includes(toolset)) ?? true) &&
    (use.transport === undefined || listen !== undefined) &&
    (use.os === undefined || (use.os === "windows") === (os === "windows"))
  ).flatMap(({ names, why }) => names.map((value): Grant => ({ kind: "env", value, why })));
}

/**
 * The flags of `deno run` that grant these permissions, and nothing that asks.
 *
 * @param grants What has to be allowed.
 * @returns One word each, without quotes.
 * @throws {AppError} `INVALID_ARGUMENT` for a path that holds a comma: Deno would split it.
 */
export function flagsOf(grants: readonly Grant[]): readonly string[] {
  const kinds: readonly GrantKind[] = ["net", "read", "write", "run", "env"];
  const flags = kinds.flatMap((kind) => {
    const values = grants.filter((grant) => grant.kind === kind).map(({ value }) => value);
    if (values.length === 0) return [];
    if (values.includes(undefined)) {
      return kind === "net"
        ? ["--allow-net", `--deny-net=${METADATA_ADDRESSES.join(",")}`]
        : [`--allow-${kind}`];
    }
    return [`--allow-${kind}=${values.map(withoutComma).join(",")}`];
  });
  // Libraries look for variables that they can do without, and would stop at a refusal.
  return ["--no-prompt", ...flags, "--ignore-env"];
}

function withoutComma(value: string | undefined): string {
  if (value !== undefined && !value.includes(",")) return value;
  throw new AppError("INVALID_ARGUMENT", `Cannot grant "${value}" by a flag: it holds a comma`, {
    hint: "Choose a path without commas, for example with --cache-dir or --state-dir",
  });
}

/**
 * The flags as one line for a shell.
 *
 * @param flags Words.
 * @returns The words, in quotes where a shell would take them apart.
 */
export function shellLine(flags: readonly string[]): string {
  return flags.map((flag) =>
    /^[A-Za-z0-9@%+=:,./_*[\]\\-]+$/.test(flag) ? flag : `'${flag.replaceAll("'", `'\\''`)}'`
  ).join(" ");
}
