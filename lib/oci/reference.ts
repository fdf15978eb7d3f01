/**
 * References to images: every spelling that people and tools use, made into one form. Needs no
 * permission.
 *
 * The grammar is that of the distribution-spec ("Pulling manifests") and of containers' reference
 * package; which first part is a host follows regctl; web pages of registries are taken too.
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
import { hasHiddenCharacters } from "../core/text.ts";
import { type Digest, parseDigest } from "./digest.ts";
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
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/**
 * Parses a reference.
 *
 * @param text For example `alpine`, `ghcr.io/org/app:1@sha256:…`, `docker://alpine`, or the address
 * of an image's page on Docker Hub, GitHub or Quay.
 * @returns The reference; its `tag` is `latest` when neither a tag nor a digest was given.
 * @throws {AppError} `INVALID_ARGUMENT` that says what does not fit, with a correction where one is near.
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
  const bare = checkedText(text).replace(/^(?:https?|docker|oci):\/\//i, "").replace(
    /\/+(?:v2\/?)?$/,
    "",
  );
  return registryOf(bare, text);
}

/**
 * Writes a reference in full.
 *
 * @param reference A repository, with or without tag and digest.
 * @returns `registry/repository[:tag][@digest]`.
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
  const given = checkedText(text);
  const plain = referenceInPage(given) ?? given.replace(/^(?:docker|oci):\/\//i, "");
  const at = plain.indexOf("@");
  const named = at === -1 ? plain : plain.slice(0, at);
  const digest = at === -1 ? undefined : parseDigest(plain.slice(at + 1));
  // A colon in the first part belongs to a port; one behind the last slash begins the tag.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const isAddress = named.startsWith("[") && !named.includes("/");
  const tag = colon === -1 || isAddress ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) throw badTag(text, tag);
  return {
    repository: repositoryOf(tag === undefined ? named : named.slice(0, colon), text),
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
    throw invalid(
      given.slice(0, 60) + "…",
      `it is longer than ${MAX_LENGTH} characters`,
      "Shorten it",
    );
  }
  if (hasHiddenCharacters(given) || /\s/.test(given)) {
    throw invalid(
      JSON.stringify(given).slice(1, -1),
      "it holds blanks or hidden characters",
      "Type it again by hand instead of pasting it",
    );
  }
  return given;
}

function repositoryOf(name: string, text: string): Repository {
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const hasHost = slash !== -1 && isHost(first);
  const registry = hasHost ? registryOf(first, text) : DOCKER_HUB;
  const path = hasHost ? name.slice(slash + 1) : name;
  const repository = registry === DOCKER_HUB && path !== "" && !path.includes("/")
    ? `library/${path}`
    : path;
  checkRepository(repository, path, text);
  return { registry, repository };
}

/** regctl's rule: dotted, with upper case, IPv6 in brackets, `localhost`, or with a port. */
function isHost(first: string): boolean {
  return first === "localhost" || /[.:[]/.test(first) || /[A-Z]/.test(first);
}

function registryOf(host: string, text: string): string {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(host);
  const name = match?.[1] ?? "";
  const port = match?.[2];
  const isIpv6 = name.startsWith("[") && URL.canParse(`http://${name}/`);
  if (match === null || !(isIpv6 || (HOST_NAME.test(name) && name.length <= 253))) {
    const why = host.includes("@")
      ? "user names do not belong into a reference"
      : "its host is not a host name";
    throw invalid(
      redacted(text),
      why,
      "Write host[:port]/repository, for example localhost:5000/app",
    );
  }
  if (port !== undefined && (Number(port) === 0 || Number(port) > 65535)) {
    throw invalid(redacted(text), `its port ${port} is not from 1 to 65535`, "Check the port");
  }
  const lower = host.toLowerCase();
  return port === undefined && DOCKER_HUB_NAMES.has(lower) ? DOCKER_HUB : lower;
}

function checkRepository(repository: string, path: string, text: string): void {
  if (repository.length > MAX_REPOSITORY) {
    throw invalid(
      redacted(text),
      `its repository is longer than ${MAX_REPOSITORY} characters`,
      "Shorten it",
    );
  }
  if (repository.split("/").every((component) => COMPONENT.test(component))) return;
  if (path === "") {
    throw invalid(redacted(text), "it names no repository", "Add one, for example ghcr.io/org/app");
  }
  if (path !== path.toLowerCase()) {
    throw invalid(
      redacted(text),
      "a repository is in lower case",
      `Did you mean ${redacted(text).replace(path, path.toLowerCase())}?`,
    );
  }
  throw invalid(
    redacted(text),
    `its repository "${redacted(path)}" does not have the form name[/name…]`,
    "Use lower-case letters, digits and single . _ - between them, with / between the names",
  );
}

function badTag(text: string, tag: string): AppError {
  if (/^[0-9a-f]{64}$/.test(tag)) {
    return invalid(redacted(text), "a digest follows @, not :", `Write …@sha256:${tag}`);
  }
  return invalid(
    redacted(text),
    `its tag "${redacted(tag)}" is not a tag`,
    "A tag has up to 128 letters, digits, . _ - and begins with none of . -",
  );
}

/** A password that somebody pasted with the address must not come back in an error. */
function redacted(text: string): string {
  return text.trim().slice(0, 200).replace(
    /^([a-z]+:\/\/)?[^/@]*:[^/@]*@(?!sha(?:256|512):)/i,
    "$1***@",
  );
}

function invalid(text: string, why: string, hint: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot use reference "${text}": ${why}`, { hint });
}
