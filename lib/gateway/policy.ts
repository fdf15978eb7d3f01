/**
 * What the operator allows, from the `policy` key of the config file. It is read once, at the
 * start: no tool call and no catalogue can widen it. Needs no permission.
 *
 * @example
 * ```ts
 * import { parsePolicy } from "./policy.ts";
 *
 * const policy = parsePolicy({ deny: [{ source: "awesome" }], network: "none" });
 * policy.unsandboxed; // false
 * ```
 *
 * @module
 */

import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

/** Longest pattern, host, name or path of the policy. */
const MAX_PATTERN_CHARS = 400;

const pattern = z.string().min(1).max(MAX_PATTERN_CHARS);

/** Which servers a rule is about. All keys that it has must fit; `*` stands for any characters. */
const ruleSchema = z.strictObject({
  source: pattern.optional(),
  id: pattern.optional(),
  image: pattern.optional(),
  registry: pattern.optional(),
  owner: pattern.optional(),
  package: pattern.optional(),
  host: pattern.optional(),
}).refine((rule) => Object.keys(rule).length > 0, "has no key, so that it would fit everything");

const absolutePath = z.string().max(MAX_PATTERN_CHARS).refine(
  isPlainAbsolute,
  "must be an absolute path without . and ..",
);

/**
 * The `policy` key of the config file. Unknown keys are refused: a misspelt one would silently
 * allow what the operator meant to forbid.
 */
export const policySchema = z.strictObject({
  allow: z.array(ruleSchema).max(1000).default([]),
  deny: z.array(ruleSchema).max(1000).default([]),
  require_allowed: z.boolean().default(false),
  require_digest: z.boolean().default(false),
  require_official: z.boolean().default(false),
  network: z.enum(["none", "as-declared", "any"]).default("as-declared"),
  unsandboxed: z.boolean().default(false),
  ad_hoc: z.boolean().default(false),
  build: z.boolean().default(true),
  confirm: z.enum(["first", "never", "always"]).default("first"),
  host_paths: z.array(absolutePath).max(100).default([]),
  value_files: z.array(absolutePath).max(100).default([]),
  value_secrets: z.array(pattern).max(100).default(["wharf-*"]),
  env_allow: z.array(pattern).max(200).default([]),
  max_memory_mb: z.number().int().min(16).max(1024 * 1024).default(2048),
  max_cpus: z.number().min(0.01).max(1024).default(1),
  max_pids: z.number().int().min(8).max(1_000_000).default(256),
});

/** One rule: which servers it is about. */
export interface PolicyRule {
  /** Id of a source, such as `docker`. */
  readonly source?: string | undefined;
  /** Id of an entry, such as `reference/*`. */
  readonly id?: string | undefined;
  /** Image, `registry/repository` with or without `:tag` or `@digest`. */
  readonly image?: string | undefined;
  /** Host of an image's registry, such as `ghcr.io`. */
  readonly registry?: string | undefined;
  /** Owner of the repository: `acme` on GitHub, elsewhere with the host, `gitlab.com/acme`. */
  readonly owner?: string | undefined;
  /** Package with its registry, such as `npm:@acme/*`. */
  readonly package?: string | undefined;
  /** Host of a remote server, such as `*.example.com`. */
  readonly host?: string | undefined;
}

/** What the operator allows, every key with its value. */
export interface Policy {
  /** Servers that need no confirmation. @default none */
  readonly allow: readonly PolicyRule[];
  /** Servers that are never started; wins over `allow`. @default none */
  readonly deny: readonly PolicyRule[];
  /** Refuses what no `allow` rule fits. @default {false} */
  readonly requireAllowed: boolean;
  /** Refuses images that are not named by digest. @default {false} */
  readonly requireDigest: boolean;
  /** Refuses servers that no source calls official. @default {false} */
  readonly requireOfficial: boolean;
  /**
   * `none`: nothing that is started reaches the network, and there are no remotes. `as-declared`:
   * an entry that needs none gets none. `any`: a call may give a network to such an entry too.
   * @default {"as-declared"}
   */
  readonly network: "none" | "as-declared" | "any";
  /** Whether a process may run without a sandbox. @default {false} */
  readonly unsandboxed: boolean;
  /** Whether a call may name an image, command or address that no entry names. @default {false} */
  readonly adHoc: boolean;
  /** Whether an image may be built from an entry's repository. @default {true} */
  readonly build: boolean;
  /** When a person is asked before a server starts. @default {"first"} */
  readonly confirm: "first" | "never" | "always";
  /** Folders of this machine that servers may be given, with all in them. @default none */
  readonly hostPaths: readonly string[];
  /** Folders whose files a tool call may name as `file:` values. @default none */
  readonly valueFiles: readonly string[];
  /**
   * Secrets of the container engine, beyond those that bear the name of a setting, that a tool call
   * may name as `podman-secret:` values; with `*`. @default {["wharf-*"]}
   */
  readonly valueSecrets: readonly string[];
  /** Names of variables, beyond those that an entry declares, that may be set; with `*`. @default none */
  readonly envAllow: readonly string[];
  /** Memory of each container, in MiB. @default {2048} */
  readonly maxMemoryMb: number;
  /** Processors of each container. @default {1} */
  readonly maxCpus: number;
  /** Processes of each container. @default {256} */
  readonly maxPids: number;
}

/**
 * Reads a policy.
 *
 * @param value The `policy` key of the config file, parsed; `undefined` for all defaults.
 * @returns The policy.
 * @throws {AppError} `INVALID_ARGUMENT` that names the first key that does not fit.
 */
export function parsePolicy(value: unknown = {}): Policy {
  const parsed = policySchema.safeParse(value);
  if (!parsed.success) throw policyError(parsed.error.issues[0]);
  const file = parsed.data;
  return {
    allow: file.allow,
    deny: file.deny,
    requireAllowed: file.require_allowed,
    requireDigest: file.require_digest,
    requireOfficial: file.require_official,
    network: file.network,
    unsandboxed: file.unsandboxed,
    adHoc: file.ad_hoc,
    build: file.build,
    confirm: file.confirm,
    hostPaths: file.host_paths,
    valueFiles: file.value_files,
    valueSecrets: file.value_secrets,
    envAllow: file.env_allow,
    maxMemoryMb: file.max_memory_mb,
    maxCpus: file.max_cpus,
    maxPids: file.max_pids,
  };
}

function policyError(issue: z.core.$ZodIssue | undefined): AppError {
  const path = ["policy", ...issue?.path ?? []].map(String);
  const keys = path.some((part) => part === "allow" || part === "deny")
    ? Object.keys(ruleSchema.shape)
    : Object.keys(policySchema.shape);
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const key = cleanText([...path, ...unknown === undefined ? [] : [unknown]].join("."), {
    maxChars: 200,
  });
  const fault = unknown === undefined
    ? cleanText(issue?.message ?? "it has another form", { maxChars: 200 })
    : "there is no such key";
  return new AppError("INVALID_ARGUMENT", `Cannot use "${key}": ${fault}`, {
    hint: unknown === undefined
      ? "Mend it in the config file"
      : `Mend it in the config file: keys are ${keys.join(", ")}`,
  });
}

/**
 * Whether a text fits a pattern, whatever the case of its letters. Takes no longer than the
 * product of their lengths.
 *
 * @param wildcard Text in which `*` stands for any characters, also none.
 * @param text What is looked at.
 */
export function matches(wildcard: string, text: string): boolean {
  const [wanted, subject] = [wildcard.toLowerCase(), text.toLowerCase()];
  let [at, from, star, resume] = [0, 0, -1, 0];
  while (from < subject.length) {
    if (wanted[at] === "*") {
      star = at;
      at += 1;
      resume = from;
    } else if (at < wanted.length && wanted[at] === subject[from]) {
      at += 1;
      from += 1;
    } else if (star !== -1) {
      // The last star takes one more character.
      at = star + 1;
      resume += 1;
      from = resume;
    } else return false;
  }
  while (wanted[at] === "*") at += 1;
  return at === wanted.length;
}

/**
 * Whether a path is absolute and says where it leads without being followed.
 *
 * @param path A path of this machine: `/…`, or `C:\…` on Windows.
 */
export function isPlainAbsolute(path: string): boolean {
  if (!/^(?:\/|[A-Za-z]:[\\/])/.test(path) || hasControl(path)) return false;
  return !path.split(/[\\/]/).some((part) => part === "." || part === "..");
}

function hasControl(text: string): boolean {
  // deno-lint-ignore no-control-regex -- finding control characters is the purpose
  return /[\u0000-\u001F\u007F]/.test(text);
}

/**
 * Whether a path is one of some folders, or inside of one. Links are not followed here: whoever
 * opens the path looks at where it really leads.
 *
 * @param path See {@linkcode isPlainAbsolute}; other paths are inside of nothing.
 * @param folders Absolute paths.
 */
export function isInside(path: string, folders: readonly string[]): boolean {
  if (!isPlainAbsolute(path)) return false;
  const whole = segments(path);
  return folders.some((folder) => segments(folder).every((part, index) => whole[index] === part));
}

/** Windows takes either slash, and paths differ by case alone only elsewhere. */
function segments(path: string): readonly string[] {
  const isWindows = /^[A-Za-z]:/.test(path);
  return (isWindows ? path.toLowerCase().split(/[\\/]/) : path.split("/")).filter((part) =>
    part !== ""
  );
}
