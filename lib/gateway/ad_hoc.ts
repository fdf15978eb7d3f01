/**
 * A server that is no package: a command that a person gives. It runs as it is, with no sandbox,
 * so that it needs the operator's leave. Needs no permission: it starts nothing.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Env } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import { digestOf } from "../oci/mod.ts";
import { plumbing } from "./process_argv.ts";
import type { LocalPlan } from "./process_plan.ts";

/** A command as a person gives it. There is no shell: no part of it is split or expanded. */
export interface AdHocCommand {
  /** Program, looked up on the PATH, or an absolute path. */
  readonly command: string;
  /** Arguments, one element each. @default none */
  readonly args?: readonly string[];
  /** Environment beside what every process gets. @default none */
  readonly env?: Env;
}

/** What {@linkcode planCommand} decides by. */
export interface AdHocOptions {
  /** What the operator allows. */
  readonly policy: {
    /** Whether a process may run without a sandbox. */
    readonly unsandboxed: boolean;
  };
  /** Absolute path of Wharf's state directory. */
  readonly stateDirectory: string;
  /** Wharf's own environment: `PATH`, `HOME`, proxies and certificates are passed on. */
  readonly env: Env;
}

/** A name that the PATH is searched for, or an absolute path; never relative to a folder. */
const COMMAND = /^(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*|\/[^\0]+|[A-Za-z]:[\\/][^\0]+)$/;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const MAX_ARGS = 256;

const MAX_CHARS = 32 * 1024;

/**
 * Plans a given command.
 *
 * @param given The command.
 * @param options What is allowed.
 * @returns The plan. Its environment may name whatever a person wants: it is the person's program.
 * @throws {AppError} `FORBIDDEN` where the operator allows no process without a sandbox,
 * `INVALID_ARGUMENT` for a command, argument or name that no program can be given.
 */
export function planCommand(given: AdHocCommand, options: AdHocOptions): LocalPlan {
  const { command, args = [], env = {} } = given;
  const shown = cleanText(command, { maxChars: 100 });
  if (!options.policy.unsandboxed) {
    throw new AppError(
      "FORBIDDEN",
      `Cannot run "${shown}": the operator allows no process without a sandbox`,
      {
        hint: "Add a package or an image instead; " +
          "the operator may allow it with policy.unsandboxed in Wharf's configuration",
      },
    );
  }
  const fault = faultOf({ command, args, env });
  if (fault !== undefined) {
    throw new AppError("INVALID_ARGUMENT", `Cannot run "${shown}": ${fault}`, {
      hint: "Give the program in command, and each argument as one element of args",
    });
  }
  const hash = digestOf(new TextEncoder().encode(JSON.stringify([command, args])));
  const folder = `processes/command-${hash.slice("sha256:".length).slice(0, 16)}`;
  const home = options.env.HOME;
  return {
    sandbox: "none",
    why: "a given command runs as it is",
    label: shown,
    command,
    args,
    env: {
      ...plumbing(options.env),
      // The program is the person's own: it finds its settings where it always does.
      ...(home === undefined ? {} : { HOME: home }),
      ...env,
    },
    folder,
    cwd: `${options.stateDirectory}/${folder}/home`,
    notes: ["it may do whatever the user that runs Wharf may do"],
  };
}

function faultOf(given: Required<AdHocCommand>): string | undefined {
  const { command, args, env } = given;
  if (!COMMAND.test(command)) return "it is neither the name of a program nor an absolute path";
  if (args.length > MAX_ARGS) return `it has more than ${MAX_ARGS} arguments`;
  const texts = [command, ...args, ...Object.values(env)];
  if (texts.some((text) => text.includes("\0"))) return "a part of it holds a NUL character";
  if (texts.some((text) => text.length > MAX_CHARS)) {
    return `a part of it is longer than ${MAX_CHARS} characters`;
  }
  const odd = Object.keys(env).find((name) => !ENV_NAME.test(name));
  return odd === undefined
    ? undefined
    : `"${cleanText(odd, { maxChars: 100 })}" is no name of a variable`;
}
