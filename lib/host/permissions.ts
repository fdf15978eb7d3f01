/**
 * What Deno was allowed to do, for people to read. Needs no permission: asking never prompts.
 *
 * @module
 */

const KINDS = ["net", "read", "write", "run", "env"] as const;

/**
 * Lists the kinds of permission that Wharf uses and has.
 *
 * @returns For each kind its name when all of it is granted, `name (part)` when only some of it
 * is, and nothing when none of it is.
 */
export async function grantedPermissions(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of KINDS) {
    const status = await Deno.permissions.query({ name });
    if (status.state !== "granted") continue;
    found.push(status.partial ? `${name} (part)` : name);
  }
  return found;
}
