/**
 * What integration tests need beside Deno, and the helper that declares it: a test whose needs are
 * not met is skipped with its reason, or fails where `CI` is set. Needs read permission for the
 * directories in `PATH` and env for `PATH` and `CI`.
 *
 * @example
 * ```ts ignore
 * integrationTest("tags() pages through 10,000 tags", { needs: ["docker-registry"] }, async () => {
 *   await using registry = await startRegistry();
 * });
 * ```
 *
 * @module
 */

/** A program that integration tests use. */
export interface Need {
  /** Debian's package that has it. */
  readonly debian: string;
  /** How to get it where there is no apt-get. */
  readonly elsewhere: string;
}

/** Every program that an integration test may name, by command. */
export const NEEDS = {
  "bash": { debian: "bash", elsewhere: "install bash" },
  "busybox": { debian: "busybox-static", elsewhere: "install a static busybox" },
  "curl": { debian: "curl", elsewhere: "install curl" },
  "docker-registry": {
    debian: "docker-registry",
    elsewhere: 'build "registry" of github.com/distribution/distribution, as docker-registry',
  },
  "fish": { debian: "fish", elsewhere: "install fish (fishshell.com)" },
  "git": { debian: "git", elsewhere: "install git" },
  "htpasswd": { debian: "apache2-utils", elsewhere: "install Apache's utilities (httpd)" },
  "openssl": { debian: "openssl", elsewhere: "install openssl" },
  "podman": { debian: "podman", elsewhere: "install podman (podman.io)" },
  "runc": { debian: "runc", elsewhere: "install runc" },
  "skopeo": { debian: "skopeo", elsewhere: "install skopeo (brew install skopeo)" },
  "zsh": { debian: "zsh", elsewhere: "install zsh" },
} as const satisfies Record<string, Need>;

/** A command that an integration test may need. */
export type NeedName = keyof typeof NEEDS;

/** What an integration test declares. */
export interface IntegrationOptions {
  /** Programs that it starts. */
  readonly needs: readonly NeedName[];
}

/**
 * Declares a test of real parts.
 *
 * @param name What does what.
 * @param options What it needs.
 * @param body The test.
 */
export function integrationTest(
  name: string,
  options: IntegrationOptions,
  body: (context: Deno.TestContext) => Promise<void>,
): void {
  const missing = missingOf(options.needs);
  if (missing.length === 0) {
    Deno.test(name, body);
    return;
  }
  const reason = `${missing.join(", ")} not found`;
  if (inCi()) {
    Deno.test(name, () => {
      throw new Error(`Cannot run without what it needs: ${reason}`);
    });
  } else {
    Deno.test.ignore(`${name} [${reason}]`, body);
  }
}

/**
 * The commands that no directory in `PATH` has.
 *
 * @param names Commands to look for.
 */
export function missingOf(names: readonly NeedName[]): NeedName[] {
  return names.filter((name) => !onPath(name));
}

/** Whether a missing part is a failure. */
export function inCi(): boolean {
  const value = Deno.env.get("CI") ?? "";
  return value !== "" && value !== "false" && value !== "0";
}

function onPath(command: string): boolean {
  const windows = Deno.build.os === "windows";
  const directories = (Deno.env.get("PATH") ?? "").split(windows ? ";" : ":");
  const file = windows ? `${command}.exe` : command;
  return directories.some((directory) => {
    try {
      return Deno.statSync(`${directory}/${file}`).isFile;
    } catch {
      return false;
    }
  });
}
