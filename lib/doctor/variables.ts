/**
 * What each environment variable is read for. Data, needs no permission.
 *
 * @module
 */

import type { Toolset } from "../mcp/mod.ts";

/** Variables that are read for one purpose. */
export interface VariableUse {
  /** The variables. */
  readonly names: readonly string[];
  /** Why they are read, as a clause. */
  readonly why: string;
  /** The toolsets that need them; absent: every one. */
  readonly toolsets?: readonly Toolset[];
  /** `http`: only a server on a port needs them. */
  readonly transport?: "http";
  /** The one operating system that has them; `posix`: all but Windows. */
  readonly os?: "windows" | "posix";
}

const REGISTRIES: readonly Toolset[] = ["oci", "hub", "catalog", "gateway", "compat"];

/** Every variable that Wharf reads. */
export const VARIABLES: readonly VariableUse[] = [
  { names: ["HOME"], why: "where the cache, settings and credential files are", os: "posix" },
  {
    names: ["XDG_CACHE_HOME", "XDG_CONFIG_HOME"],
    why: "other places of the cache and the settings",
    os: "posix",
  },
  {
    names: ["APPDATA", "LOCALAPPDATA", "USERPROFILE"],
    why: "where the cache, settings and credential files are",
    os: "windows",
  },
  { names: ["MCP_REGISTRY_CACHE_DIR"], why: "another place of the cache" },
  {
    names: ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"],
    why: "where config files of clients are, for `wharf connect` alone",
    toolsets: [],
  },
  { names: ["COLUMNS", "NO_COLOR", "TERM"], why: "what the terminal can show" },
  { names: ["MCP_PORT", "MCP_TRANSPORT"], why: "how it serves" },
  { names: ["MCP_AUTH_TOKEN"], why: "the token that HTTP clients send", transport: "http" },
  {
    names: ["OCI_PASSWORD", "OCI_REGISTRY", "OCI_TOKEN", "OCI_USERNAME"],
    why: "credentials of registries, and which hosts may see them",
    toolsets: REGISTRIES,
  },
  {
    names: ["DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"],
    why: "where credential files are",
    toolsets: REGISTRIES,
  },
  {
    names: ["XDG_RUNTIME_DIR"],
    why: "where podman keeps credentials and sockets",
    toolsets: REGISTRIES,
    os: "posix",
  },
  {
    names: ["HUB_PAT_TOKEN", "HUB_USERNAME"],
    why: "Docker Hub's own API",
    toolsets: ["oci", "hub", "compat"],
  },
  { names: ["PATH"], why: "where credential helpers, git and podman are", toolsets: REGISTRIES },
  {
    names: ["MCP_REGISTRY_REFRESH_INTERVAL", "MCP_REGISTRY_SOURCES_DIR"],
    why: "how often sources are read, and where their data is",
    toolsets: ["catalog", "gateway"],
  },
  {
    names: ["XDG_STATE_HOME"],
    why: "where it is kept what is active",
    toolsets: ["gateway"],
    os: "posix",
  },
  {
    names: ["CONTAINERS_CONF", "CONTAINERS_REGISTRIES_CONF", "CONTAINERS_STORAGE_CONF", "TMPDIR"],
    why: "passed on to podman",
    toolsets: ["gateway"],
    os: "posix",
  },
  { names: ["SystemRoot"], why: "passed on to programs", toolsets: ["gateway"], os: "windows" },
  {
    names: ["NPM_CONFIG_REGISTRY", "UV_DEFAULT_INDEX"],
    why: "where packages come from",
    toolsets: ["gateway"],
  },
  {
    names: [
      "DENO_CERT",
      "DENO_TLS_CA_STORE",
      "NODE_EXTRA_CA_CERTS",
      "SSL_CERT_DIR",
      "SSL_CERT_FILE",
    ],
    why: "certificate authorities, passed on to servers",
    toolsets: ["gateway"],
  },
  {
    names: [
      "ALL_PROXY",
      "HTTPS_PROXY",
      "HTTP_PROXY",
      "NO_PROXY",
      "all_proxy",
      "http_proxy",
      "https_proxy",
      "no_proxy",
    ],
    why: "proxies, passed on to servers",
    toolsets: ["gateway"],
  },
];
