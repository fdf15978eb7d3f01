/**
 * The forms of Docker's `server.yaml` and `tools.json`, read tolerantly: a field
 * of a wrong type counts as missing, unknown keys are left alone. Needs no permission.
 *
 * @module
 */

import { z } from "zod";

const text = z.string().optional().catch(undefined);
const flag = z.boolean().optional().catch(undefined);
/** Examples and defaults are numbers or truth values in some records. */
const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String).optional()
  .catch(undefined);

/** A list of which the good items count. */
function listOf<T extends z.ZodType>(item: T) {
  return z.array(z.unknown()).catch([]).transform((values) =>
    values.flatMap((value) => {
      const read = item.safeParse(value);
      return read.success ? [read.data] : [];
    })
  );
}

/** A record of texts; other values count as missing. */
const texts = z.record(z.string(), scalar).catch({}).transform((record) =>
  Object.fromEntries(
    Object.entries(record).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
  )
);

const secret = z.object({
  name: text,
  env: text,
  example: scalar,
  description: text,
  required: flag,
});

const environment = z.object({
  name: text,
  env: text,
  example: scalar,
  value: scalar,
  default: scalar,
  description: text,
  required: flag,
});

/** `config`; `parameters` is a JSON Schema, `properties` one that stands a level too high. */
const config = z.object({
  secrets: listOf(secret),
  env: listOf(environment),
  parameters: z.record(z.string(), z.unknown()).optional().catch(undefined),
  properties: z.record(z.string(), z.unknown()).optional().catch(undefined),
  required: z.array(z.string()).optional().catch(undefined),
});

const run = z.object({
  command: listOf(z.string()),
  volumes: listOf(z.string()),
  ports: listOf(z.union([z.string(), z.number()]).transform(String)),
  env: texts,
  user: text,
  disableNetwork: flag,
  allowHosts: listOf(z.string()),
});

const EMPTY_CONFIG = { secrets: [], env: [] };
const EMPTY_RUN = {
  command: [],
  volumes: [],
  ports: [],
  env: {},
  allowHosts: [],
};

/** One tool; `tools.json` holds a list of them, a poci server has them inline. */
const tool = z.object({ name: z.string(), description: text });

const server = z.object({
  name: z.string(),
  type: z.enum(["server", "remote", "poci"]),
  image: text,
  longLived: flag,
  meta: z.object({ category: text, tags: listOf(z.string()) }).catch({
    category: undefined,
    tags: [],
  }),
  about: z.object({ title: text, description: text }).catch({}),
  source: z.object({
    project: text,
    upstream: text,
    commit: text,
    branch: text,
    directory: text,
    dockerfile: text,
  }).catch({}),
  remote: z.object({
    "transport_type": text,
    url: z.string(),
    headers: texts,
  }).optional().catch(undefined),
  config: config.catch(EMPTY_CONFIG),
  run: run.catch(EMPTY_RUN),
  oauth: listOf(z.object({ provider: z.string(), env: text })),
  tools: listOf(tool),
});

/** A `server.yaml`. */
export type DockerRecord = z.infer<typeof server>;

/** Its `config`. */
export type DockerConfig = z.infer<typeof config>;

/** Its `run`. */
export type DockerRun = z.infer<typeof run>;

/** A tool as `tools.json` lists it. */
export type DockerTool = z.infer<typeof tool>;

/**
 * Reads a parsed `server.yaml`.
 *
 * @returns The record, or the name of the field that makes it unusable.
 */
export function readDockerRecord(value: unknown): DockerRecord | { readonly fault: string } {
  const read = server.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const field = issue === undefined || issue.path.length === 0
    ? "the record"
    : issue.path.join(".");
  return { fault: field };
}

/** The tools of a parsed `tools.json`; what is no tool is left out. */
export function readDockerTools(value: unknown): readonly DockerTool[] {
  return listOf(tool).parse(value);
}
