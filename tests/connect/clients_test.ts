/**
 * Tests of lib/connect/clients.ts: where each client keeps its config on each system, and what
 * stands in it. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CLIENTS, findClient } from "../../lib/connect/clients.ts";
import type { Machine } from "../../lib/connect/machine.ts";

const LINUX: Machine = { os: "linux", env: { HOME: "/home/ada" } };
const MAC: Machine = { os: "darwin", env: { HOME: "/Users/ada", XDG_CONFIG_HOME: "/elsewhere" } };
const WINDOWS: Machine = {
  os: "windows",
  env: {
    USERPROFILE: "C:\\Users\\ada",
    APPDATA: "C:\\Users\\ada\\AppData\\Roaming",
    LOCALAPPDATA: "C:\\Users\\ada\\AppData\\Local",
  },
};

function filesOn(machine: Machine): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    CLIENTS.map(({ id, locations }) => [id, locations(machine).map(({ file }) => file)]),
  );
}

Deno.test("CLIENTS keep their files where each system has them", () => {
  assert.deepEqual(filesOn(LINUX), {
    "claude-desktop": ["/home/ada/.config/Claude/claude_desktop_config.json"],
    "claude-code": ["/home/ada/.claude.json"],
    "cursor": ["/home/ada/.cursor/mcp.json"],
    "vscode": ["/home/ada/.config/Code/User/mcp.json"],
    "windsurf": ["/home/ada/.codeium/windsurf/mcp_config.json"],
    "zed": ["/home/ada/.config/zed/settings.json"],
    "gemini": ["/home/ada/.gemini/settings.json"],
    "codex": ["/home/ada/.codex/config.toml"],
  });
  assert.deepEqual(filesOn(MAC), {
    "claude-desktop": [
      "/Users/ada/Library/Application Support/Claude/claude_desktop_config.json",
    ],
    "claude-code": ["/Users/ada/.claude.json"],
    "cursor": ["/Users/ada/.cursor/mcp.json"],
    "vscode": ["/Users/ada/Library/Application Support/Code/User/mcp.json"],
    "windsurf": ["/Users/ada/.codeium/windsurf/mcp_config.json"],
    "zed": ["/Users/ada/.config/zed/settings.json"],
    "gemini": ["/Users/ada/.gemini/settings.json"],
    "codex": ["/Users/ada/.codex/config.toml"],
  });
  assert.deepEqual(filesOn(WINDOWS), {
    "claude-desktop": [
      "C:\\Users\\ada\\AppData\\Local\\Packages\\Claude_pzs8sxrjxfjjc\\LocalCache\\Roaming\\Claude\\claude_desktop_config.json",
      "C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json",
    ],
    "claude-code": ["C:\\Users\\ada\\.claude.json"],
    "cursor": ["C:\\Users\\ada\\.cursor\\mcp.json"],
    "vscode": ["C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\mcp.json"],
    "windsurf": ["C:\\Users\\ada\\.codeium\\windsurf\\mcp_config.json"],
    "zed": ["C:\\Users\\ada\\AppData\\Roaming\\Zed\\settings.json"],
    "gemini": ["C:\\Users\\ada\\.gemini\\settings.json"],
    "codex": ["C:\\Users\\ada\\.codex\\config.toml"],
  });
});

Deno.test("CLIENTS follow the variables that move their files", () => {
  const moved = filesOn({
    os: "linux",
    env: {
      HOME: "/home/ada",
      XDG_CONFIG_HOME: "/xdg/",
      CLAUDE_CONFIG_DIR: "/claude",
      CODEX_HOME: "/codex",
      GEMINI_CLI_HOME: "/gemini",
    },
  });
  assert.deepEqual(moved["claude-desktop"], ["/xdg/Claude/claude_desktop_config.json"]);
  assert.deepEqual(moved["vscode"], ["/xdg/Code/User/mcp.json"]);
  assert.deepEqual(moved["zed"], ["/xdg/zed/settings.json"]);
  assert.deepEqual(moved["claude-code"], ["/claude/.claude.json"]);
  assert.deepEqual(moved["codex"], ["/codex/config.toml"]);
  assert.deepEqual(moved["gemini"], ["/gemini/.gemini/settings.json"]);
  // The XDG specification says to ignore a relative path.
  const relative = filesOn({ os: "linux", env: { HOME: "/home/ada", XDG_CONFIG_HOME: "x" } });
  assert.deepEqual(relative["zed"], ["/home/ada/.config/zed/settings.json"]);
  const bare = filesOn({ os: "windows", env: { USERPROFILE: "C:\\Users\\ada" } });
  assert.deepEqual(bare["zed"], ["C:\\Users\\ada\\AppData\\Roaming\\Zed\\settings.json"]);
});

Deno.test("CLIENTS have no place where the home directory is not known", () => {
  for (const os of ["linux", "darwin", "windows"]) {
    for (const [id, files] of Object.entries(filesOn({ os, env: {} }))) {
      assert.deepEqual(files, [], `${id} on ${os}`);
    }
  }
});

Deno.test("CLIENTS write entries as each client reads them", () => {
  const entries = (connection: Parameters<typeof CLIENTS[0]["entry"]>[0]) =>
    Object.fromEntries(CLIENTS.map((client) => [client.id, client.entry(connection)]));
  const [command, args] = ["/bin/wharf", ["--toolsets", "oci"]];
  const program = { command, args };
  assert.deepEqual(entries({ kind: "stdio", command, args }), {
    "claude-desktop": program,
    "claude-code": { type: "stdio", ...program },
    "cursor": program,
    "vscode": { type: "stdio", ...program },
    "windsurf": program,
    "zed": program,
    "gemini": program,
    "codex": program,
  });
  assert.deepEqual(findClient("codex")?.entry({ kind: "stdio", command, args: [] }), { command });
  const url = "http://127.0.0.1:8080/mcp";
  assert.deepEqual(entries({ kind: "http", url }), {
    "claude-desktop": undefined,
    "claude-code": { type: "http", url },
    "cursor": { url },
    "vscode": { type: "http", url },
    "windsurf": { serverUrl: url },
    "zed": { url },
    "gemini": { httpUrl: url },
    "codex": { url },
  });
  const bearer = (reference: string) => ({ headers: { Authorization: `Bearer ${reference}` } });
  assert.deepEqual(entries({ kind: "http", url, tokenVariable: "T" }), {
    "claude-desktop": undefined,
    "claude-code": { type: "http", url, ...bearer("${T}") },
    "cursor": { url, ...bearer("${env:T}") },
    "vscode": { type: "http", url, ...bearer("${env:T}") },
    "windsurf": { serverUrl: url, ...bearer("${env:T}") },
    // No way to name a variable: the command says what to add by hand.
    "zed": { url },
    "gemini": { httpUrl: url, ...bearer("${T}") },
    "codex": { url, bearer_token_env_var: "T" },
  });
});

Deno.test("findClient() knows each by its name and no other", () => {
  for (const client of CLIENTS) assert.equal(findClient(client.id), client);
  assert.equal(findClient("emacs"), undefined);
});
