/**
 * Activated servers as people see them. Needs no permission.
 *
 * @module
 */

import { truncate } from "../core/text.ts";
import type { ActiveRecord } from "./active_state.ts";
import type { ActiveServer } from "./active_server.ts";
import type { ActiveStatus } from "./active_server_types.ts";
import type { CleanTool } from "./clean_tools.ts";
import type { Usage } from "./launched.ts";
import { type Suspicion, suspicions } from "./suspicions.ts";
import type { ChangedTool } from "./trust.ts";

/** A tool that an activated server offers. */
export interface OfferedTool {
  /** Name that clients call. */
  readonly name: string;
  /** The server. */
  readonly id: string;
  /** The server's own name for it. */
  readonly tool: string;
  /** Its definition, cleaned, under the name that clients call. */
  readonly definition: CleanTool;
}

/** What is counted of a server. */
export interface ServerFacts {
  /** How it was started, once it has been. */
  readonly how: string | undefined;
  /** Time since its start, in milliseconds, while it runs. */
  readonly upMs: number | undefined;
  /** How often it was started again after a crash. */
  readonly restarts: number;
  /** Requests that were passed on to it. */
  readonly calls: number;
  /** Those that failed. */
  readonly errors: number;
  /** Requests that wait for its answer now. */
  readonly inFlight: number;
  /** Number of its prompts. */
  readonly prompts: number;
  /** Number of its resources. */
  readonly resources: number;
  /** What a person should know. */
  readonly notes: readonly string[];
}

/** One activated server, for people. */
export interface ActiveView {
  /** Its id. */
  readonly id: string;
  /** Prefix of its tools. */
  readonly prefix: string;
  /** How it stands. */
  readonly status: ActiveStatus;
  /** How it was started. */
  readonly how: string;
  /** What runs exactly. */
  readonly pinned?: string;
  /** Time since its start, in milliseconds. */
  readonly upMs?: number;
  /** How often it was started again after a crash. */
  readonly restarts: number;
  /** Calls of its tools. */
  readonly calls: number;
  /** Those that failed. */
  readonly errors: number;
  /** Those that wait for its answer now. */
  readonly inFlight: number;
  /** What it takes. */
  readonly usage: Usage;
  /** Names of its tools, as clients call them. */
  readonly tools: readonly string[];
  /** Number of its prompts. */
  readonly prompts: number;
  /** Number of its resources. */
  readonly resources: number;
  /** Tools that are held back, and how they differ. */
  readonly held: readonly ChangedTool[];
  /** What looks like an attempt on a model. */
  readonly suspicions: readonly Suspicion[];
  /** What a person should know. */
  readonly notes: readonly string[];
  /** Why it does not answer. */
  readonly error?: string;
}

/**
 * How to use servers, in their own words: each under its id, cut to a fair share.
 *
 * @param records The servers.
 * @param maxChars Most characters in all.
 */
export function instructionsOf(records: readonly ActiveRecord[], maxChars: number): string {
  const told = records.filter(({ instructions }) => instructions !== undefined);
  const share = Math.floor(maxChars / Math.max(1, told.length));
  return told.map(({ id, prefix, instructions = "" }) => {
    const head = `${id}${prefix === "" ? "" : ` (names begin with ${prefix}_)`}: `;
    return `${head}${truncate(instructions, Math.max(0, share - head.length))}`;
  }).join("\n\n");
}

/**
 * What there is to say of a server.
 *
 * @param server The server.
 * @param context `tools`: what all servers offer.
 */
export async function viewServer(
  server: ActiveServer,
  context: { readonly tools: readonly OfferedTool[]; readonly signal?: AbortSignal },
): Promise<ActiveView> {
  const { record, status, facts, held, error, pinned } = server;
  const offered = context.tools.filter(({ id }) => id === record.id);
  const ownNames = new Set(server.tools.map(({ name }) => name));
  const otherNames = new Set(
    context.tools.filter(({ id }) => id !== record.id).map(({ name }) => name),
  );
  return {
    id: record.id,
    prefix: record.prefix,
    status,
    how: facts.how ?? record.plan.method,
    ...(pinned === undefined ? {} : { pinned }),
    ...(facts.upMs === undefined ? {} : { upMs: facts.upMs }),
    restarts: facts.restarts,
    calls: facts.calls,
    errors: facts.errors,
    inFlight: facts.inFlight,
    usage: await server.usage(context.signal).catch(() => ({})),
    tools: offered.map(({ name }) => name),
    prompts: facts.prompts,
    resources: facts.resources,
    held,
    suspicions: server.tools.flatMap((tool) => suspicions(tool, { ownNames, otherNames })),
    notes: [...record.plan.warnings, ...facts.notes],
    ...(error === undefined ? {} : { error: error.message }),
  };
}
