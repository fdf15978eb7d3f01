/**
 * What Deno was allowed to do, for people to read, and giving some of it back. Needs no
 * permission: neither ever prompts.
 *
 * @module
 */

/** Hosts that the image tools ask; an allow-list has to name them. */
const HOSTS = [
  "registry-1.docker.io",
  "auth.docker.io",
  "hub.docker.com",
  "ghcr.io",
  "quay.io",
  "registry.k8s.io",
  "mcr.microsoft.com",
  "gcr.io",
  "public.ecr.aws",
];

const PROGRAMS = [
  "podman",
  "docker",
  "docker-credential-desktop",
  "docker-credential-pass",
  "git",
];

/** What {@linkcode grantedPermissions} asks about beside what Wharf knows itself. */
export interface PermissionOptions {
  /** Absolute paths that Wharf would like to use. @default [] */
  readonly paths?: readonly string[];
}

/**
 * Lists the permissions that Wharf uses and has. Deno tells whether it granted a thing that is
 * named, but not what else it granted, so a narrow grant is shown by what it covers of the hosts,
 * programs and paths that Wharf is likely to need.
 *
 * @param options Paths to ask about.
 * @returns Such as `net` for all of it, `net (part)` for all but what was denied,
 * `net=quay.io,ghcr.io` for a narrow grant, and nothing for a kind of which none of that is granted.
 */
export async function grantedPermissions(
  options: PermissionOptions = {},
): Promise<readonly string[]> {
  const paths = options.paths ?? [];
  const kinds = await Promise.all([
    granted({ name: "net" }, HOSTS.map((host) => [host, { name: "net", host }])),
    granted({ name: "read" }, paths.map((path) => [path, { name: "read", path }])),
    granted({ name: "write" }, paths.map((path) => [path, { name: "write", path }])),
    granted({ name: "run" }, PROGRAMS.map((command) => [command, { name: "run", command }])),
    granted({ name: "env" }, [["HOME", { name: "env", variable: "HOME" }]]),
  ]);
  return kinds.filter((kind) => kind !== undefined);
}

/**
 * Gives permissions back for the rest of the process. A program can be given back where programs
 * were granted by name; where all were, the others stay with it.
 *
 * @param grants Kinds and programs; what was never granted is passed over.
 */
export async function revokeGrants(grants: readonly Deno.PermissionDescriptor[]): Promise<void> {
  await Promise.all(grants.map((grant) => Deno.permissions.revoke(grant)));
}

async function granted(
  whole: Deno.PermissionDescriptor,
  parts: readonly (readonly [shown: string, descriptor: Deno.PermissionDescriptor])[],
): Promise<string | undefined> {
  const { state, partial } = await Deno.permissions.query(whole);
  if (state === "granted") return partial ? `${whole.name} (part)` : whole.name;
  const states = await Promise.all(
    parts.map(async ([shown, descriptor]) => ({
      shown,
      state: (await Deno.permissions.query(descriptor)).state,
    })),
  );
  const found = states.filter((part) => part.state === "granted").map(({ shown }) => shown);
  return found.length === 0 ? undefined : `${whole.name}=${found.join(",")}`;
}

/**
 * Whether Deno granted one thing; asking never prompts.
 *
 * @param grant The kind, and the host, path, program or variable; without it the whole kind.
 * @returns `false` also for what Deno cannot be asked about.
 */
export async function isGranted(
  { kind, value }: {
    readonly kind: "net" | "read" | "write" | "run" | "env";
    readonly value: string | undefined;
  },
): Promise<boolean> {
  try {
    const { state, partial } = await Deno.permissions.query(descriptor(kind, value));
    // With `--deny-net` for some addresses the rest is granted as a whole.
    return state === "granted" && (value === undefined || partial !== true);
  } catch {
    return false;
  }
}

function descriptor(
  kind: "net" | "read" | "write" | "run" | "env",
  value: string | undefined,
): Deno.PermissionDescriptor {
  if (value === undefined) return { name: kind };
  switch (kind) {
    case "net":
      // Deno is asked about hosts, not about patterns of them.
      return { name: "net", host: value.replace(/^\*\./, "any.") };
    case "read":
    case "write":
      return { name: kind, path: value };
    case "run":
      return { name: "run", command: value };
    case "env":
      return { name: "env", variable: value };
  }
}
