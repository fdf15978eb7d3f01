/**
 * Reads the declared environment variables, once. Needs `--allow-env` for them; without it they
 * count as unset.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Env } from "../core/host.ts";

/** Every variable that Wharf reads; the permission sets of deno.json name the same. */
export const ENV_NAMES: readonly string[] = [
  "ALL_PROXY",
  "APPDATA",
  "CLAUDE_CONFIG_DIR",
  "CODEX_HOME",
  "COLUMNS",
  "CONTAINERS_CONF",
  "CONTAINERS_REGISTRIES_CONF",
  "CONTAINERS_STORAGE_CONF",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "DOCKER_AUTH_CONFIG",
  "DOCKER_CONFIG",
  "GEMINI_CLI_HOME",
  "HOME",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "HUB_PAT_TOKEN",
  "HUB_USERNAME",
  "LOCALAPPDATA",
  "MCP_AUTH_TOKEN",
  "MCP_PORT",
  "MCP_REGISTRY_CACHE_DIR",
  "MCP_REGISTRY_REFRESH_INTERVAL",
  "MCP_REGISTRY_SOURCES_DIR",
  "MCP_TRANSPORT",
  "NODE_EXTRA_CA_CERTS",
  "NO_COLOR",
  "NO_PROXY",
  "NPM_CONFIG_REGISTRY",
  "OCI_PASSWORD",
  "OCI_REGISTRY",
  "OCI_TOKEN",
  "OCI_USERNAME",
  "PATH",
  "REGISTRY_AUTH_FILE",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "SystemRoot",
  "TERM",
  "TMPDIR",
  "USERPROFILE",
  "UV_DEFAULT_INDEX",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "XDG_STATE_HOME",
  "all_proxy",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

/**
 * Reads the declared variables.
 *
 * @param further Names that the command line refers to. @default none
 * @returns Those that are set and may be read.
 */
export function readEnv(further: readonly string[] = []): Env {
  const env: Record<string, string> = {};
  for (const name of [...ENV_NAMES, ...further]) {
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

/**
 * Reads a variable that a person refers to by its name, when its value is needed.
 *
 * @param name Its name.
 * @returns Its value, or `undefined` where it is not set.
 * @throws {AppError} `PERMISSION_MISSING` where Deno does not allow it.
 */
export function readVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotCapable)) throw thrown;
    throw new AppError(
      "PERMISSION_MISSING",
      `Cannot read the environment variable "${name}": Deno does not allow it`,
      { hint: `Start Wharf with --allow-env=${name}` },
    );
  }
}
