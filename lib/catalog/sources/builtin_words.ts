/**
 * The few words in which the built-in servers are written down. Needs no permission.
 *
 * @module
 */

import type { EntryDraft, PackageDraft, RemoteDraft } from "../build.ts";
import type { Argument, Setting, SettingFormat, Volume } from "../entry.ts";

/** One server of the built-in list. */
export interface BuiltinServer extends
  Pick<
    EntryDraft,
    "title" | "homepage" | "license" | "status" | "statusMessage" | "official" | "tools"
  > {
  /** Second part of the id, and the name. */
  readonly name: string;
  /** One sentence of our own. */
  readonly description: string;
  /** `owner/repo` on GitHub, with `#folder` in a repository of several servers. */
  readonly repo?: string;
  /** Words of the vocabulary. */
  readonly categories: readonly string[];
  /** Further words to find it by. */
  readonly tags?: readonly string[];
  /** What can be started. */
  readonly packages?: readonly PackageDraft[];
  /** What can be reached. */
  readonly remotes?: readonly RemoteDraft[];
  /** `true`, `false`, or `optional` when it does more with a key. */
  readonly key: boolean | "optional";
}

/** What a setting may say beside its name. */
type SettingFacts = Partial<Omit<Setting, "name" | "kind" | "secret">>;

/** A credential in the environment; required unless said otherwise. */
export function secret(name: string, facts: SettingFacts = {}): Setting {
  return { name, kind: "env", required: true, secret: true, ...facts };
}

/** A variable of the environment that is no secret; optional unless said otherwise. */
export function env(name: string, facts: SettingFacts = {}): Setting {
  return { name, kind: "env", required: false, secret: false, ...facts };
}

/** A value that arguments and volumes refer to. */
export function variable(
  name: string,
  format: SettingFormat,
  facts: SettingFacts = {},
): Setting {
  return { name, kind: "variable", required: false, secret: false, format, ...facts };
}

/** Arguments that never change. */
export function words(...values: readonly string[]): readonly Argument[] {
  return values.map((value) => ({ value }));
}

/** What a package may say beside its name. */
type PackageFacts = Omit<PackageDraft, "type" | "identifier">;

/** A package of npm. */
export function npm(identifier: string, facts: PackageFacts = {}): PackageDraft {
  return { type: "npm", identifier, ...facts };
}

/** A package of PyPI. */
export function pypi(identifier: string, facts: PackageFacts = {}): PackageDraft {
  return { type: "pypi", identifier, ...facts };
}

/** A container image that speaks on stdin and stdout. */
export function image(identifier: string, facts: PackageFacts = {}): PackageDraft {
  return { type: "oci", identifier, ...facts };
}

/** A path of the user's machine inside a container. */
export function mount(source: string, target: string, facts: Partial<Volume> = {}): Volume {
  return { source, target, kind: "host", readOnly: false, ...facts };
}

/** A hosted server that signs its users in. */
export function signIn(url: string, provider: string): RemoteDraft {
  return { ...open(url), oauth: [{ provider }] };
}

/** A hosted server for everybody. */
export function open(url: string): RemoteDraft {
  return { url, type: url.endsWith("/sse") ? "sse" : "streamable-http" };
}

/** A hosted server that wants a token in its `Authorization` header. */
export function bearer(url: string, facts: SettingFacts = {}): RemoteDraft {
  const token: Setting = {
    name: "Authorization",
    kind: "header",
    required: true,
    secret: true,
    ...facts,
  };
  return { ...open(url), settings: [token] };
}
