/**
 * Gets what the integration tests need: with apt-get where this process may install, in words
 * everywhere else. Needs all permissions; development only.
 *
 * @module
 */

import { inCi, missingOf, type NeedName, NEEDS } from "../tests/integration/needs.ts";

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
  const aptGet = await findAptGet();
  if (aptGet !== undefined) await install(aptGet, missing.map((name) => NEEDS[name].debian));
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

/** The command line that may install packages here without asking anybody. */
async function findAptGet(): Promise<readonly string[] | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  // On a person's machine root's rights are not taken, even where sudo would give them.
  const command = Deno.uid() === 0
    ? ["apt-get"]
    : inCi()
    ? ["sudo", "-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    : undefined;
  if (command === undefined) return undefined;
  return (await output([...command, "--version"]))?.success === true ? command : undefined;
}

async function install(aptGet: readonly string[], packages: readonly string[]): Promise<void> {
  say(`installing ${packages.join(", ")} with apt-get`);
  const updated = await succeeds([...aptGet, "-q", "update"]);
  if (!updated) return;
  await succeeds([...aptGet, "-q", "install", "-y", "--no-install-recommends", ...packages]);
}

/** Runs apt-get and shows the end of its output where it fails. */
async function succeeds(command: readonly string[]): Promise<boolean> {
  const result = await output(command);
  if (result?.success === true) return true;
  const decoder = new TextDecoder();
  const text = result === undefined
    ? "it could not be started"
    : `${decoder.decode(result.stdout)}\n${decoder.decode(result.stderr)}`;
  say(`${command.join(" ")} failed:\n${text.trim().split("\n").slice(-15).join("\n")}`);
  return false;
}

/** Runs a command to its end; `undefined` where there is no such program. */
async function output(command: readonly string[]): Promise<Deno.CommandOutput | undefined> {
  const [program = "", ...args] = command;
  try {
    return await new Deno.Command(program, {
      args,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
      signal: AbortSignal.timeout(INSTALL_TIMEOUT_MS),
    }).output();
  } catch {
    return undefined;
  }
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}
