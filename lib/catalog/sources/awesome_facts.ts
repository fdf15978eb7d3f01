/**
 * Facts that contributors of a markdown list put into the description of a
 * server (`Install:`, `Transport:`, `License:`, `Auth:`, endpoints, names of
 * variables). Needs no permission.
 *
 * @example
 * ```ts
 * import { readFacts } from "./awesome_facts.ts";
 *
 * readFacts("Dates. Install: `npx -y @acme/dates`. MIT.").license; // "MIT"
 * ```
 *
 * @module
 */

import { environmentSetting, readCommand, splitCommand } from "../command.ts";
import type { PackageDraft, RemoteDraft } from "../build.ts";
import type { KeyNeed, Setting } from "../entry.ts";
import { packageKey, remoteKey } from "../normalise.ts";

/** What a description says beside what the server does. */
export interface TextFacts {
  /** Packages of commands in backticks. */
  readonly packages: readonly PackageDraft[];
  /** Addresses that are called an endpoint. */
  readonly remotes: readonly RemoteDraft[];
  /** Environment variables in backticks. */
  readonly settings: readonly Setting[];
  /** Licence. */
  readonly license?: string;
  /** Whether a key is needed. */
  readonly requiresApiKey?: KeyNeed;
}

/** Longest text that is looked at; the longest seen has 1,056 characters. */
const MAX_TEXT_CHARS = 4000;

/** Licences that stand as a sentence of their own, or behind `License:`. */
const LICENSE =
  /\b(MIT|Apache-2\.0|AGPL-3\.0(?:-only|-or-later)?|LGPL-[23]\.[01](?:-only|-or-later)?|GPL-[23]\.0(?:-only|-or-later)?|BSD-[23]-Clause|MPL-2\.0|ISC|FSL-1\.1-[A-Za-z0-9.-]+|BUSL-1\.1|CC0-1\.0|CC-BY(?:-[A-Z]{2})*-4\.0|EUPL-1\.2|Unlicense)(?=$|[\s.,;)]|-licen)/;

/** Words that say that no key is needed. A remark on only a part of the tools is no such word. */
const NO_KEY =
  /\b(?:auth: ?none\b|(?:no|without(?: an?)?) (?:auth\b|authentication\b|api[ -]?keys?\b|account(?: or|,)? api keys?\b))/i;

/** `Auth:` followed by what is asked for. */
const AUTH_LABEL = /\bauth(?:entication)?: ?([^.;]{2,60})/i;

/** Words that speak of a key without saying whether it is needed. */
const SPEAKS_OF_KEY = /\b(?:api[ -]?keys?|oauth|access tokens?|bearer tokens?)\b/i;

/**
 * Reads a description for facts.
 *
 * @param text The description as it stands in the list.
 * @returns What could be made out; nothing is guessed.
 */
export function readFacts(text: string): TextFacts {
  const source = text.slice(0, MAX_TEXT_CHARS);
  const spans = [...source.matchAll(/`([^`]+)`/g)].map(({ 1: span = "", index }) => ({
    span: span.trim(),
    before: source.slice(Math.max(0, index - 60), index),
  }));
  const packages = new Map<string, PackageDraft>();
  const remotes = new Map<string, RemoteDraft>();
  for (const { span, before } of spans) {
    const command = commandOf(span, before);
    if (command?.package !== undefined) {
      const key = packageKey(command.package.type, command.package.identifier);
      if (!packages.has(key)) packages.set(key, command.package);
    }
    if (command?.remote !== undefined) remotes.set(remoteKey(command.remote.url), command.remote);
  }
  const overSse = /\bsse\b/i.test(source) && !/streamable/i.test(source);
  for (const url of endpoints(source)) {
    const key = remoteKey(url);
    const type = overSse || /\/sse\/?$/.test(url) ? "sse" : "streamable-http";
    if (!remotes.has(key)) remotes.set(key, { url, type });
  }
  const license = LICENSE.exec(labelled(source))?.[1];
  const requiresApiKey = keyNeed(source);
  return {
    packages: [...packages.values()],
    remotes: [...remotes.values()],
    settings: spans.filter(({ span }) => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(span))
      .map(({ span }) => environmentSetting(span, "")),
    ...(license === undefined ? {} : { license }),
    ...(requiresApiKey === undefined ? {} : { requiresApiKey }),
  };
}

/** A command that runs something counts anywhere, one that installs only where it is called so. */
function commandOf(span: string, before: string): ReturnType<typeof readCommand> {
  const runs = /^(?:npx|bunx|uvx|pipx run|uv tool run|docker run|\w+ mcp add) /.test(span);
  const installs = /^(?:pip3?|npm|pnpm|yarn|bun|uv|pipx) /.test(span) &&
    /\binstall(?:ation)?:?[^.]*$/i.test(before);
  if (!runs && !installs) return undefined;
  const words = splitCommand(span);
  return words === undefined ? undefined : readCommand(words);
}

/** Addresses behind "endpoint", "Endpoint:" or "Remote:". */
function endpoints(text: string): readonly string[] {
  const found = text.matchAll(
    /(?:\bendpoint(?: is)?(?: at)?:?|\bremote:) ?`?(https:\/\/[^\s`<>"'()|,;]{4,300})/gi,
  );
  return [...found].map(({ 1: url = "" }) => url.replace(/[.,;:]+$/, ""));
}

/** What follows `License:`, else the whole text: most put the bare name at the end. */
function labelled(text: string): string {
  return /\blicen[cs]e: ?([^.;]*(?:\.\d[^.;]*)*)/i.exec(text)?.[1] ?? text;
}

function keyNeed(text: string): KeyNeed | undefined {
  const auth = AUTH_LABEL.exec(text)?.[1]?.trim();
  if (auth !== undefined) {
    const evidence = `its text says "Auth: ${auth}"`;
    if (/^(?:none|no\b|not required|public|open)/i.test(auth)) return { value: false, evidence };
    if (/optional|\bno auth\b|for /i.test(auth)) return { value: "unknown", evidence };
    if (SPEAKS_OF_KEY.test(auth) || /\b(?:key|token|password|login)\b/i.test(auth)) {
      return { value: true, evidence };
    }
  }
  const denial = NO_KEY.exec(text)?.[0];
  if (denial !== undefined) return { value: false, evidence: `its text says "${denial}"` };
  const mention = SPEAKS_OF_KEY.exec(text)?.[0];
  return mention === undefined
    ? undefined
    : { value: "unknown", evidence: `its text speaks of "${mention}"` };
}
