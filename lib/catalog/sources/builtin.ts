/**
 * The source that is part of Wharf, so that the first answer needs no network: the
 * reference servers and a few dozen well-known ones, facts only. Needs no permission.
 *
 * @module
 */

import { buildEntry } from "../build.ts";
import type { Entry, KeyNeed } from "../entry.ts";
import { parseRepository } from "../normalise.ts";
import type { BuiltinSource, ReadContext } from "../source.ts";
import { DATA_SERVERS } from "./builtin_data.ts";
import { REFERENCE_SERVERS } from "./builtin_reference.ts";
import { WEB_SERVERS } from "./builtin_web.ts";
import type { BuiltinServer } from "./builtin_words.ts";
import { WORK_SERVERS } from "./builtin_work.ts";

/** The built-in source. */
export const builtinSource: BuiltinSource = {
  id: "builtin",
  title: "Built-in",
  location: "",
  kind: "builtin",
  readTree: (_tree, context) =>
    Promise.resolve({ entries: builtinEntries(context), problems: [], skipped: 0 }),
};

/**
 * Makes the built-in entries.
 *
 * @param context Names the source; `refreshed` is left out, since nothing is fetched.
 * @returns `reference/<name>` for the reference servers, `builtin/<name>` for the others.
 */
export function builtinEntries(context: Pick<ReadContext, "source">): readonly Entry[] {
  const { source } = context;
  return [
    ...REFERENCE_SERVERS.map((server) => toEntry(server, { source, space: "reference" })),
    ...[...DATA_SERVERS, ...WEB_SERVERS, ...WORK_SERVERS].map((server) =>
      toEntry(server, { source })
    ),
  ];
}

function toEntry(
  server: BuiltinServer,
  context: { readonly source: string; readonly space?: string },
): Entry {
  const { repo, key, name, ...facts } = server;
  const [path = "", folder] = repo?.split("#") ?? [];
  return buildEntry(
    {
      ...facts,
      slug: name,
      name,
      space: context.space,
      repository: repo === undefined ? undefined : parseRepository(`https://github.com/${path}`),
      folder,
      official: context.space !== undefined || server.official,
      featured: true,
      requiresApiKey: keyNeed(key),
    },
    context,
  );
}

function keyNeed(key: BuiltinServer["key"]): KeyNeed {
  if (key === "optional") return { value: false, evidence: "built-in list: a key is optional" };
  return { value: key, evidence: `built-in list: ${key ? "needs" : "needs no"} key or sign-in` };
}
