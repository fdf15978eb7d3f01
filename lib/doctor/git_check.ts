/**
 * Whether the program git can unpack what git sources send. Needs run permission for it, through
 * what it is given.
 *
 * @module
 */

import { toAppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import type { CheckContext } from "./doctor_types.ts";
import type { Check } from "./finding.ts";

const TIMEOUT_MS = 5000;

/**
 * The check of git; it has nothing to look at where no source is a git repository.
 *
 * @param context Effects and settings.
 */
export function gitCheck({ deps, grants }: CheckContext): Check {
  return {
    name: "git",
    async run(signal) {
      if (!grants.some(({ kind, value }) => kind === "run" && value === "git")) return [];
      const warn = (message: string, next: string) => [
        {
          check: "git",
          state: "warn",
          message: `${message}; git sources are unpacked in memory`,
          next,
        } as const,
      ];
      try {
        const { PATH } = deps.env;
        const { code, stdout } = await deps.processes.run({
          command: "git",
          args: ["--version"],
          env: PATH === undefined ? {} : { PATH },
        }, { maxBytes: 4096, timeoutMs: TIMEOUT_MS, signal });
        const [version] = /\d+\.\d+[\w.]*/.exec(new TextDecoder().decode(stdout)) ?? [];
        if (code !== 0 || version === undefined) {
          return warn(`git ended with code ${code}`, "Run: git --version");
        }
        return [{ check: "git", state: "ok", message: cleanText(version, { maxChars: 40 }) }];
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        const { message, hint } = toAppError(thrown);
        return warn(message, hint ?? "Install git");
      }
    },
  };
}
