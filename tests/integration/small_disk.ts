/**
 * Processes that see a small or read-only disk: a file system in memory, mounted for them alone.
 * Needs run permission for `unshare`, and a system that lets this user make namespaces, as Linux
 * mostly does.
 *
 * @module
 */

/** How the disk is mounted (tmpfs(5)). */
export type DiskOptions = "ro" | `size=${number}k`;

/** Mounts, then becomes the program, so that signals reach it. */
const MOUNT = 'mount -t tmpfs -o "$1" wharf "$2" && shift 2 && exec "$@"';

/**
 * Program and arguments that start another one with its own disk.
 *
 * @param options How the disk is mounted.
 * @param folder Where; it has to be there.
 */
export function withDisk(options: DiskOptions, folder: string): readonly string[] {
  // The name of a user namespace's root is needed for mounting; files stay this user's.
  return ["unshare", "-Urm", "sh", "-c", MOUNT, "sh", options, folder];
}

/** Why no disk can be mounted here; `undefined`: it can. */
export async function whyNoDisk(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "only Linux mounts a disk for one process";
  const folder = await Deno.makeTempDir({ prefix: "wharf-mount-" });
  try {
    const [program = "", ...args] = [...withDisk("size=64k", folder), "true"];
    const { success, stderr } = await new Deno.Command(program, { args }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim() || "unshare failed";
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    await Deno.remove(folder);
  }
}
