/**
 * The first words with an upstream server (MCP specification, "Lifecycle"): versions are agreed
 * upon, and what the server says of itself is bounded and cleaned. Needs no permission.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { isObject, type JsonObject, type Peer } from "../rpc/mod.ts";
import type { Transport } from "./sdk.ts";

/** Versions of MCP that Wharf speaks with servers, the newest first: it is the one asked for. */
export const PROTOCOL_VERSIONS = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
  "2024-10-07",
] as const;

/** What a server says of itself. */
export interface ServerInfo {
  /** Its own name, cleaned. */
  readonly name: string;
  /** Its version, cleaned. */
  readonly version: string;
  /** Its name for people, cleaned. */
  readonly title?: string;
  /** How to use it, for a model: cleaned, at most 8,000 characters. */
  readonly instructions?: string;
  /** What it can do, as it said. */
  readonly capabilities: JsonObject;
  /** The version of MCP that was agreed upon. */
  readonly protocolVersion: string;
}

/** How {@linkcode initialize} introduces us. */
export interface InitializeOptions {
  /** The server's name among people, for errors. */
  readonly name: string;
  /** Told which version was agreed upon. */
  readonly transport: Transport;
  /** Who we are. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** What we can do. */
  readonly capabilities: JsonObject;
  /** Time for the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** Most characters of an answer, as JSON: it is kept as long as the server runs. */
const MAX_ANSWER_CHARS = 1024 * 1024;

const MAX_NAME_CHARS = 200;
const MAX_INSTRUCTIONS_CHARS = 8_000;

/**
 * Shakes hands.
 *
 * @param peer The conversation, begun.
 * @param options Who we are.
 * @returns What the server says of itself.
 * @throws {AppError} `UNSUPPORTED` for a version that Wharf does not speak, `BAD_RESPONSE`,
 * `TOO_LARGE`, and what {@linkcode Peer.request} rejects with.
 */
export async function initialize(peer: Peer, options: InitializeOptions): Promise<ServerInfo> {
  const { name, clientInfo, capabilities, timeoutMs, signal } = options;
  const action = `start "${name}"`;
  const answer = await peer.request({
    method: "initialize",
    params: { protocolVersion: PROTOCOL_VERSIONS[0], capabilities, clientInfo },
  }, { action, timeoutMs, ...(signal === undefined ? {} : { signal }) });
  if (JSON.stringify(answer).length > MAX_ANSWER_CHARS) {
    throw new AppError(
      "TOO_LARGE",
      `Cannot ${action}: it says more than ${MAX_ANSWER_CHARS} characters of itself`,
      { hint: "The server tells too much in the handshake; report it to its makers" },
    );
  }
  const { protocolVersion, serverInfo } = answer;
  if (typeof protocolVersion !== "string") {
    throw new AppError("BAD_RESPONSE", `Cannot ${action}: it names no version of MCP`, {
      hint: "Check that it is an MCP server",
    });
  }
  if (!PROTOCOL_VERSIONS.some((known) => known === protocolVersion)) {
    const shown = cleanText(protocolVersion, { maxChars: 40 });
    const known = `${PROTOCOL_VERSIONS.at(-1)} to ${PROTOCOL_VERSIONS[0]}`;
    throw new AppError(
      "UNSUPPORTED",
      `Cannot ${action}: it speaks version "${shown}" of MCP, Wharf speaks ${known}`,
      { hint: "Use another version of the server, or a newer Wharf" },
    );
  }
  options.transport.setProtocolVersion?.(protocolVersion);
  await peer.notify({ method: "notifications/initialized" });
  const said = isObject(serverInfo) ? serverInfo : {};
  const title = textOf(said.title);
  const instructions = typeof answer.instructions === "string"
    ? cleanText(answer.instructions, { maxChars: MAX_INSTRUCTIONS_CHARS, multiline: true })
    : "";
  return {
    name: textOf(said.name) ?? name,
    version: textOf(said.version) ?? "unknown",
    ...(title === undefined ? {} : { title }),
    ...(instructions === "" ? {} : { instructions }),
    capabilities: isObject(answer.capabilities) ? answer.capabilities : {},
    protocolVersion,
  };
}

function textOf(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = cleanText(value, { maxChars: MAX_NAME_CHARS });
  return text === "" ? undefined : text;
}
