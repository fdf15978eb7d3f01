/**
 * Who called which tool: one line of the log for each call, with no argument's value unless the
 * operator asks for them. Needs no permission.
 *
 * @example
 * ```ts ignore
 * const onCall = callAudit(log, { withArguments: false });
 * ```
 *
 * @module
 */

import type { Log } from "../core/host.ts";
import { cleanText } from "../core/text.ts";
import type { CallListener, FinishedCall } from "../mcp/mod.ts";

/** What a line tells. */
export interface CallAuditOptions {
  /** Whether it holds what tools were called with. Values of settings are left out all the same. */
  readonly withArguments: boolean;
}

const MAX_NAME_CHARS = 200;
const MAX_ARGUMENT_CHARS = 2000;
const MAX_DEPTH = 8;
const SESSION_CHARS = 8;

/** Members whose values are somebody's secrets, or may be. */
const SECRET_NAME = /token|secret|passw|credential|authorization|cookie|api_?key|private_?key/i;

/** Members that hold settings by name (`registry-add`, `registry-config-set`). */
const SETTINGS: ReadonlySet<string> = new Set(["config", "env", "headers", "settings"]);

const HIDDEN = "***";

/**
 * Makes what writes the lines.
 *
 * @param log Takes them, at the level `info`.
 * @param options What they tell.
 */
export function callAudit(log: Log, { withArguments }: CallAuditOptions): CallListener {
  return (call) => {
    const { tool, server, outcome, code, tookMs, caller } = call;
    const clean = (text: string) => cleanText(text, { maxChars: MAX_NAME_CHARS });
    log.info("tool call", {
      user: clean(caller.user ?? "local"),
      client: clean(caller.client),
      // Enough to tell sessions apart; whoever has all of it may be able to use one.
      session: caller.session?.slice(0, SESSION_CHARS),
      tool: clean(tool),
      server: server === undefined ? undefined : clean(server),
      // A tool that is called through another one is what was really called.
      through: targetOf(call),
      outcome,
      code: code === undefined ? undefined : clean(code),
      ms: Math.round(tookMs),
      arguments: withArguments ? argumentText(call.arguments) : undefined,
    });
  };
}

/** The tool that `registry-exec` calls, by its name. */
function targetOf({ tool, arguments: given }: FinishedCall): string | undefined {
  if (tool !== "registry-exec" || typeof given !== "object" || given === null) return undefined;
  const { tool_name: offered, id, tool: named } = Object.fromEntries(Object.entries(given));
  const words = offered === undefined ? [id, named] : [offered];
  const target = words.filter((word) => typeof word === "string").join(" ");
  return target === "" ? undefined : cleanText(target, { maxChars: MAX_NAME_CHARS });
}

function argumentText(given: unknown): string {
  return cleanText(JSON.stringify(shown(given, 0)) ?? "", { maxChars: MAX_ARGUMENT_CHARS });
}

function shown(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(value)) return value.map((item) => shown(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (SECRET_NAME.test(name)) return [name, HIDDEN];
      return [
        name,
        SETTINGS.has(name.toLowerCase()) ? namesOnly(member) : shown(member, depth + 1),
      ];
    }),
  );
}

/** Which settings were given, without what they are set to. */
function namesOnly(settings: unknown): unknown {
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) return HIDDEN;
  return Object.fromEntries(Object.keys(settings).map((name) => [name, HIDDEN]));
}
