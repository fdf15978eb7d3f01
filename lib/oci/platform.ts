/**
 * Platforms: parsing, normalising, matching (OCI image-spec, image-index.md "platform"). Needs no
 * permission.
 *
 * @example
 * ```ts
 * import { formatPlatform, parsePlatform } from "./platform.ts";
 *
 * formatPlatform(parsePlatform("aarch64")); // "linux/arm64"
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

/** What an image runs on, in the words of Go's GOOS and GOARCH. */
export interface Platform {
  /** For example `linux`. */
  readonly os: string;
  /** For example `arm64`. */
  readonly architecture: string;
  /** For example `v7`. */
  readonly variant?: string;
  /** For example `10.0.17763.1` (Windows). */
  readonly osVersion?: string;
  /** For example `win32k`. */
  readonly osFeatures?: readonly string[];
}

const SYSTEMS: ReadonlyMap<string, string> = new Map([["macos", "darwin"]]);

/** Spellings of `uname -m`, of Debian, and of Docker Hub's namespaces; a map, since indexes name them. */
const ARCHITECTURES: ReadonlyMap<string, readonly [string, string?]> = new Map<
  string,
  readonly [string, string?]
>([
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["i386", ["386"]],
  ["i486", ["386"]],
  ["i586", ["386"]],
  ["i686", ["386"]],
  ["x86", ["386"]],
  ["aarch64", ["arm64"]],
  ["arm64v8", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
  ["armv5l", ["arm", "v5"]],
  ["armv6l", ["arm", "v6"]],
  ["armv7l", ["arm", "v7"]],
  ["arm32v5", ["arm", "v5"]],
  ["arm32v6", ["arm", "v6"]],
  ["arm32v7", ["arm", "v7"]],
  ["ppc64el", ["ppc64le"]],
]);

const KNOWN_ARCHITECTURES = new Set([
  "386",
  "amd64",
  "arm",
  "arm64",
  "loong64",
  "mips",
  "mips64",
  "mips64le",
  "mipsle",
  "ppc64",
  "ppc64le",
  "riscv64",
  "s390x",
  "wasm",
  ...ARCHITECTURES.keys(),
]);

/** `os/architecture[/variant][:os-version]`, or without the system. */
const FORM =
  /^(?<words>[a-z0-9_.-]{1,64}(?:\/[a-z0-9_.-]{1,64}){0,2})(?::(?<version>[a-z0-9._-]{1,64}))?$/i;

/**
 * Parses a platform as people write it.
 *
 * @param text `os/architecture[/variant][:os-version]`, or `architecture[/variant]` (then of Linux).
 * @returns The normalised platform.
 * @throws {AppError} `INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * import { formatPlatform, parsePlatform } from "@wharf/wharf";
 *
 * formatPlatform(parsePlatform("aarch64")); // "linux/arm64"
 * ```
 */
export function parsePlatform(text: string): Platform {
  const groups = FORM.exec(text.trim())?.groups;
  if (groups === undefined) throw invalid(text, "it has not the form os/architecture[/variant]");
  const given = (groups["words"] ?? "").toLowerCase().split("/");
  const isKnown = KNOWN_ARCHITECTURES.has(given[0] ?? "");
  if (given.length === 1 && !isKnown) throw invalid(text, "it names no known architecture");
  // No system has the name of an architecture, so `arm/v7` can only be a variant.
  if (given.length === 3 && isKnown) throw invalid(text, "it begins with an architecture");
  const [os = "", architecture = "", variant] = isKnown ? ["linux", ...given] : given;
  const osVersion = groups["version"];
  return normalisePlatform({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  });
}

function invalid(text: string, why: string): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    `Cannot use platform "${cleanText(text, { maxChars: 100 })}": ${why}`,
    { hint: "Write for example linux/amd64, linux/arm/v7 or windows/amd64:10.0.17763" },
  );
}

/**
 * Gives equal platforms equal words: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`.
 *
 * @param platform As a registry or a person spells it.
 * @returns The normalised platform.
 */
export function normalisePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const alias = ARCHITECTURES.get(platform.architecture.toLowerCase());
  const architecture = alias?.[0] ?? platform.architecture.toLowerCase();
  let variant = platform.variant?.toLowerCase() || alias?.[1];
  if (variant !== undefined && /^\d+$/.test(variant)) variant = `v${variant}`;
  if (architecture === "arm") variant ??= "v7";
  if (architecture === "arm64" && variant === "v8") variant = undefined;
  if (architecture === "amd64" && variant === "v1") variant = undefined;
  return {
    os: SYSTEMS.get(os) ?? os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(platform.osVersion === undefined || platform.osVersion === ""
      ? {}
      : { osVersion: platform.osVersion }),
    ...(platform.osFeatures === undefined || platform.osFeatures.length === 0
      ? {}
      : { osFeatures: platform.osFeatures }),
  };
}

/**
 * Writes a platform as `os/architecture[/variant]`; the OS version is a fact of its own.
 *
 * @param platform A platform, normalised or not.
 * @returns The short form.
 */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalisePlatform(platform);
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** What {@linkcode selectPlatform} chooses from; an entry without a platform fits nothing. */
export interface PlatformCandidate {
  /** The platform, if the entry says one. */
  readonly platform?: Platform | undefined;
}

/**
 * Chooses the entry that runs best on a platform. A lower variant runs on a higher one
 * (`arm/v6` on `arm/v7`), and the highest that runs is best. Windows images need the same build.
 *
 * @param candidates Entries of an index.
 * @param wanted The platform to run on.
 * @returns The best entry, the first among equals, or `undefined`.
 */
export function selectPlatform<T extends PlatformCandidate>(
  candidates: readonly T[],
  wanted: Platform,
): T | undefined {
  const target = normalisePlatform(wanted);
  let best: { readonly candidate: T; readonly score: number } | undefined;
  for (const candidate of candidates) {
    if (candidate.platform === undefined) continue;
    const score = fitness(normalisePlatform(candidate.platform), target);
    if (score !== undefined && (best === undefined || score > best.score)) {
      best = { candidate, score };
    }
  }
  return best?.candidate;
}

/** Higher is better; `undefined` does not run at all. */
function fitness(offered: Platform, target: Platform): number | undefined {
  if (offered.os !== target.os || offered.architecture !== target.architecture) return undefined;
  if (offered.os === "unknown") return undefined;
  const version = versionFitness(offered, target);
  const variant = variantFitness(offered, target);
  return version === undefined || variant === undefined ? undefined : variant * 10 + version;
}

function variantFitness(offered: Platform, target: Platform): number | undefined {
  if (offered.variant === target.variant) return 1000;
  const level = (platform: Platform) => {
    if (platform.variant === undefined) {
      if (platform.architecture === "amd64") return 1;
      return platform.architecture === "arm64" ? 8 : 0;
    }
    return /^v\d+(\.\d+)?$/.test(platform.variant) ? Number(platform.variant.slice(1)) : undefined;
  };
  const [have, want] = [level(offered), level(target)];
  if (have === undefined || want === undefined || have > want) return undefined;
  return have;
}

/** Windows containers share the kernel of the host, so the first three parts must agree. */
function versionFitness(offered: Platform, target: Platform): number | undefined {
  if (target.osVersion === undefined || offered.osVersion === undefined) return 0;
  if (offered.osVersion === target.osVersion) return 2;
  const build = (version: string) => version.split(".").slice(0, 3).join(".");
  if (build(offered.osVersion) === build(target.osVersion)) return 1;
  return undefined;
}
