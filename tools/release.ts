/**
 * The pure parts of making binaries: platforms and names, arguments, the entry of a bundle,
 * checksums, and reading back what a binary carries. Needs no permission.
 *
 * @example
 * ```ts
 * import { binaryName } from "./release.ts";
 *
 * binaryName("x86_64-pc-windows-msvc"); // "wharf-windows-x64.exe"
 * ```
 *
 * @module
 */

import type { BuildFacts } from "../lib/cli/mod.ts";

/** The platforms of a release: Deno's name, and the words in the binary's. */
export const TARGETS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "linux-x64",
  "aarch64-unknown-linux-gnu": "linux-arm64",
  "x86_64-apple-darwin": "macos-x64",
  "aarch64-apple-darwin": "macos-arm64",
  "x86_64-pc-windows-msvc": "windows-x64",
};

/** The bundle's main file. */
export const ENTRY = "wharf.js";

/** Flags of V8 that a binary carries; small young generations keep a server's memory small. */
const V8_FLAGS = "--max-semi-space-size=4";

/**
 * The file name of a platform's binary in a release.
 *
 * @param target One of {@linkcode TARGETS}.
 */
export function binaryName(target: string): string {
  return `wharf-${TARGETS[target] ?? target}${suffix(target)}`;
}

/** What executables end with on a platform. */
export function suffix(target: string): string {
  return target.includes("windows") ? ".exe" : "";
}

/**
 * The module that is bundled: Wharf's main function with what it is built of.
 *
 * @param main Address of `main.ts`.
 * @param build Commit and day.
 */
export function entryText(main: string, build: BuildFacts): string {
  return [
    'import { createRequire } from "node:module";',
    // Packages in the form of CommonJS ask for Node's modules by a name that modules do not have.
    "Object.assign(globalThis, { require: createRequire(import.meta.url) });",
    `const { main } = await import(${JSON.stringify(main)});`,
    `Deno.exit(await main(Deno.args, ${JSON.stringify(build)}));`,
    "",
  ].join("\n");
}

/**
 * The config that a binary is compiled with: the widest permission set and nothing else, since
 * what is in it goes into the binary. Narrower sets need no other binary.
 *
 * @param config Wharf's deno.json.
 */
export function compileConfig(
  config: { readonly permissions: { readonly full: object } },
): string {
  return JSON.stringify({ lock: false, permissions: { full: config.permissions.full } });
}

/**
 * Arguments of `deno` that make one binary, run where the bundle and its config are.
 *
 * @param target The platform.
 * @param output Path of the binary.
 */
export function compileArgs(target: string, output: string): readonly string[] {
  return [
    ...["compile", "--no-check", "--config", "deno.json", "--app-name", "wharf"],
    ...["-P=full", "--no-prompt", `--v8-flags=${V8_FLAGS}`],
    ...["--target", target, "--output", output, `bundle/${ENTRY}`],
  ];
}

/**
 * The day of a build.
 *
 * @param epochSeconds `SOURCE_DATE_EPOCH`, with which builds can be repeated to the byte.
 * @param now The current time.
 * @returns `YYYY-MM-DD` in UTC.
 */
export function buildDate(epochSeconds: string | undefined, now: Date): string {
  const seconds = /^\d{1,11}$/.test(epochSeconds ?? "") ? Number(epochSeconds) : undefined;
  const date = seconds === undefined ? now : new Date(seconds * 1000);
  return date.toISOString().slice(0, 10);
}

/** One line of `sha256sum`, which `sha256sum -c` and `shasum -c` read. */
export function checksumLine(hex: string, file: string): string {
  return `${hex}  ${file}\n`;
}

/**
 * Why compiling failed, where it did because Deno's runtime for binaries could not be had.
 *
 * @param stderr What `deno compile` wrote.
 * @param asked The platform, Deno's version, and whether the platform is this machine's own.
 * @returns One sentence with the way out, or `undefined` for any other reason.
 */
export function missingRuntime(
  stderr: string,
  { target, version, isOwn }: {
    readonly target: string;
    readonly version: string;
    readonly isOwn: boolean;
  },
): string | undefined {
  const isMissing = /denort/.test(stderr) &&
    /error sending request|could not be found|client error|dns error/i.test(stderr);
  if (!isMissing) return undefined;
  const file = `denort-${target}.zip`;
  const way = isOwn
    ? `set DENORT_BIN to the denort in it`
    : `put it into dl/release/v${version} of DENO_DIR (DENORT_BIN is for this machine's platform)`;
  return `Cannot compile for ${target}: ${file} could not be fetched from dl.deno.land; get it ` +
    `from github.com/denoland/deno/releases/tag/v${version} and ${way}`;
}

/** What a binary says of itself to the runtime in it. */
export interface Baked {
  /** Permissions by Deno's flags: `null` nothing, an empty list everything. */
  readonly permissions: Readonly<Record<string, unknown>>;
  /** Flags of V8. */
  readonly "v8_flags": readonly string[];
  /** The file that it starts with. */
  readonly "entrypoint_key": string;
}

const BAKED_START = '{"argv":[';

/**
 * Reads back what `deno compile` put into a binary beside the code.
 *
 * @param bytes The binary.
 * @returns The options, or `undefined` where there are none to be found.
 */
export function bakedOptions(bytes: Uint8Array): Baked | undefined {
  const start = find(bytes, new TextEncoder().encode(BAKED_START));
  if (start === -1) return undefined;
  const end = closing(bytes, start);
  if (end === -1) return undefined;
  const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(start, end + 1)));
  return isBaked(parsed) ? parsed : undefined;
}

function isBaked(value: unknown): value is Baked {
  return typeof value === "object" && value !== null &&
    "permissions" in value && typeof value.permissions === "object" && value.permissions !== null &&
    "v8_flags" in value && Array.isArray(value.v8_flags) &&
    "entrypoint_key" in value && typeof value.entrypoint_key === "string";
}

/** Where `needle` begins, or -1. */
function find(bytes: Uint8Array, needle: Uint8Array): number {
  const [first = 0] = needle;
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (needle.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

/** Where the JSON object that begins at `start` ends, or -1. */
function closing(bytes: Uint8Array, start: number): number {
  const [quote, backslash, open, close] = [0x22, 0x5c, 0x7b, 0x7d];
  let depth = 0;
  let isText = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isText) {
      if (byte === backslash) at++;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === open) depth++;
    else if (byte === close && --depth === 0) return at;
  }
  return -1;
}
