/**
 * Deno's own log of permission checks (`DENO_AUDIT_PERMISSIONS`), held against what was granted.
 * Needs read and write permission for temporary files.
 *
 * @module
 */

import assert from "node:assert/strict";

/** The folder of the program itself, with a slash at its end. */
export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** What may be granted of one kind of permission. */
export type Grant =
  | boolean
  | readonly string[]
  | { readonly allow: boolean | readonly string[] }
  | undefined;

/** What is granted, by kind. */
export type GrantSet = Readonly<Record<string, Grant>>;

/** One line of the log. */
export interface PermissionCheck {
  /** The kind. */
  readonly permission: string;
  /** Host, path, program or variable. */
  readonly value: string;
}

/**
 * Whether a set covers a check.
 *
 * @param set What is granted.
 * @param check What was checked.
 */
export function covers(set: GrantSet, check: PermissionCheck): boolean {
  const grant = set[check.permission];
  const names = typeof grant === "object" && "allow" in grant ? grant.allow : grant;
  if (names === undefined || typeof names === "boolean") return names === true;
  switch (check.permission) {
    case "net": {
      const host = URL.parse(check.value)?.hostname || check.value.replace(/:\d+$/, "");
      return names.some((name) =>
        name.startsWith("*.")
          ? host.endsWith(name.slice(1))
          : host === name || check.value === name || URL.parse(check.value)?.host === name
      );
    }
    case "read":
    case "write":
      return names.some((name) => {
        const path = name.startsWith("./") ? ROOT + name.slice(2) : name;
        return check.value === path || check.value.startsWith(`${path}/`);
      });
    default:
      return names.includes(check.value);
  }
}

/**
 * Flags of `deno run` as a set.
 *
 * @param flags One word each, such as `--allow-net=ghcr.io`.
 */
export function setOfFlags(flags: readonly string[]): GrantSet {
  return Object.fromEntries(flags.flatMap((flag) => {
    const [, kind, values] = /^--allow-([a-z]+)(?:=(.*))?$/.exec(flag) ?? [];
    return kind === undefined ? [] : [[kind, values === undefined ? true : values.split(",")]];
  }));
}

/**
 * Keeps a log while something runs.
 *
 * @param run Is given the variable that asks for the log.
 * @returns The checks that were made.
 */
export async function audited(
  run: (env: Readonly<Record<string, string>>) => Promise<void>,
): Promise<readonly PermissionCheck[]> {
  const log = await Deno.makeTempFile({ prefix: "wharf-audit-", suffix: ".jsonl" });
  try {
    await run({ DENO_AUDIT_PERMISSIONS: log });
    const lines = (await Deno.readTextFile(log)).trim().split("\n");
    const checks = lines.map((line): PermissionCheck => JSON.parse(line));
    assert.ok(checks.length > 10, "the log is empty");
    return checks;
  } finally {
    await Deno.remove(log);
  }
}
