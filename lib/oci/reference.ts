/**
 * References to images: every spelling that people and tools use, made into one form. Needs no
 * permission.
 *
 * The grammar is that of the distribution-spec ("Pulling manifests") and of containers' reference
 * package; web pages of registries are taken too. Which first part is a host follows regctl but for
 * one case: a short name in upper case (`Grafana/grafana`) is a misspelt repository for Wharf, not a
 * host to dial.
 *
 * @example
 * ```ts
 * import { formatReference, parseReference } from "./reference.ts";
 *
 * formatReference(parseReference("https://hub.docker.com/_/alpine")); // "docker.io/library/alpine:latest"
 * ```
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText, hasHiddenCharacters } from "../core/text.ts";
import { type Digest, isDigest, parseDigest } from "./digest.ts";
import { referenceInPage } from "./reference_page.ts";

/** A repository in a registry. */
export interface Repository {
  /** Host and port as people know it: `docker.io`, `ghcr.io`, `[::1]:5000`; in lower case. */
  readonly registry: string;
  /** Path in the registry: `library/alpine`. */
  readonly repository: string;
}

/** An image in a repository, by tag, digest, or both. */
export interface Reference extends Repository {
  /** The tag; `latest` when neither a tag nor a digest was given. */
  readonly tag?: string;
  /** The digest; where both are given it decides. */
  readonly digest?: Digest;
}

/** Docker Hub under all its names; it is dialled at {@linkcode apiHost}. */
const DOCKER_HUB = "docker.io";
const DOCKER_HUB_NAMES = new Set([
  DOCKER_HUB,
  "index.docker.io",
  "registry-1.docker.io",
  "registry.docker.io",
  "registry.hub.docker.com",
  "hub.docker.com",
]);

const MAX_LENGTH = 1024;
const MAX_REPOSITORY = 255;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const HOST_NAME =
  /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * Parses a reference.
 *
 * @param text For example `alpine`, `ghcr.io/org/app:1@sha256:…`, `docker://alpine`, or the address
 * of an image's page on Docker Hub, GitHub or Quay.
 * @returns The reference; its `tag` is `latest` when neither a tag nor a digest was given.
 * @throws {AppError} `INVALID_ARGUMENT` that says what does not fit, with a correction where one is near.
 *
 * @example
 * ```ts
 * import { parseReference } from "@wharf/wharf";
 *
 * parseReference("ghcr.io/org/app"); // { "registry": "ghcr.io", "repository": "org/app", "tag": "latest" }
 * ```
 */
export function parseReference(text: string): Reference {
  const { repository, tag, digest } = parts(text);
  if (tag === undefined && digest === undefined) return { ...repository, tag: "latest" };
  return {
    ...repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * Parses the name of a repository; a tag or digest behind it is dropped.
 *
 * @param text As for {@linkcode parseReference}.
 * @returns The repository.
 * @throws {AppError} `INVALID_ARGUMENT`.
 */
export function parseRepository(text: string): Repository {
  return parts(text).repository;
}

/**
 * Parses the name of a registry.
 *
 * @param text Host, with or without port or `https://`.
 * @returns The registry as in {@linkcode Repository.registry}.
 * @throws {AppError} `INVALID_ARGUMENT`.
 */
export function parseRegistry(text: string): string {
  const bare = checkedText(text).replace(/^(?:https?|docker|oci):\/\//i, "")
    .replace(/\/(?:v[12]\/?)?$/, "");
  if (bare.includes("@")) throw userInfo();
  if (bare.includes("/")) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use registry "${shown(text)}": it is more than a host`,
      { hint: `Write the host alone, for example ghcr.io or localhost:5000` },
    );
  }
  return registryOf(bare, text);
}

/**
 * Writes a reference in full.
 *
 * @param reference A repository, with or without tag and digest.
 * @returns `registry/repository[:tag][@digest]`.
 *
 * @example
 * ```ts
 * import { formatReference, parseReference } from "@wharf/wharf";
 *
 * formatReference(parseReference("alpine:3.20")); // "docker.io/library/alpine:3.20"
 * ```
 */
export function formatReference(reference: Reference | Repository): string {
  const { registry, repository, tag, digest }: Reference = reference;
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${
    digest === undefined ? "" : `@${digest}`
  }`;
}

/**
 * The host that serves a registry's API.
 *
 * @param registry As in {@linkcode Repository.registry}.
 * @returns The host to dial: for Docker Hub `registry-1.docker.io`.
 */
export function apiHost(registry: string): string {
  return isDockerHub(registry) ? "registry-1.docker.io" : registry;
}

/**
 * Whether a registry is Docker Hub.
 *
 * @param registry A registry's name, in any of Docker Hub's spellings.
 * @returns `true` for Docker Hub.
 */
export function isDockerHub(registry: string): boolean {
  return DOCKER_HUB_NAMES.has(registry.toLowerCase());
}

interface Parts {
  readonly repository: Repository;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

function parts(text: string): Parts {
  const given = checkedText(text).replace(/^(?:docker|oci):\/\//i, "");
  const plain = referenceInPage(given) ?? given;
  const at = plain.indexOf("@");
  const named = at === -1 ? plain : plain.slice(0, at);
  const digest = at === -1 ? undefined : parseDigest(plain.slice(at + 1));
  // A colon in the first part belongs to a port; one behind the last slash begins the tag.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const isAddress = named.startsWith("[") && !named.includes("/");
  const tag = colon === -1 || isAddress ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) throw badTag(text, tag);
  const name = tag === undefined ? named : named.slice(0, colon);
  return {
    repository: repositoryOf(name, text, { suffix: plain.slice(name.length) }),
    tag,
    digest,
  };
}

function checkedText(text: string): string {
  const given = text.trim();
  if (given === "") {
    throw new AppError("INVALID_ARGUMENT", 'Cannot use reference "": it is empty', {
      hint: "Name an image, for example alpine:3.20 or ghcr.io/org/app@sha256:…",
    });
  }
  if (given.length > MAX_LENGTH) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use the reference: it is longer than ${MAX_LENGTH} characters`,
      { hint: "Name one image, for example alpine:3.20" },
    );
  }
  if (hasUserInfo(given)) throw userInfo();
  if (hasHiddenCharacters(given) || /\s/.test(given)) {
    throw invalid(
      given,
      "it holds blanks or hidden characters",
      "Type it again by hand instead of pasting it",
    );
  }
  // deno-lint-ignore no-control-regex -- the range is ASCII as a whole
  if (/[^\x00-\x7f]/.test(given)) {
    throw invalid(
      given,
      "it holds characters outside of ASCII, which may only look like the right ones",
      "Type it again by hand; write international host names as xn--…",
    );
  }
  return given;
}

/** Before the first slash, `@` follows a user; a digest has no slash behind it. */
function hasUserInfo(text: string): boolean {
  const bare = text.replace(/^[a-z]+:\/\//i, "").replace(/[?#].*$/s, "");
  const at = bare.indexOf("@");
  return at !== -1 && (at < bare.indexOf("/") || at !== bare.lastIndexOf("@"));
}

/** Quotes nothing: a password that was pasted with the address must not come back. */
function userInfo(): AppError {
  return new AppError(
    "INVALID_ARGUMENT",
    "Cannot use the reference: a user name or password does not belong into it",
    { hint: "Write registry/repository:tag, and log in with podman login or docker login" },
  );
}

function repositoryOf(
  name: string,
  text: string,
  options: { readonly suffix: string },
): Repository {
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const hasHost = slash !== -1 && isHost(first);
  const registry = hasHost ? registryOf(first, text) : DOCKER_HUB;
  const path = hasHost ? name.slice(slash + 1) : name;
  const repository = registry === DOCKER_HUB && path !== "" && !path.includes("/")
    ? `library/${path}`
    : path;
  const fault = faultOf(repository, path);
  if (fault === undefined) return { registry, repository };
  // Upper case is the one fault with an obvious correction.
  const lower = name.toLowerCase();
  const isNear = lower !== name &&
    faultOf(repository.toLowerCase(), path.toLowerCase()) === undefined;
  if (isNear) {
    throw invalid(
      text,
      "a repository is in lower case",
      `Did you mean ${lower}${options.suffix}?`,
    );
  }
  throw invalid(
    text,
    fault,
    path === ""
      ? "Add one, for example ghcr.io/org/app"
      : "Use lower-case letters, digits and single . _ - between them, with / between the names",
  );
}

/** Dotted, IPv6 in brackets, `localhost`, or with a port. */
function isHost(first: string): boolean {
  return first.toLowerCase() === "localhost" || /[.:[]/.test(first);
}

function registryOf(host: string, text: string): string {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d+))?$/.exec(host);
  const name = match?.[1]?.toLowerCase() ?? "";
  const port = match?.[2];
  // What the web reads as another host (127.1, 0x7f.0.0.1) would pass for one that it is not.
  const dialled = URL.parse(`http://${name}/`)?.hostname;
  const isIpv6 = name.startsWith("[") && dialled !== undefined;
  if (!isIpv6 && !(HOST_NAME.test(name) && name.length <= 253 && dialled === name)) {
    throw invalid(
      text,
      "its host is not a host name",
      "Write host[:port]/repository, for example localhost:5000/app",
    );
  }
  if (port !== undefined && (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65535)) {
    throw invalid(text, "its port is not from 1 to 65535", "Check the port");
  }
  // One address has many spellings, of which credentials and rules know the shortest.
  const canonical = isIpv6 ? dialled : name;
  if (port !== undefined) return `${canonical}:${port}`;
  return DOCKER_HUB_NAMES.has(canonical) ? DOCKER_HUB : canonical;
}

/** What keeps a path from being a repository. */
function faultOf(repository: string, path: string): string | undefined {
  if (path === "") return "it names no repository";
  if (repository.length > MAX_REPOSITORY) {
    return `its repository is longer than ${MAX_REPOSITORY} characters`;
  }
  if (repository.split("/").every((component) => COMPONENT.test(component))) return undefined;
  return "its repository does not have the form name[/name…]";
}

function badTag(text: string, tag: string): AppError {
  if (isDigest(tag)) return invalid(text, "a digest follows @, not :", `Write …@${tag}`);
  return invalid(
    text,
    `its tag "${cleanText(tag, { maxChars: 150 })}" is not a tag`,
    "A tag has up to 128 letters, digits, . _ - and begins with none of . -",
  );
}

function invalid(text: string, why: string, hint: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot use reference "${shown(text)}": ${why}`, {
    hint,
  });
}

/** The query of an address may be a signature. */
function shown(text: string): string {
  return cleanText(text.replace(/\?.*$/s, "?…"), { maxChars: 200 });
}
