/**
 * Entries for tests, made the way sources make them. Needs no permission.
 *
 * @module
 */

import { buildEntry, type EntryDraft } from "../../lib/catalog/build.ts";
import type { Entry } from "../../lib/catalog/entry.ts";
import { parseRepository } from "../../lib/catalog/normalise.ts";

/** What {@linkcode makeEntry} takes beside the id: a draft, with the repository as a URL. */
export type EntryFacts = Partial<Omit<EntryDraft, "repository">> & { readonly repo?: string };

/**
 * Makes an entry.
 *
 * @param id `source/slug`.
 * @param facts What it is to say.
 */
export function makeEntry(id: string, facts: EntryFacts = {}): Entry {
  const [source = "", ...rest] = id.split("/");
  const { repo, ...draft } = facts;
  return buildEntry(
    {
      slug: rest.join("/"),
      name: rest.at(-1) ?? "",
      ...draft,
      repository: repo === undefined ? undefined : parseRepository(repo, { anyHost: true }),
    },
    { source, refreshed: "2026-01-02T03:04:05Z" },
  );
}

/** UTF-8 bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
