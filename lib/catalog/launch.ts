/**
 * How an entry can be launched, worked out from its packages and remotes, so
 * that no source says it in its own words. Needs no permission.
 *
 * @example
 * ```ts
 * import { launchOptions } from "./launch.ts";
 * import { builtinEntries } from "./sources/builtin.ts";
 *
 * const [memory] = builtinEntries({ source: "builtin" }).filter(({ id }) => id === "reference/memory");
 * memory && launchOptions(memory).map(({ method }) => method); // ["podman", "stdio-proxy"]
 * ```
 *
 * @module
 */

import type { Entry, LaunchMethod, Package, Remote, Setting } from "./entry.ts";

/** One way to launch an entry, with what it needs. */
export interface LaunchOption {
  /** The way. */
  readonly method: LaunchMethod;
  /** What is started; absent for `remote-http`. */
  readonly package?: Package;
  /** What is reached; `remote-http` only. */
  readonly remote?: Remote;
  /** Settings that the user must give first: required, without a default or a fixed value. */
  readonly needs: readonly Setting[];
}

/** What the launch methods of an entry are worked out from. */
export type Launchable = Pick<Entry, "packages" | "remotes">;

/** The lists of methods that entries share: there are only a few, whatever the number of entries. */
const SHARED = new Map<string, readonly LaunchMethod[]>();

/**
 * Every way to launch an entry, the preferred first: a container, a remote that needs no secret,
 * a local process, a remote that needs one.
 *
 * @param entry Its packages and remotes.
 * @returns The options; empty when there is none.
 */
export function launchOptions(entry: Launchable): readonly LaunchOption[] {
  const options: LaunchOption[] = [];
  for (const item of entry.packages) {
    const method = packageMethod(item);
    if (method !== undefined) {
      options.push({ method, package: item, needs: needsOf(item.settings) });
    }
  }
  for (const remote of entry.remotes) {
    options.push({ method: "remote-http", remote, needs: needsOf(remote.settings) });
  }
  return options.map((option, index) => ({ option, index }))
    .sort((a, b) => rank(a.option) - rank(b.option) || a.index - b.index)
    .map(({ option }) => option);
}

/**
 * The distinct methods of {@linkcode launchOptions}, in their order.
 *
 * @param entry Its packages and remotes.
 * @returns A list that equal entries share.
 */
export function launchMethods(entry: Launchable): readonly LaunchMethod[] {
  const methods = [...new Set(launchOptions(entry).map(({ method }) => method))];
  const key = methods.join();
  const shared = SHARED.get(key) ?? Object.freeze(methods);
  SHARED.set(key, shared);
  return shared;
}

/**
 * Why an entry without launch methods has none.
 *
 * @param entry Its packages and remotes.
 * @returns One clause for people.
 */
export function whyNotLaunchable(entry: Launchable): string {
  if (entry.packages.length === 0) return "no source says how to start it";
  const http = entry.packages.find(({ type, transport }) =>
    isStartable(type) && transport !== "stdio"
  );
  if (http !== undefined) {
    return `its ${http.type} package serves ${http.transport} and not stdio`;
  }
  const types = [...new Set(entry.packages.map(({ type }) => type))].join(", ");
  return `it comes as ${types} only, which Wharf cannot start`;
}

/**
 * All settings of an entry, whichever package or remote they belong to. Of several with the same
 * name, the first that says a fact gives it; the setting is secret if any says so.
 *
 * @param entry A source's or a merged entry.
 * @returns Each name once, required ones first; fixed ones (`value`) are left out, since nobody is asked for them.
 */
export function allSettings(
  entry: Pick<Entry, "packages" | "remotes" | "settings">,
): readonly Setting[] {
  const byName = new Map<string, Setting>();
  const lists = [...entry.packages, ...entry.remotes].map(({ settings }) => settings);
  for (const setting of [...lists, entry.settings].flat()) {
    if (setting.value !== undefined) continue;
    const known = byName.get(setting.name);
    byName.set(
      setting.name,
      known === undefined
        ? setting
        : { ...setting, ...known, secret: known.secret || setting.secret },
    );
  }
  return [...byName.values()].sort((a, b) => Number(b.required) - Number(a.required));
}

/** Settings that stand between the user and a launch. */
function needsOf(settings: readonly Setting[]): readonly Setting[] {
  return settings.filter((setting) =>
    setting.required && setting.default === undefined && setting.value === undefined
  );
}

function isStartable(type: string): boolean {
  return type === "oci" || type === "npm" || type === "pypi";
}

function packageMethod(item: Package): LaunchMethod | undefined {
  if (!isStartable(item.type) || item.transport !== "stdio") return undefined;
  return item.type === "oci" ? "podman" : "stdio-proxy";
}

function rank(option: LaunchOption): number {
  if (option.method === "podman") return 0;
  if (option.method === "stdio-proxy") return 2;
  const locked = option.needs.some(({ secret }) => secret) || option.remote?.oauth !== undefined;
  return locked ? 3 : 1;
}
