/**
 * The values of flags as the command line gave them, and how settings are read of them. Needs no
 * permission.
 *
 * @module
 */

import { AppError } from "./core/errors.ts";

/** Flag values by name, as the command line gave them. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/**
 * Gives a text without the white space around it.
 *
 * @param value What a flag or a variable holds.
 * @returns The text, or `undefined` where there is none.
 */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

/**
 * Gives a list: a flag that was repeated, words with commas, or both.
 *
 * @param value What a flag holds.
 */
export function list(value: unknown): readonly string[] {
  const values = Array.isArray(value)
    ? value.map(String)
    : typeof value === "string"
    ? [value]
    : [];
  return values.flatMap((item) => item.split(",")).map((item) => item.trim()).filter(Boolean);
}

/**
 * Gives one of several words.
 *
 * @param flag Name of the flag, or of the variable in capitals, for the error.
 * @param value What was given.
 * @param choices The words.
 * @param fallback The word where none was given.
 * @throws {AppError} `INVALID_ARGUMENT` for another word.
 */
export function oneOf<const T extends string>(
  flag: string,
  value: string | undefined,
  choices: readonly T[],
  fallback: NoInfer<T>,
): T {
  if (value === undefined) return fallback;
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use ${/^[A-Z]/.test(flag) ? flag : `--${flag}`} "${value}": there is no such choice`,
    {
      hint: `Choose from ${choices.join(", ")}`,
    },
  );
}

/**
 * Gives a whole number.
 *
 * @param flags Flag values by name.
 * @param name Name of the flag.
 * @param limits The least and the most that fits, and the number where none was given.
 * @throws {AppError} `INVALID_ARGUMENT` for what is none or does not fit.
 */
export function wholeNumber(
  flags: Flags,
  name: string,
  { least, most, unless }: {
    readonly least: number;
    readonly most: number;
    readonly unless: number;
  },
): number {
  const value = text(flags[name]);
  if (value === undefined) return unless;
  if (/^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most) {
    return Number(value);
  }
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use --${name} "${value}": it is no number that fits`,
    { hint: `Pass a whole number from ${least} to ${most}` },
  );
}
