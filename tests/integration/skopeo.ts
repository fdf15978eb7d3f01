/**
 * Asks `skopeo`, the peer that answers are checked against. Needs run permission.
 *
 * @module
 */

import type { LocalRegistry } from "./registry_harness.ts";

/**
 * Runs skopeo.
 *
 * @param args Subcommand and arguments; secrets belong in files, not here.
 * @returns Its standard output.
 */
export async function skopeo(args: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { success, stdout, stderr } = await new Deno.Command("skopeo", { args: [...args] })
    .output();
  if (!success) {
    throw new Error(`Cannot run "skopeo ${args.join(" ")}": ${new TextDecoder().decode(stderr)}`);
  }
  return stdout;
}

/**
 * Runs skopeo and reads its answer as JSON.
 *
 * @param args Subcommand and arguments.
 */
export async function skopeoJson(args: readonly string[]): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await skopeo(args)));
}

/**
 * How skopeo names an image of a registry.
 *
 * @param registry The registry.
 * @param name Repository with tag or digest.
 */
export function dockerUrl(registry: LocalRegistry, name: string): string {
  return `docker://${registry.host}/${name}`;
}
