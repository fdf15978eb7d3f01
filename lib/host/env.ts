/**
 * Reads the declared environment variables, once. Needs `--allow-env` for them; without it they
 * count as unset.
 *
 * @module
 */

import type { Env } from "../core/host.ts";

/** Every variable that Wharf reads; the permission sets of deno.json name the same. */
export const ENV_NAMES: readonly string[] = [
  "APPDATA",
  "COLUMNS",
  "CONTAINERS_CONF",
  "CONTAINERS_REGISTRIES_CONF",
  "CONTAINERS_STORAGE_CONF",
  "DOCKER_AUTH_CONFIG",
  "DOCKER_CONFIG",
  "HOME",
  "HUB_PAT_TOKEN",
  "HUB_USERNAME",
  "LOCALAPPDATA",
  "MCP_AUTH_TOKEN",
  "MCP_PORT",
  "MCP_REGISTRY_CACHE_DIR",
  "MCP_REGISTRY_REFRESH_INTERVAL",
  "MCP_REGISTRY_SOURCES_DIR",
  "MCP_TRANSPORT",
  "NO_COLOR",
  "OCI_PASSWORD",
  "OCI_REGISTRY",
  "OCI_TOKEN",
  "OCI_USERNAME",
  "PATH",
  "REGISTRY_AUTH_FILE",
  "TERM",
  "TMPDIR",
  "USERPROFILE",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "XDG_STATE_HOME",
];

/**
 * Reads the declared variables.
 *
 * @returns Those that are set and may be read.
 */
export function readEnv(): Env {
  const env: Record<string, string> = {};
  for (const name of ENV_NAMES) {
    try {
      const value = Deno.env.get(name);
      if (value !== undefined) env[name] = value;
    } catch (thrown) {
      // Not granted: the operator chose that Wharf does not see it.
      if (!(thrown instanceof Deno.errors.NotCapable)) throw thrown;
    }
  }
  return env;
}
