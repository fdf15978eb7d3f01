/**
 * The values that one way to start a server gets: stored ones, those of the call, and none that
 * were meant for something else. Needs no permission.
 *
 * @module
 */

import { allSettings, type Entry, type Setting } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import type { Candidate } from "./plan_candidates.ts";
import type { ActivationRequest, PlanDeps, PlanValue } from "./plan_types.ts";
import { matches, type Policy } from "./policy.ts";
import { steers } from "./process_argv.ts";
import { checkedValues, type SettingsOwner } from "./settings_store.ts";
import { checkReference, describeValue, type StoredValue } from "./stored_value.ts";

/** Settings and values of one candidate. */
export interface CandidateValues {
  /** Settings that count, allowed extra variables last. */
  readonly settings: readonly Setting[];
  /** Values by name, not looked up. */
  readonly values: ReadonlyMap<string, StoredValue>;
  /** What is known of each, for people. */
  readonly shown: readonly PlanValue[];
  /** Variables that are left out, since they steer what starts the server. */
  readonly dropped: readonly string[];
}

/**
 * The owner of an entry's values, as the settings store knows it.
 *
 * @param entry The entry.
 */
export function settingsOwner(
  entry: Pick<Entry, "id" | "sources" | "packages" | "remotes" | "settings">,
): SettingsOwner {
  return {
    ids: [...new Set([entry.id, ...entry.sources.map(({ id }) => id)])],
    settings: allSettings(entry),
  };
}

/**
 * The values that a call gives, checked.
 *
 * @param entry The entry; `undefined` where there is none.
 * @param request What is asked for.
 * @param context The operator's policy, and whether the caller names what runs.
 * @throws {AppError} As `checkedValues`.
 */
export function requestValues(
  entry: Entry | undefined,
  { env = {}, by }: Pick<ActivationRequest, "env" | "by">,
  { policy, adHoc }: { readonly policy: Policy; readonly adHoc: boolean },
): ReadonlyMap<string, StoredValue> {
  if (entry !== undefined && !adHoc) {
    return checkedValues(settingsOwner(entry), { set: env, by, policy });
  }
  // Whoever names the program names its variables; what they may refer to stays with the operator.
  const names = Object.keys(env);
  if (names.some((name) => !/^[A-Za-z_]\w{0,127}$/.test(name))) {
    throw new AppError("INVALID_ARGUMENT", "Cannot use env: a key is no name of a variable", {
      hint: "Names have letters, digits and _",
    });
  }
  const owner = { ids: [entry?.id ?? "ad hoc"], settings: adHocSettings(names) };
  const values = checkedValues(owner, { set: env, by, policy });
  for (const value of values.values()) checkReference(value, { by, declared: [], policy });
  return values;
}

function adHocSettings(names: readonly string[]): readonly Setting[] {
  return names.map((name) => ({ name, kind: "env", required: false, secret: true }));
}

/**
 * The values that a candidate gets.
 *
 * @param candidate The way to start.
 * @param given See {@linkcode requestValues}.
 * @param context The entry and what is stored for it.
 */
export function valuesFor(
  candidate: Candidate,
  given: ReadonlyMap<string, StoredValue>,
  { entry, deps }: { readonly entry: Entry | undefined; readonly deps: PlanDeps },
): CandidateValues {
  // What was stored for an entry is not for a program that somebody puts in its place.
  const isStranger = candidate.adHoc && entry !== undefined;
  const stored = isStranger ? new Map<string, StoredValue>() : deps.stored ?? new Map();
  const values = new Map([...stored, ...given]);
  const isAllowed = (name: string) =>
    deps.policy.envAllow.some((wildcard) => matches(wildcard, name));
  const own = new Set(candidate.settings.map(({ name }) => name));
  const elsewhere = new Set(
    entry === undefined || isStranger ? [] : allSettings(entry).map(({ name }) => name),
  );
  const extra = [...values.keys()].filter((name) =>
    !own.has(name) && !elsewhere.has(name) && (candidate.adHoc || isAllowed(name))
  );
  const settings: Setting[] = [];
  const dropped: string[] = [];
  for (const setting of [...candidate.settings, ...adHocSettings(extra)]) {
    const isDropped = setting.kind === "env" && steers(setting.name) && !isAllowed(setting.name);
    if (!isDropped) settings.push(setting);
    else if (setting.value !== undefined || values.has(setting.name)) dropped.push(setting.name);
  }
  const names = new Set(settings.map(({ name }) => name));
  for (const name of values.keys()) if (!names.has(name)) values.delete(name);
  const shown = settings.flatMap((setting) => {
    const from = originOf(setting, values.get(setting.name), given.has(setting.name));
    const { name, kind, secret } = setting;
    return from === undefined ? [] : [{ name, kind, secret, from }];
  });
  return { settings, values, shown, dropped };
}

function originOf(
  setting: Setting,
  value: StoredValue | undefined,
  isGiven: boolean,
): string | undefined {
  if (setting.value !== undefined) return "fixed";
  if (value === undefined) {
    if (setting.default !== undefined) return "default";
    return setting.required ? "missing" : undefined;
  }
  return value.kind === "text" && isGiven ? "given" : describeValue(value);
}
