/**
 * How much of servers' logs each client wants (MCP, "Logging"; levels of RFC 5424). Needs no
 * permission.
 *
 * @module
 */

/** The levels, from the least severe. */
const LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
] as const;

/** A level. */
export type LogLevel = (typeof LEVELS)[number];

/** What a client gets that has set no level, once another one has: servers then send more. */
const UNSET: LogLevel = "info";

/**
 * A level by its name.
 *
 * @param name Whatever a client or a server sent.
 * @returns The level, or `undefined`.
 */
export function logLevel(name: unknown): LogLevel | undefined {
  return LEVELS.find((level) => level === name);
}

/**
 * The level to ask servers for, once a client has set one: there is no way to unset it, so that
 * it is asked for still when that client has gone.
 *
 * @param levels The level of each client; `undefined` for one that has set none.
 * @returns The least severe one that anybody wants.
 */
export function leastSevere(levels: readonly (LogLevel | undefined)[]): LogLevel {
  return LEVELS.find((level) => levels.some((wanted) => (wanted ?? UNSET) === level)) ?? UNSET;
}

/**
 * Whether a client wants a message.
 *
 * @param level The message's level, as the server has it; an unknown one is wanted.
 * @param wanted The client's level.
 * @param isSet Whether any client has ever set a level; else servers send what they do by themselves.
 */
export function isWanted(level: unknown, wanted: LogLevel | undefined, isSet: boolean): boolean {
  const known = logLevel(level);
  if (known === undefined || !isSet) return true;
  return LEVELS.indexOf(known) >= LEVELS.indexOf(wanted ?? UNSET);
}
