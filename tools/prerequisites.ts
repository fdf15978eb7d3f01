/**
 * Gets what the integration tests need: with apt-get where this process may install, in words
 * everywhere else. Needs all permissions; development only.
 *
 * @module
 */

import { missingOf, type NeedName, NEEDS } from "../tests/integration/needs.ts";

/** Longest wait for one apt-get, in milliseconds. */
const INSTALL_TIMEOUT_MS = 15 * 60_000;

/**
 * Installs missing programs where that needs no password, and names the rest on stderr.
 *
 * @returns The commands that are still missing.
 */
export async function ensurePrerequisites(): Promise<readonly NeedName[]> {
  // Object.keys() does not keep the literal type of keys.
  const missing = missingOf(Object.keys(NEEDS) as NeedName[]);
  if (missing.length === 0) return [];
  if (await mayInstall()) await install(missing.map((name) => NEEDS[name].debian));
  const left = missingOf(missing);
  for (const name of left) {
    say(
      `missing: ${name} (Debian: apt-get install ${NEEDS[name].debian}; elsewhere: ${
        NEEDS[name].elsewhere
      })`,
    );
  }
  return left;
}

async function mayInstall(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  try {
    return (await new Deno.Command("apt-get", { args: ["--version"], stdout: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

async function install(packages: readonly string[]): Promise<void> {
  say(`installing ${packages.join(", ")} with apt-get`);
  if (!(await aptGet(["update"]))) return;
  await aptGet(["install", "-y", "--no-install-recommends", ...packages]);
}

/** Runs apt-get and shows the end of its output where it fails. */
async function aptGet(args: readonly string[]): Promise<boolean> {
  const { success, stdout, stderr } = await new Deno.Command("apt-get", {
    args: ["-q", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    signal: AbortSignal.timeout(INSTALL_TIMEOUT_MS),
  }).output();
  if (!success) {
    const decoder = new TextDecoder();
    const output = `${decoder.decode(stdout)}\n${decoder.decode(stderr)}`.trim().split("\n");
    say(`apt-get ${args[0] ?? ""} failed:\n${output.slice(-15).join("\n")}`);
  }
  return success;
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}
