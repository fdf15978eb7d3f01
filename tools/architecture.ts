/**
 * The layer table: which unit of `lib/` may import which, through which door, which file imports
 * which package. Data only, needs no permission; `architecture_lint.ts` turns it into lint errors.
 *
 * @module
 */

/** Units (folder or file stem under `lib/`) that each unit may import. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  rpc: ["core"],
  config: ["core", "flags", "mcp", "serving"],
  flags: ["core"],
  serving: ["core", "flags"],
  grants: ["mcp"],
  host: ["core"],
  store: ["core"],
  oci: ["core"],
  connect: ["core"],
  catalog: ["core", "store"],
  gateway: ["core", "rpc", "store", "oci", "catalog"],
  mcp: ["core", "rpc", "oci", "catalog", "gateway"],
  doctor: ["core", "config", "oci", "catalog", "gateway", "mcp"],
  http: ["core", "mcp"],
  telemetry: ["core", "oci", "catalog", "gateway", "mcp", "http"],
  cli: ["core", "mcp", "doctor", "connect"],
  effects: ["core"],
  activity: ["core", "config", "effects", "catalog", "gateway", "mcp", "telemetry"],
  app: [
    "core",
    "config",
    "effects",
    "activity",
    "store",
    "oci",
    "catalog",
    "gateway",
    "mcp",
    "http",
    "telemetry",
    "doctor",
  ],
  // The files at the root: the composition root and the public API.
  main: [
    "core",
    "config",
    "serving",
    "grants",
    "host",
    "store",
    "oci",
    "catalog",
    "gateway",
    "mcp",
    "http",
    "doctor",
    "cli",
    "connect",
    "app",
  ],
  mod: ["core", "rpc", "config", "store", "oci", "catalog", "gateway", "mcp", "http", "app"],
};

/**
 * Files of a folder that other units may import, where that is not `mod.ts` alone. `core` and
 * `host` have no door: each of their files is one.
 */
export const DOORS: Readonly<Record<string, readonly string[] | "every file">> = {
  core: "every file",
  host: "every file",
  // The half that speaks the protocol loads the SDK, which a one-shot command must not pay for.
  mcp: ["mod.ts", "protocol.ts"],
};

/** Units whose own code may cause effects; everything else receives them as interfaces. */
export const EFFECTFUL: ReadonlySet<string> = new Set(["host", "main"]);

/**
 * Files that may import each third-party package, as prefixes of paths: a whole file name where
 * one file is the package's only importer. A package that is not listed may not be imported.
 */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "zod": ["lib/"],
  "@modelcontextprotocol/sdk": ["lib/mcp/sdk.ts", "lib/gateway/sdk.ts", "lib/rpc/sdk.ts"],
  "@noble/hashes": ["lib/oci/digest.ts"],
  "@std/cli": ["lib/cli/arguments.ts"],
  "@std/path": ["lib/config.ts"],
  "get-east-asian-width": ["lib/cli/width.ts"],
  "fuse.js": ["lib/catalog/search_spelling.ts"],
  "isomorphic-git": ["lib/catalog/isomorphic_git.ts"],
  "jose": ["lib/http/jwt.ts"],
  "linkedom": ["lib/catalog/html.ts"],
  "js-yaml": ["lib/catalog/yaml.ts"],
  // Clients' config files are read by what their authors read them with, or the nearest to it.
  "jsonc-parser": ["lib/connect/jsonc_tree.ts"],
  "smol-toml": ["lib/connect/toml_value.ts"],
};

/** Modules of Node that only compute, for every unit. */
export const PURE_NODE: ReadonlySet<string> = new Set([
  "node:async_hooks",
  "node:crypto",
  "node:zlib",
]);

/** Modules of Node that only the units in EFFECTFUL may import. */
export const HOST_NODE: ReadonlySet<string> = new Set(["node:dns/promises", "node:fs/promises"]);

/** Global names that reach outside the program. */
export const AMBIENT: ReadonlySet<string> = new Set([
  "Deno",
  "EventSource",
  "WebSocket",
  "Worker",
  "clearInterval",
  "clearTimeout",
  "console",
  "fetch",
  "globalThis",
  "localStorage",
  "performance",
  "process",
  "setInterval",
  "setTimeout",
]);

/** Members of otherwise pure globals that read the clock, set a timer or draw a number. */
export const AMBIENT_MEMBERS: ReadonlySet<string> = new Set([
  "AbortSignal.timeout",
  "Date.now",
  "Math.random",
]);
