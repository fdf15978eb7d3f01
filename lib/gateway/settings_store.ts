/**
 * The values that people gave for the settings of servers, by entry, kept in `settings.json` of
 * the state directory (mode 0600). What is listed are names, never values. Needs read and write
 * permission for the state directory.
 *
 * @example
 * ```ts ignore
 * const store = new SettingsStore({ disk, log }, policy);
 * await store.change(
 *   { ids: ["builtin/github"], settings: allSettings(entry) },
 *   { set: { GITHUB_TOKEN: "env:GITHUB_TOKEN" }, by: "client" },
 * );
 * ```
 *
 * @module
 */

import { z } from "zod";
import { foldId, type Setting } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { nearestNames } from "../core/nearest.ts";
import { JsonStore, type StoreDeps } from "../store.ts";
import { matches } from "./policy.ts";
import { steers } from "./process_argv.ts";
import {
  checkReference,
  describeValue,
  type Giver,
  readValue,
  type StoredValue,
  type ValuePolicy,
} from "./stored_value.ts";
import { checkValue } from "./template.ts";

/** An entry, as far as its values are concerned. */
export interface SettingsOwner {
  /** Its id, and the ids of its records in each source: values are found under any of them. */
  readonly ids: readonly string[];
  /** All that it declares, see `allSettings` of the catalogue. */
  readonly settings: readonly Setting[];
}

/** What is to become of an entry's values. */
export interface SettingsChange {
  /** Values by name, see `readValue`. */
  readonly set?: Readonly<Record<string, string>>;
  /** Names whose values go. */
  readonly unset?: readonly string[];
  /** Whether all values that are not in `set` go. @default {false} */
  readonly replace?: boolean;
  /** Who asks. */
  readonly by: Giver;
  /** Gives up waiting for another process. */
  readonly signal?: AbortSignal;
}

/** A value, as far as it may be shown. */
export interface ListedValue {
  /** The setting. */
  readonly name: string;
  /** `stored` for a text, else the reference, such as `env:NAME`. */
  readonly value: string;
}

/** Most values of one entry. */
const MAX_VALUES = 300;

const storedValue = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("text"), text: z.string() }),
  z.strictObject({ kind: z.literal("env"), name: z.string() }),
  z.strictObject({ kind: z.literal("file"), path: z.string() }),
  z.strictObject({ kind: z.literal("podman-secret"), name: z.string() }),
]);

/** Pairs, since a name such as `__proto__` is no key of an object. */
const schema = z.array(
  z.strictObject({ id: z.string(), values: z.array(z.tuple([z.string(), storedValue])) }),
);

type Document = z.infer<typeof schema>;

/** Values by entry. Several processes may share the file. */
export class SettingsStore {
  readonly #deps: StoreDeps;
  readonly #policy: ValuePolicy;
  readonly #file: JsonStore<Document>;

  /**
   * Touches nothing until the first call.
   *
   * @param deps The state directory, and a log.
   * @param policy What the operator allows.
   */
  constructor(deps: StoreDeps, policy: ValuePolicy) {
    this.#deps = deps;
    this.#policy = policy;
    this.#file = new JsonStore(deps, {
      path: "settings.json",
      version: 1,
      schema,
      maxBytes: 16 * 1024 * 1024,
    });
  }

  /**
   * Changes the values of an entry: all of them or, where one does not fit, none.
   *
   * @param owner The entry.
   * @param change What is set and unset.
   * @returns The values that it then has.
   * @throws {AppError} As {@linkcode checkedValues}, and what the disk throws.
   */
  async change(owner: SettingsOwner, change: SettingsChange): Promise<readonly ListedValue[]> {
    const set = checkedValues(owner, { ...change, policy: this.#policy });
    await using _lock = await this.#deps.disk.lock("settings.json.lock", change.signal);
    const file = await this.#file.read() ?? [];
    const values = change.replace === true ? new Map() : valuesOf(file, owner.ids);
    for (const [name, value] of set) values.set(name, value);
    for (const name of change.unset ?? []) values.delete(name);
    if (values.size > MAX_VALUES) {
      throw new AppError(
        "TOO_LARGE",
        `Cannot keep the values of "${shown(owner.ids[0])}": there are more than ${MAX_VALUES}`,
        { hint: "Unset values that are not needed" },
      );
    }
    const ids = new Set(owner.ids.map(foldId));
    const [id = ""] = ids;
    const others = file.filter((record) => !ids.has(record.id));
    await this.#file.write(
      values.size === 0 ? others : [...others, { id, values: [...values] }],
    );
    return listed(values);
  }

  /**
   * The names of an entry's values.
   *
   * @param ids The entry's ids.
   * @returns Names and kinds, sorted by name; never a value.
   */
  async list(ids: readonly string[]): Promise<readonly ListedValue[]> {
    return listed(await this.values(ids));
  }

  /**
   * The values of an entry, references not looked up. For the start of a server only.
   *
   * @param ids The entry's ids.
   */
  async values(ids: readonly string[]): Promise<ReadonlyMap<string, StoredValue>> {
    return valuesOf(await this.#file.read() ?? [], ids);
  }
}

/** What {@linkcode checkedValues} checks beside names. */
export interface CheckOptions {
  /** Values by name, see `readValue`. */
  readonly set?: Readonly<Record<string, string>>;
  /** Who gives them. */
  readonly by: Giver;
  /** What the operator allows. */
  readonly policy: ValuePolicy;
}

/**
 * Reads values for an entry and checks their names: an entry's own, and those that the operator
 * allows. A variable that steers what starts the server (`PATH`, `LD_PRELOAD`, `NODE_OPTIONS`)
 * has to be both.
 *
 * @param owner The entry.
 * @param options The values, who gives them, and what is allowed.
 * @returns The values, not looked up.
 * @throws {AppError} `INVALID_ARGUMENT` for names that nobody knows, with near ones, and for values
 * that do not fit; `FORBIDDEN` for what the operator has to allow.
 */
export function checkedValues(
  owner: SettingsOwner,
  options: CheckOptions,
): ReadonlyMap<string, StoredValue> {
  const { set = {}, by, policy } = options;
  return new Map(
    Object.entries(set).map(([name, text]) => {
      const settings = owner.settings.filter((setting) => setting.name === name);
      checkName(name, { owner, policy, isDeclared: settings.length > 0 });
      const value = readValue(text);
      checkReference(value, { by, declared: owner.settings, policy });
      if (value.kind === "text") {
        for (const setting of settings) checkValue(setting, value.text);
      }
      return [name, value];
    }),
  );
}

interface NameContext {
  readonly owner: SettingsOwner;
  readonly policy: Pick<ValuePolicy, "envAllow">;
  readonly isDeclared: boolean;
}

function checkName(name: string, { owner, policy, isDeclared }: NameContext): void {
  const isAllowed = policy.envAllow.some((wildcard) => matches(wildcard, name));
  const [id] = owner.ids;
  const isVariable = owner.settings.some((item) => item.name === name && item.kind !== "env");
  if (steers(name) && !isVariable && !(isDeclared && isAllowed)) {
    throw new AppError(
      "FORBIDDEN",
      `Cannot set "${shown(name)}" for "${shown(id)}": it steers what starts the server`,
      {
        hint: isDeclared
          ? "The operator may allow it with policy.env_allow in Wharf's configuration"
          : "Leave it out; the entry does not declare it",
      },
    );
  }
  if (isDeclared || (isAllowed && /^[A-Za-z_]\w{0,127}$/.test(name))) return;
  const names = [...new Set(owner.settings.map((setting) => setting.name))];
  const near = nearestNames(name, names, 5);
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot set "${shown(name)}" for "${shown(id)}": the entry has no such setting`,
    {
      hint: names.length === 0
        ? "It has none; the operator may allow more with policy.env_allow"
        : `Its settings are ${(near.length > 0 ? near : names.slice(0, 10)).join(", ")}`,
    },
  );
}

function valuesOf(file: Document, ids: readonly string[]): Map<string, StoredValue> {
  for (const id of ids.map(foldId)) {
    const record = file.find((item) => item.id === id);
    if (record !== undefined) return new Map(record.values);
  }
  return new Map();
}

function listed(values: ReadonlyMap<string, StoredValue>): readonly ListedValue[] {
  return [...values].map(([name, value]) => ({ name, value: describeValue(value) }))
    .sort((a, b) => a.name < b.name ? -1 : 1);
}

function shown(text: string | undefined): string {
  return cleanText(text ?? "", { maxChars: 130 });
}
