/**
 * Prints what `wharf doctor` found. Needs no permission.
 *
 * @module
 */

import { type Diagnosis, type Finding, type Needed, shellLine } from "../doctor/mod.ts";
import type { Invocation } from "./arguments.ts";
import { type Paint, paint } from "./paint.ts";
import type { Terminal } from "./terminal.ts";
import { textWidth } from "./width.ts";
import { wrapWords } from "./wrap.ts";

const COLOURS: Readonly<Record<Finding["state"], Paint>> = {
  ok: "green",
  warn: "yellow",
  fail: "red",
};

/**
 * Prints a diagnosis.
 *
 * @param diagnosis What was found.
 * @param invocation The form that was asked for.
 * @param terminal Where to print.
 * @returns The exit code: 1 where something failed, 0 otherwise.
 */
export function printDiagnosis(
  diagnosis: Diagnosis,
  { output }: Pick<Invocation & { readonly kind: "doctor" }, "output">,
  terminal: Terminal,
): number {
  const { state, findings, needed } = diagnosis;
  if (output === "json") {
    const permissions = { flags: needed.flags, grants: needed.grants };
    terminal.out(JSON.stringify({ state, checks: findings, permissions }));
  } else {
    for (
      const line of [...findingLines(findings, terminal), "", ...neededLines(needed, terminal)]
    ) {
      terminal.out(line);
    }
  }
  return state === "fail" ? 1 : 0;
}

/**
 * Prints the flags alone.
 *
 * @param needed The smallest set of permissions.
 * @param invocation The form that was asked for.
 * @param terminal Where to print.
 * @returns The exit code, which is 0.
 */
export function printFlags(
  { flags }: Needed,
  { output }: Pick<Invocation & { readonly kind: "doctor" }, "output">,
  terminal: Terminal,
): number {
  terminal.out(output === "json" ? JSON.stringify({ flags }) : shellLine(flags));
  // A shell does not take quotes apart that come from $(…).
  if (output !== "json" && flags.some((flag) => /\s/.test(flag))) {
    terminal.err("wharf: a path holds blanks; use the flags with eval, not with $(…) alone");
  }
  return 0;
}

function findingLines(findings: readonly Finding[], terminal: Terminal): readonly string[] {
  const width = Math.max(...findings.map(({ check }) => textWidth(check)));
  const blank = " ".repeat(width + 8);
  return findings.flatMap(({ check, state, message, next }) => {
    const head = `${paint(state.padEnd(4), COLOURS[state], terminal)}  ${check.padEnd(width)}  `;
    const [first = "", ...rest] = hanging(message, { indent: blank.length, terminal });
    return [
      `${head}${first}`,
      ...rest.map((line) => `${blank}${line}`),
      ...next === undefined ? [] : hanging(`Next: ${next}`, { indent: blank.length, terminal })
        .map((line) => `${blank}${line}`),
    ];
  });
}

function hanging(
  text: string,
  { indent, terminal }: { readonly indent: number; readonly terminal: Terminal },
): readonly string[] {
  return wrapWords(
    text,
    terminal.columns === undefined ? Infinity : Math.max(20, terminal.columns - indent),
  );
}

/** What is granted for one reason stands together. */
function neededLines({ grants }: Needed, terminal: Terminal): readonly string[] {
  const groups = new Map<
    string,
    { readonly flag: string; readonly why: string; values: string[] }
  >();
  for (const { kind, value, why } of grants) {
    const key = `${kind} ${why}`;
    const group = groups.get(key) ?? { flag: `--allow-${kind}`, why, values: [] };
    group.values.push(value ?? "all");
    groups.set(key, group);
  }
  const indent = 4;
  return [
    ...hanging(
      "The smallest set of permissions for this; wharf doctor --flags prints it for deno run:",
      { indent: 0, terminal },
    ),
    ...[...groups.values()].flatMap(({ flag, why, values }) => [
      `  ${flag}: ${why}`,
      ...hanging(values.join(", "), { indent, terminal }).map((line) => " ".repeat(indent) + line),
    ]),
  ];
}
