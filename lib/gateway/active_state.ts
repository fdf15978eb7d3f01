/**
 * What is active, kept in `active_mounts.json` of the state directory: written before it is
 * believed, so that a restart finds what was there. Needs no permission: the disk is passed in.
 *
 * @module
 */

import { z } from "zod";
import { JsonStore, type StoreDeps } from "../store.ts";
import type { ActivationPlan } from "./plan_types.ts";
import type { Definition, ResourceDefinition, TemplateDefinition } from "./definitions.ts";
import type { ToolDefinition } from "./trust.ts";

/** One activated server, as it is kept. Holds no secret value. */
export interface ActiveRecord {
  /** Id of the entry, or the name that an ad hoc server goes by. */
  readonly id: string;
  /** Ids under which its settings are kept. */
  readonly settingIds: readonly string[];
  /** Prefix of its tools' names. */
  readonly prefix: string;
  /** How it is started. */
  readonly plan: ActivationPlan;
  /** What ran first: an image with its digest, a package with its version, an address. */
  readonly pinned?: string;
  /** Whether its container writes to its own root, since it does not start otherwise. */
  readonly writableRoot?: boolean;
  /** Its tools as they were agreed to. */
  readonly tools: readonly ToolDefinition[];
  /** Its prompts as it offered them last, so that they are listed before it is started. */
  readonly prompts?: readonly Definition[];
  /** Its resources, likewise. */
  readonly resources?: readonly ResourceDefinition[];
  /** Its resource templates, likewise. */
  readonly templates?: readonly TemplateDefinition[];
  /** How to use it, in its own words, as agreed to; cleaned. */
  readonly instructions?: string;
  /** When it was added, ISO 8601. */
  readonly addedAt: string;
}

/** Everything that is kept. */
export interface ActiveState {
  /** The activated servers, in the order in which they were added. */
  readonly servers: readonly ActiveRecord[];
  /** Fingerprints of plans that a person agreed to. */
  readonly approved: readonly string[];
}

/** Nothing is active. */
export const NOTHING_ACTIVE: ActiveState = { servers: [], approved: [] };

const MAX_BYTES = 64 * 1024 * 1024;

/** The parts that are used before anything is started; plans are Wharf's own and only looked at. */
const schema = z.object({
  servers: z.array(z.looseObject({
    id: z.string(),
    settingIds: z.array(z.string()),
    prefix: z.string(),
    plan: z.looseObject({
      id: z.string(),
      method: z.string(),
      target: z.looseObject({ kind: z.string() }),
      parts: z.looseObject({ settings: z.array(z.looseObject({ name: z.string() })) }),
    }),
    pinned: z.string().optional(),
    writableRoot: z.boolean().optional(),
    tools: z.array(z.looseObject({ name: z.string() })),
    prompts: z.array(z.looseObject({ name: z.string() })).optional(),
    resources: z.array(z.looseObject({ uri: z.string() })).optional(),
    templates: z.array(z.looseObject({ uriTemplate: z.string() })).optional(),
    instructions: z.string().optional(),
    addedAt: z.string(),
  })),
  approved: z.array(z.string()),
});

/** Keeps {@linkcode ActiveState}. */
export class ActiveStore {
  readonly #deps: StoreDeps;
  readonly #file: JsonStore<z.infer<typeof schema>>;

  /** @param deps The state directory, and a log. */
  constructor(deps: StoreDeps) {
    this.#deps = deps;
    this.#file = new JsonStore(deps, {
      path: "active_mounts.json",
      version: 1,
      schema,
      maxBytes: MAX_BYTES,
    });
  }

  /** What is kept. */
  async read(): Promise<ActiveState> {
    const kept = await this.#file.read();
    // The schema has checked what is used; the rest is as Wharf wrote it.
    return kept === undefined ? NOTHING_ACTIVE : kept as unknown as ActiveState;
  }

  /**
   * Changes what is kept; other processes wait.
   *
   * @param change Gives the new state of the one that is kept.
   * @returns The new state.
   */
  async change(change: (state: ActiveState) => ActiveState): Promise<ActiveState> {
    await using _lock = await this.#deps.disk.lock("active_mounts.json.lock");
    const next = change(await this.read());
    // A plain copy: what is written is JSON.
    await this.#file.write(JSON.parse(JSON.stringify(next)));
    return next;
  }
}
