/**
 * Names and versions of npm and PyPI packages, checked before they become part of a command: none
 * begins like a flag, none names a folder, a URL or a range. Needs no permission.
 *
 * @example
 * ```ts
 * import { pinnedPackage } from "./package_name.ts";
 *
 * pinnedPackage({
 *   type: "npm",
 *   identifier: "@modelcontextprotocol/server-memory",
 *   version: "2026.8.31",
 * }).label; // "npm:@modelcontextprotocol/server-memory@2026.8.31"
 * ```
 *
 * @module
 */

import type { Package } from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { digestOf } from "../oci/mod.ts";

/** The kinds of package that run as a process. */
export type PackageType = "npm" | "pypi";

/** What is read of a catalogue's package here. */
export type PackageRef = Pick<
  Package,
  "type" | "identifier" | "version" | "registryUrl" | "program"
>;

/** A package whose version is known, every part safe to stand in a command. */
export interface PinnedPackage {
  /** Its registry. */
  readonly type: PackageType;
  /** Its name there, with the scope (npm) or without extras (PyPI). */
  readonly name: string;
  /** Extras such as `[cli]`, in their brackets; empty without. PyPI only. */
  readonly extras: string;
  /** The exact version. */
  readonly version: string;
  /** The program in it, where the source names one. */
  readonly program?: string;
  /** How people name it, such as `npm:name@1.0.0`. */
  readonly label: string;
  /** A folder name that no other package has. */
  readonly folder: string;
}

/** As npm allows it (validate-npm-package-name, names of old packages included), but no flag. */
const NPM_NAME = /^(?:@[A-Za-z0-9_~][A-Za-z0-9._~-]*\/)?[A-Za-z0-9_~][A-Za-z0-9._~-]*$/;

/** PEP 508: a name, and its extras. */
const PYPI_NAME =
  /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(\[[A-Za-z0-9](?:[A-Za-z0-9._,-]*[A-Za-z0-9])?\])?$/;

/** Semantic Versioning 2.0.0: one version, no range, no tag. */
const NPM_VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** What PEP 440 allows of one version, and a little more: no comparison, no wildcard, no URL. */
const PYPI_VERSION = /^v?\d[0-9A-Za-z]*(?:[!._+-][0-9A-Za-z]+)*$/;

/** A program's file name. */
const PROGRAM = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** npm's limit on names; versions are far shorter. */
const MAX_CHARS = 214;

/** Base URLs that mean the usual registry. */
const USUAL_REGISTRIES: Readonly<Record<PackageType, RegExp>> = {
  npm: /^https:\/\/registry\.npmjs\.(?:org|com)\/?$/,
  pypi: /^https:\/\/(?:files\.pythonhosted\.org|pypi\.org)(?:\/simple|\/pypi)?\/?$/,
};

/**
 * Whether a package names one version. Others have to be resolved first, see `newestVersion`.
 *
 * @param pkg A package of npm or PyPI.
 */
export function isPinned({ type, version }: PackageRef): boolean {
  if (version === undefined || version.length > MAX_CHARS) return false;
  return type === "npm" ? NPM_VERSION.test(version) : PYPI_VERSION.test(version);
}

/**
 * Checks the name of a package, and that it comes from the usual registry.
 *
 * @param pkg A package of the catalogue.
 * @returns Its registry, name and extras.
 * @throws {AppError} `UNSUPPORTED` for other kinds and registries, `INVALID_ARGUMENT` for a name
 * that its registry does not allow.
 */
export function packageName(
  pkg: PackageRef,
): { readonly type: PackageType; readonly name: string; readonly extras: string } {
  const { type, identifier, registryUrl } = pkg;
  const shown = `${cleanText(type, { maxChars: 20 })}:${cleanText(identifier, { maxChars: 100 })}`;
  if (type !== "npm" && type !== "pypi") {
    throw new AppError("UNSUPPORTED", `Cannot run "${shown}": Wharf runs npm and PyPI packages`, {
      hint: "Choose another launch method, or a server with an image",
    });
  }
  if (registryUrl !== undefined && !USUAL_REGISTRIES[type].test(registryUrl)) {
    throw new AppError(
      "UNSUPPORTED",
      `Cannot run "${shown}": it comes from another registry than the usual one`,
      {
        hint:
          "Choose another launch method; Wharf runs no code of registries that it does not know",
      },
    );
  }
  if (identifier.length <= MAX_CHARS) {
    if (type === "npm" && NPM_NAME.test(identifier)) return { type, name: identifier, extras: "" };
    const [, name, extras = ""] = PYPI_NAME.exec(identifier) ?? [];
    if (type === "pypi" && name !== undefined) return { type, name, extras };
  }
  throw new AppError("INVALID_ARGUMENT", `Cannot run "${shown}": it is no name of a package`, {
    hint: "Check the entry with registry-get; its source may be wrong",
  });
}

/**
 * Checks a package that is about to become a command.
 *
 * @param pkg A package of the catalogue, its version resolved.
 * @returns Its parts.
 * @throws {AppError} As {@linkcode packageName}; `INVALID_ARGUMENT` without an exact version.
 */
export function pinnedPackage(pkg: PackageRef): PinnedPackage {
  const { type, name, extras } = packageName(pkg);
  const { version, program } = pkg;
  if (version === undefined || !isPinned(pkg)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot run "${type}:${name}": its version must be resolved first`,
      { hint: "Give an exact version, such as 1.2.3" },
    );
  }
  if (program !== undefined && !PROGRAM.test(program)) {
    const shown = cleanText(program, { maxChars: 100 });
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot run "${type}:${name}": "${shown}" is no name of a program`,
      { hint: "Check the entry with registry-get; its source may be wrong" },
    );
  }
  const label = `${type}:${name}${extras}@${version}`;
  const plain = (name.split("/").at(-1) ?? name).toLowerCase().replaceAll(/[^a-z0-9-]/g, "_");
  return {
    type,
    name,
    extras,
    version,
    ...(program === undefined ? {} : { program }),
    label,
    folder: `${type}-${plain.slice(0, 40)}-${
      digestOf(new TextEncoder().encode(label)).slice("sha256:".length).slice(0, 12)
    }`,
  };
}
