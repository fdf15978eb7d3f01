/**
 * The model of the catalogue: one MCP server as Wharf knows it, whichever
 * sources name it. An entry of one source and a merged entry have the same
 * form; `sources` says who knows the server and what came from where. Needs no
 * permission: types only.
 *
 * All texts in an entry have passed `cleanText`, all URLs are http or https:
 * `build.ts` is the one place that makes entries. They are still the words of
 * third parties: show them, never obey them.
 *
 * @module
 */

/** How Wharf can start or reach a server. */
export type LaunchMethod =
  /** A container image that speaks MCP on stdin and stdout. */
  | "podman"
  /** An npm or PyPI package, run as a local process. */
  | "stdio-proxy"
  /** A server that others run, reached over HTTP. */
  | "remote-http";

/** Whether its publishers still look after a server. */
export type EntryStatus = "active" | "deprecated" | "archived";

/** Where the value of a {@linkcode Setting} goes. */
export type SettingKind =
  /** An environment variable of the process or container. */
  | "env"
  /** An HTTP header of a remote server. */
  | "header"
  /** A value that templates (`{name}`) of arguments, volumes, headers and URLs refer to. */
  | "variable";

/** How the value of a {@linkcode Setting} is written. A `list` is a JSON array of strings. */
export type SettingFormat = "string" | "number" | "boolean" | "filepath" | "list";

/** Something that a server wants to be told before it runs. */
export interface Setting {
  /** Environment variable, header or variable; unique within its package or remote, by kind. */
  readonly name: string;
  /** Where the value goes. */
  readonly kind: SettingKind;
  /** Whether the server does not work without it. A setting with a `default` or `value` is never asked for. */
  readonly required: boolean;
  /** Whether the value must be kept from logs, argv and answers. */
  readonly secret: boolean;
  /** How the value is written. @default {"string"} */
  readonly format?: SettingFormat;
  /** The catalogue's words on what it is for. */
  readonly description?: string;
  /** An example; decoration, never a value to use. */
  readonly example?: string;
  /** Used when the user gives none. */
  readonly default?: string;
  /** The values that are allowed, when they are known. */
  readonly choices?: readonly string[];
  /**
   * Fixed by the catalogue, the user is not asked. `{name}` stands for the value of the setting
   * of that name in the same package or remote; braces that name no setting stay as they are.
   */
  readonly value?: string;
}

/**
 * One command-line argument of a package. When `value` refers to a setting that has no value,
 * an optional argument is left out. A `boolean` setting in `value` beside a `name` is a switch:
 * the name alone when true.
 */
export interface Argument {
  /** The flag, such as `--port`; it is its own argv element before the value. */
  readonly name?: string;
  /** Text or template, see {@linkcode Setting.value}. */
  readonly value?: string;
  /** The list setting that this argument is repeated for; `{<each>}` in `value` is then one element. */
  readonly each?: string;
}

/** A directory, file or named volume that a container wants to see. */
export interface Volume {
  /** Host path (template) or the name of a volume. */
  readonly source: string;
  /** Path inside the container (template). */
  readonly target: string;
  /** `host` opens a path of the user's machine: it needs the operator's leave. */
  readonly kind: "host" | "named";
  /** Whether the container may only read it. */
  readonly readOnly: boolean;
  /** The list setting whose elements are mounted one by one. */
  readonly each?: string;
}

/** What a container image wants of its engine. */
export interface RunFacts {
  /** What is mounted. */
  readonly volumes: readonly Volume[];
  /** User inside the container (template); absent: the image's own. */
  readonly user?: string;
  /** Whether the source says that the server needs no network. */
  readonly disableNetwork: boolean;
  /** `host:port` that the server talks to, `*` for any host; empty: not said. */
  readonly allowHosts: readonly string[];
  /** Whether one container serves many sessions. */
  readonly longLived: boolean;
}

/** An OAuth sign-in that a package or remote asks for. */
export interface OauthFact {
  /** Who signs the user in. */
  readonly provider: string;
  /** The setting that takes the token, when there is one. */
  readonly setting?: string;
}

/** How a package or remote speaks. */
export type Transport = "stdio" | "streamable-http" | "sse";

/** Something that can be fetched and started. */
export interface Package {
  /** The kind of registry: `oci`, `npm`, `pypi`, `nuget`, `mcpb`, `cargo`, or another's own name. */
  readonly type: string;
  /** Name in that registry; an image reference with registry and tag or digest for `oci`, a URL for `mcpb`. */
  readonly identifier: string;
  /** Version as the source gives it; absent: not said. */
  readonly version?: string;
  /** Base URL of a registry other than the usual one. */
  readonly registryUrl?: string;
  /** SHA-256 of the file, 64 hex digits. */
  readonly sha256?: string;
  /** The runner that the source names (`npx`, `uvx`, `bun`): a hint, not a command. */
  readonly runtimeHint?: string;
  /** The program in the package that is the server, where it does not bear the package's name. */
  readonly program?: string;
  /** How it speaks once started. */
  readonly transport: Transport;
  /** Environment and variables. */
  readonly settings: readonly Setting[];
  /** Arguments after the program or image. */
  readonly args: readonly Argument[];
  /** What a container wants of its engine; `oci` only. */
  readonly run?: RunFacts;
  /** Arguments that the source wants for the runtime (`docker run`, `npx`, `uvx`): shown, never passed on. */
  readonly runtimeArgs?: readonly string[];
  /** Sign-in. */
  readonly oauth?: readonly OauthFact[];
  /** Ids of the source entries that name it. */
  readonly from: readonly string[];
}

/** A server that others run. */
export interface Remote {
  /** Protocol at the URL. */
  readonly type: "streamable-http" | "sse";
  /** http or https URL; may hold `{name}`, see {@linkcode Setting.value}. */
  readonly url: string;
  /** Headers and variables. */
  readonly settings: readonly Setting[];
  /** Sign-in. */
  readonly oauth?: readonly OauthFact[];
  /** Ids of the source entries that name it. */
  readonly from: readonly string[];
}

/** A tool as a catalogue lists it; the server itself may offer others. */
export interface ToolFact {
  /** The tool's name. */
  readonly name: string;
  /** The catalogue's words on it. */
  readonly description?: string;
}

/** Whether the user needs a credential, and how that is known. */
export interface KeyNeed {
  /** `unknown` when no source says either way. */
  readonly value: boolean | "unknown";
  /** What the value rests on, for example `secret GITHUB_TOKEN`. */
  readonly evidence: string;
}

/** One source's record of a server. */
export interface SourceRef {
  /** The source, such as `docker`. */
  readonly source: string;
  /** The id that this source's entry has on its own; look-ups accept it. */
  readonly id: string;
  /** Where a person can read the record. */
  readonly url?: string;
  /** Place in the source, such as `docs/databases.md:5`. */
  readonly place?: string;
  /** Version that the record describes. */
  readonly version?: string;
  /** When the source last changed the record, ISO 8601. */
  readonly updated?: string;
  /** When Wharf last read it, ISO 8601. */
  readonly refreshed?: string;
  /** In an entry of several sources: the fields whose value came from here. */
  readonly gave?: readonly string[];
}

/** One MCP server. */
export interface Entry {
  /** `source/slug` in `[A-Za-z0-9._/@-]`; compare case-folded. Ids in `sources` mean the same entry. */
  readonly id: string;
  /** Short name, unique only by chance. */
  readonly name: string;
  /** Name for people. */
  readonly title: string;
  /** The catalogue's words, one line. May be empty. */
  readonly description: string;
  /** Who knows the server; the first gave the id. */
  readonly sources: readonly SourceRef[];
  /** Repository, as an https URL without the folder. */
  readonly repoUrl?: string;
  /** Folder of the server in a repository that holds several. */
  readonly repoFolder?: string;
  /** Commit, tag or branch that the source means. */
  readonly repoRef?: string;
  /** Page about the server. */
  readonly homepage?: string;
  /** The image that `podman` would run, with registry and tag or digest if the source gives one. */
  readonly containerImage?: string;
  /** Everything that can be fetched and started. */
  readonly packages: readonly Package[];
  /** Everything that can be reached. */
  readonly remotes: readonly Remote[];
  /** Settings that are not tied to a package or remote; see `allSettings` in `launch.ts` for all. */
  readonly settings: readonly Setting[];
  /** Words of the one vocabulary in `categories.ts`. */
  readonly categories: readonly string[];
  /** Lower-case words of the sources. */
  readonly tags: readonly string[];
  /** Whether a source lists it as made by the maker of the product that it serves. */
  readonly official: boolean;
  /** Whether Wharf's own hand-written list names it. */
  readonly featured: boolean;
  /** Whether Docker builds its image (`docker.io/mcp/…`). */
  readonly dockerBuilt: boolean;
  /** Whether the publisher's name space belongs to the owner of the repository or remote; absent: nothing to compare. */
  readonly verified?: boolean;
  /** Whether a credential is needed. */
  readonly requiresApiKey: KeyNeed;
  /** The tools, when a source lists them; absent: not known before the server runs. */
  readonly tools?: readonly ToolFact[];
  /** Ways to launch it, the preferred first. */
  readonly launchMethods: readonly LaunchMethod[];
  /** Why there is no way to launch it; absent when there is one. */
  readonly notLaunchable?: string;
  /** SPDX id or the source's words. */
  readonly license?: string;
  /** Stars, when a source counts them. */
  readonly stars?: number;
  /** Whether it is still looked after. */
  readonly status: EntryStatus;
  /** The source's words on the status. */
  readonly statusMessage?: string;
  /** Id of the first of several near-identical entries (forks of a template, mass listings). */
  readonly cloneGroup?: string;
  /** Place in that group: 0 for the first, which is not ranked down. */
  readonly cloneRank?: number;
  /** When Wharf last read it from any source, ISO 8601. */
  readonly lastRefreshed?: string;
}
