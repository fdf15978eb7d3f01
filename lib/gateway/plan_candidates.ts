/**
 * The ways in which an entry, or what a caller names, could be started. What the caller puts in
 * place of the entry's own is not the entry: it gets none of the entry's settings, so that no
 * stored value is handed to a stranger. Needs no permission.
 *
 * @module
 */

import {
  type Argument,
  type Entry,
  launchOptions,
  type OauthFact,
  type Package,
  type Remote,
  type RunFacts,
  type Setting,
} from "../catalog/mod.ts";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { parseReference, type Reference } from "../oci/mod.ts";
import { isPinned, packageName } from "./package_name.ts";
import type { ActivationRequest, PlanTarget, RuntimeKind } from "./plan_types.ts";
import type { PlanMethod } from "./verdict.ts";

/** One way to start something. */
export interface Candidate {
  /** The way. */
  readonly method: PlanMethod;
  /** What would run; a remote's address is still a template. */
  readonly target: PlanTarget;
  /** What this machine needs to have. */
  readonly needs?: RuntimeKind;
  /** Whether the caller named it and no entry does. */
  readonly adHoc: boolean;
  /** Ids of the source records that name it. */
  readonly from: readonly string[];
  /** Its settings. */
  readonly settings: readonly Setting[];
  /** Its arguments. */
  readonly args: readonly Argument[];
  /** What its container wants. */
  readonly run?: RunFacts;
  /** Arguments of the runtime that the source asks for. */
  readonly runtimeArgs: readonly string[];
  /** Sign-ins. */
  readonly oauth: readonly OauthFact[];
}

const NOTHING = { from: [], settings: [], args: [], runtimeArgs: [], oauth: [] } as const;

/**
 * The ways that fit a request, the preferred first.
 *
 * @param entry The entry; `undefined` where the caller names everything.
 * @param request What is asked for.
 * @returns At least one way; one that cannot be read is left out while there are others.
 * @throws {AppError} `INVALID_ARGUMENT` for a request that contradicts itself or what there is,
 * `UNSUPPORTED` for an entry that nothing can start, and what reading the only way throws.
 */
export function candidatesOf(
  entry: Entry | undefined,
  request: ActivationRequest,
): readonly Candidate[] {
  const { image, command, url, launchMethod, args, version, network } = request;
  const named = [image, command, url].filter((text) => text !== undefined).length;
  if (named > 1) {
    throw fault("what is asked for", "image, command and url cannot be given together", {
      hint: "Give one of them",
    });
  }
  if (version !== undefined && (image !== undefined || command !== undefined)) {
    throw fault("version", "it is about the entry's own package or image", {
      hint: "Give an image with its tag or digest, or leave version out",
    });
  }
  if (network === "none" && command !== undefined) {
    throw fault("network", "nothing keeps a given command from the network", {
      hint: "Add an image or a package instead",
    });
  }
  if (entry === undefined && named === 0) {
    throw fault("what is asked for", "it names no entry, image, command or url", {
      hint: "Search an id with registry-find",
    });
  }
  const makers = image !== undefined
    ? [() => imageCandidate(image, entry)]
    : command !== undefined
    ? [() => commandCandidate(command)]
    : url !== undefined
    ? [() => urlCandidate(url, entry, request)]
    : entry === undefined
    ? []
    : entryMakers(entry, request);
  const { candidates, problems } = collect(makers);
  const fitting = candidates.filter(({ method }) =>
    launchMethod === undefined || method === launchMethod
  );
  const [problem] = problems;
  if (candidates.length === 0 && problem !== undefined) throw problem;
  if (fitting.length === 0) throw noWay(entry, candidates, launchMethod);
  return args === undefined ? fitting : fitting.map((candidate) => withArgs(candidate, args));
}

function collect(makers: readonly (() => Candidate)[]): {
  readonly candidates: readonly Candidate[];
  readonly problems: readonly AppError[];
} {
  const candidates: Candidate[] = [];
  const problems: AppError[] = [];
  for (const make of makers) {
    try {
      candidates.push(make());
    } catch (thrown) {
      // One bad package of an entry is no reason to refuse its others.
      if (!(thrown instanceof AppError)) throw thrown;
      problems.push(thrown);
    }
  }
  return { candidates, problems };
}

function withArgs(candidate: Candidate, args: readonly string[]): Candidate {
  if (args.length > 256 || args.some((text) => text.includes("\0") || text.length > 32 * 1024)) {
    throw fault("args", "they are too many, too long, or hold a NUL character", {
      hint: "Give each argument as one element",
    });
  }
  // Braces in a caller's argument are no templates: nothing is declared under this name.
  return { ...candidate, args: args.map((value) => ({ value: guard(value, candidate.settings) })) };
}

/** An argument is put in as it is: it may not reach for a setting's value by its braces. */
function guard(value: string, settings: readonly Setting[]): string {
  const reached = settings.find(({ name }) => value.includes(`{${name}}`));
  if (reached === undefined) return value;
  throw fault("args", `"{${reached.name}}" would stand for the value of a setting`, {
    hint: "Leave args out to use the entry's own arguments",
  });
}

function entryMakers(entry: Entry, request: ActivationRequest): readonly (() => Candidate)[] {
  const makers = launchOptions(entry).flatMap(({ package: item, remote }) => [
    ...(item === undefined ? [] : [() => packageCandidate(item, entry, request)]),
    ...(remote === undefined ? [] : [() => remoteCandidate(remote, entry, request)]),
  ]);
  const { repoUrl } = entry;
  const wantsSource = request.launchMethod === "source" || makers.length === 0;
  if (repoUrl === undefined || !wantsSource) return makers;
  return [...makers, () => sourceCandidate(entry, repoUrl, request)];
}

function packageCandidate(item: Package, entry: Entry, request: ActivationRequest): Candidate {
  const common = {
    adHoc: false,
    from: item.from,
    settings: withShared(item.settings, entry),
    args: item.args,
    runtimeArgs: item.runtimeArgs ?? [],
    oauth: item.oauth ?? [],
    ...(item.run === undefined ? {} : { run: item.run }),
  };
  if (item.type === "oci") {
    const image = atVersion(parseReference(item.identifier), request.version);
    return { ...common, method: "podman", needs: "engine", target: { kind: "image", image } };
  }
  const { type, name, extras } = packageName(item);
  const version = versionOf(item, request.version);
  return {
    ...common,
    method: "stdio-proxy",
    needs: type,
    target: {
      kind: "package",
      type,
      name: `${name}${extras}`,
      ...(version === undefined ? {} : { version }),
      ...(item.program === undefined ? {} : { program: item.program }),
    },
  };
}

/** A version that was asked for has to be exact; what a source gives may be a range or a tag. */
function versionOf(item: Package, asked: string | undefined): string | undefined {
  if (asked === undefined) return isPinned(item) ? item.version : undefined;
  if (asked === "latest") return undefined;
  if (isPinned({ ...item, version: asked })) return asked;
  throw fault("version", `"${cleanText(asked, { maxChars: 60 })}" is no exact version`, {
    hint: 'Give one such as 1.2.3, or "latest"',
  });
}

function atVersion(image: Reference, version: string | undefined): Reference {
  if (version === undefined) return image;
  const separator = version.includes(":") ? "@" : ":";
  return parseReference(`${image.registry}/${image.repository}${separator}${version}`);
}

function remoteCandidate(
  remote: Remote,
  entry: Entry,
  request: ActivationRequest,
): Candidate {
  refuseLocal(entry.id, request);
  return {
    method: "remote-http",
    target: { kind: "remote", url: remote.url, transport: remote.type },
    adHoc: false,
    from: remote.from,
    settings: withShared(remote.settings, entry),
    args: [],
    runtimeArgs: [],
    oauth: remote.oauth ?? [],
  };
}

/** What only something that Wharf starts can be given. */
function refuseLocal(what: string, { version, network, args }: ActivationRequest): void {
  if (version === undefined && network !== "none" && args === undefined) return;
  throw fault(what, "a remote server takes no version, arguments or network", {
    hint: "Leave them out, or choose another launch_method",
  });
}

function sourceCandidate(
  entry: Entry,
  repoUrl: string,
  { version }: Pick<ActivationRequest, "version">,
): Candidate {
  const ref = version ?? entry.repoRef;
  if (ref !== undefined && !/^[A-Za-z0-9_][\w./-]{0,199}$/.test(ref)) {
    throw fault("version", "it is no commit, tag or branch", { hint: "Give a commit" });
  }
  return {
    ...NOTHING,
    method: "source",
    needs: "engine",
    target: {
      kind: "source",
      repoUrl,
      ...(entry.repoFolder === undefined ? {} : { folder: entry.repoFolder }),
      ...(ref === undefined ? {} : { ref }),
    },
    adHoc: false,
    from: entry.sources.map(({ id }) => id),
    settings: entry.settings,
  };
}

/** Another tag or digest of the entry's own image is still the entry's. */
function imageCandidate(text: string, entry: Entry | undefined): Candidate {
  const image = parseReference(text);
  const own = entry?.packages.find(({ type, identifier, transport }) =>
    type === "oci" && transport === "stdio" && isSameRepository(identifier, image)
  );
  const target = { kind: "image", image } as const;
  if (entry !== undefined && own !== undefined) {
    return { ...packageCandidate(own, entry, { by: "client" }), target };
  }
  return { ...NOTHING, method: "podman", needs: "engine", target, adHoc: true };
}

function isSameRepository(identifier: string, image: Reference): boolean {
  try {
    const { registry, repository } = parseReference(identifier);
    return registry === image.registry && repository === image.repository;
  } catch {
    return false;
  }
}

function commandCandidate(command: string): Candidate {
  return { ...NOTHING, method: "command", target: { kind: "command", command }, adHoc: true };
}

function urlCandidate(
  text: string,
  entry: Entry | undefined,
  request: ActivationRequest,
): Candidate {
  const url = URL.parse(text);
  if (
    url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== ""
  ) {
    throw fault("url", "it is no http or https address without a login", {
      hint: "Give an address such as https://example.com/mcp",
    });
  }
  const own = entry?.remotes.find((remote) => URL.parse(remote.url)?.href === url.href);
  if (entry !== undefined && own !== undefined) return remoteCandidate(own, entry, request);
  refuseLocal("url", request);
  if (Object.keys(request.env ?? {}).length > 0) {
    throw fault("env", "an address that no entry names takes no values", { hint: "Leave env out" });
  }
  return {
    ...NOTHING,
    method: "remote-http",
    target: { kind: "remote", url: url.href, transport: "streamable-http" },
    adHoc: true,
  };
}

/** Settings that a source does not tie to a package count for each of them. */
function withShared(settings: readonly Setting[], entry: Entry): readonly Setting[] {
  const own = new Set(settings.map(({ name }) => name));
  return [...settings, ...entry.settings.filter(({ name }) => !own.has(name))];
}

function noWay(
  entry: Entry | undefined,
  candidates: readonly Candidate[],
  method: PlanMethod | undefined,
): AppError {
  const id = cleanText(entry?.id ?? "it", { maxChars: 150 });
  const methods = [...new Set(candidates.map((candidate) => candidate.method))];
  if (methods.length === 0) {
    return new AppError(
      "UNSUPPORTED",
      `Cannot add "${id}": ${entry?.notLaunchable ?? "no source says how to start it"}`,
      {
        hint: "Read its repository with registry-get; the operator may allow image, command or url",
      },
    );
  }
  return fault(id, `it cannot be started by ${method}`, {
    hint: `Choose launch_method ${methods.join(" or ")}`,
  });
}

function fault(what: string, state: string, options: { readonly hint: string }): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot add "${what}": ${state}`, options);
}
