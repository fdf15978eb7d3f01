/**
 * Checks that a tag, deno.json, server.json and the changelog speak of the same version, and prints
 * the changelog's words about it, for the release. Needs read permission; development only.
 *
 * @example
 * ```sh
 * deno run -R tools/release_notes.ts v1.2.3 > notes.md
 * ```
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import server from "../server.json" with { type: "json" };

/** What has to agree. */
export interface ReleaseFacts {
  /** Version in deno.json. */
  readonly version: string;
  /** What server.json tells the registry of MCP servers. */
  readonly server: {
    readonly version: string;
    readonly packages: readonly { readonly identifier: string }[];
  };
  /** CHANGELOG.md. */
  readonly changelog: string;
}

/**
 * Cuts the section of a version out of a changelog in the form of Keep a Changelog.
 *
 * @param changelog The whole text.
 * @param version Such as `1.2.3`.
 * @returns The heading's remark, such as a date, and the text below it; `undefined` without it.
 */
export function changelogSection(
  changelog: string,
  version: string,
): { readonly remark: string; readonly text: string } | undefined {
  const lines = changelog.split("\n");
  const title = (line: string) => /^## \[?([^\]\s]+)\]?(.*)$/.exec(line);
  const start = lines.findIndex((line) => title(line)?.[1] === version);
  if (start === -1) return undefined;
  const next = lines.findIndex((line, index) => index > start && /^## /.test(line));
  return {
    remark: (title(lines[start] ?? "")?.[2] ?? "").replace(/^[\s-]+/, "").trim(),
    text: lines.slice(start + 1, next === -1 ? undefined : next).join("\n").trim(),
  };
}

/**
 * The words of a release.
 *
 * @param tag The tag, `v` and a version.
 * @param facts What has to agree with it.
 * @returns The section of the changelog.
 * @throws {Error} That names what does not agree.
 */
export function releaseNotes(tag: string, { version, server, changelog }: ReleaseFacts): string {
  const refuse = (state: string) => new Error(`Cannot release "${tag}": ${state}`);
  if (tag !== `v${version}`) throw refuse(`deno.json has version ${version}`);
  if (server.version !== version) throw refuse(`server.json has version ${server.version}`);
  for (const { identifier } of server.packages) {
    if (!identifier.endsWith(`:${version}`)) throw refuse(`server.json names ${identifier}`);
  }
  const section = changelogSection(changelog, version);
  if (section === undefined) throw refuse("the changelog has no section about it");
  if (/unreleased/i.test(section.remark)) throw refuse("the changelog calls it unreleased");
  if (section.text === "") throw refuse("the changelog says nothing about it");
  return `${section.text}\n`;
}

if (import.meta.main) {
  const [tag = ""] = Deno.args;
  const changelog = await Deno.readTextFile(new URL("../CHANGELOG.md", import.meta.url));
  const encoder = new TextEncoder();
  try {
    const notes = releaseNotes(tag, { version: config.version, server, changelog });
    await Deno.stdout.write(encoder.encode(notes));
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    await Deno.stderr.write(encoder.encode(`${thrown.message}\n`));
    Deno.exitCode = 1;
  }
}
