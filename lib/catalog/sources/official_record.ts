/**
 * The official registry's `server.json` in its forms since 2025-05, read
 * tolerantly into one (CATALOGUES.md 3): snake_case keys, `version_detail`,
 * status inside the server, packages by `registry_name`. Needs no permission.
 *
 * @module
 */

import { z } from "zod";

const text = z.string().optional().catch(undefined);
const flag = z.boolean().optional().catch(undefined);
const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String).optional()
  .catch(undefined);

/** A list of which the good items count. */
function listOf<T extends z.ZodType>(item: T) {
  return z.array(z.unknown()).nullish().catch([]).transform((values) =>
    (values ?? []).flatMap((value) => {
      const read = item.safeParse(value);
      return read.success ? [read.data] : [];
    })
  );
}

const inputFields = {
  description: text,
  isRequired: flag,
  isSecret: flag,
  format: text,
  value: scalar,
  default: scalar,
  placeholder: scalar,
  choices: listOf(z.union([z.string(), z.number(), z.boolean()]).transform(String)),
};

const variables = z.record(z.string(), z.object(inputFields).catch({ choices: [] })).catch({});

/** A value that the user gives or the record fixes (`Input`, `InputWithVariables`). */
const input = z.object({ ...inputFields, variables });

const keyValue = input.extend({ name: z.string() });

const argument = input.extend({
  type: text,
  name: text,
  valueHint: text,
  isRepeated: flag,
});

const pack = z.object({
  registryType: text,
  registryName: text,
  registryBaseUrl: text,
  identifier: text,
  name: text,
  version: scalar,
  fileSha256: text,
  runtimeHint: text,
  transport: z.object({ type: text, url: text }).catch({}),
  runtimeArguments: listOf(argument),
  packageArguments: listOf(argument),
  environmentVariables: listOf(keyValue),
});

const remote = z.object({
  type: text,
  transportType: text,
  url: z.string(),
  headers: listOf(keyValue),
  variables,
});

const official = z.object({
  status: text,
  statusMessage: text,
  publishedAt: text,
  updatedAt: text,
  isLatest: flag,
}).catch({});

const server = z.object({
  name: z.string().min(1),
  title: text,
  description: text,
  version: scalar,
  status: text,
  websiteUrl: text,
  repository: z.object({ url: text, source: text, subfolder: text }).nullish().catch(undefined),
  packages: listOf(pack),
  remotes: listOf(remote),
  versionDetail: z.object({ version: scalar, releaseDate: text, isLatest: flag }).optional()
    .catch(undefined),
});

/** A value that the user gives or the record fixes. */
export type OfficialInput = z.infer<typeof input>;

/** A command-line argument. */
export type OfficialArgument = z.infer<typeof argument>;

/** A package. */
export type OfficialPackage = z.infer<typeof pack>;

/** A hosted server. */
export type OfficialRemote = z.infer<typeof remote>;

/** One version of one server. */
export interface OfficialRecord extends z.infer<typeof server> {
  /** What the registry itself says of the version; empty for a bare `server.json`. */
  readonly official: z.infer<typeof official>;
  /** What the publisher adds, unchecked. */
  readonly publisher: unknown;
}

const OFFICIAL_META = "io.modelcontextprotocol.registry/official";
const PUBLISHER_META = "io.modelcontextprotocol.registry/publisher-provided";

/**
 * Reads one item of a page or dump, or a bare `server.json`.
 *
 * @param value The parsed JSON.
 * @returns The record, or the name of the field that makes it unusable.
 */
export function readOfficialRecord(value: unknown): OfficialRecord | { readonly fault: string } {
  const item = isRecord(value) ? value : {};
  const inner = isRecord(item.server) ? item.server : item;
  const read = server.safeParse(camelKeys(inner));
  if (!read.success) {
    const [issue] = read.error.issues;
    return { fault: issue?.path.join(".") || "the record" };
  }
  // Older answers keep the registry's facts inside the server.
  const metas = [item._meta, inner._meta].filter(isRecord);
  const known = metas.map((meta) => meta[OFFICIAL_META]).find(isRecord);
  return {
    ...read.data,
    official: official.parse(camelKeys(known ?? {})),
    publisher: metas.map((meta) => meta[PUBLISHER_META]).find(isRecord),
  };
}

/**
 * Renames `registry_type` to `registryType` and so on, as written before 2025-09-16. The names
 * inside `variables` belong to the publisher and stay.
 */
function camelKeys(value: unknown, own = false): unknown {
  if (Array.isArray(value)) return value.map((item) => camelKeys(item));
  if (!isRecord(value)) return value;
  const renamed: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === "_meta") continue;
    const name = own || !key.includes("_")
      ? key
      : key.replace(/_([a-z0-9])/g, (_whole, letter: string) => letter.toUpperCase());
    renamed[name] = camelKeys(item, !own && key === "variables");
  }
  return renamed;
}

/** Whether a parsed JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
