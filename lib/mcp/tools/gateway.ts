/**
 * The tools that activate servers and call them. Needs no permission: the gateway is passed in.
 *
 * @module
 */

import { z } from "zod";
import { AppError, toAppError } from "../../core/errors.ts";
import { counted, sizeText } from "../../core/units.ts";
import type { Activations, Added, AddRequest, Asker } from "../../gateway/mod.ts";
import type { JsonObject } from "../../rpc/mod.ts";
import { inspectImage, parseReference, type RegistryClient } from "../../oci/mod.ts";
import { joined } from "../render.ts";
import { type CallContext, defineTool, type ToolAnnotations, type ToolResult } from "../tool.ts";
import { COUNT } from "./arguments.ts";

/** Gives the gateway, which is loaded with the first call. */
export type GatewayDoor = () => Promise<{
  /** The activated servers. */
  readonly activations: Pick<
    Activations,
    "add" | "remove" | "list" | "configure" | "call" | "logs"
  >;
  /** A plan as plain data. */
  readonly viewPlan: (plan: Added["plan"]) => Readonly<Record<string, unknown>>;
}>;

interface GatewayDeps {
  readonly gateway: GatewayDoor;
}

const CHANGES: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: true,
};

const ID = z.string().min(1).describe("Id from registry-find");
const ENV = z.record(z.string(), z.string());
const OLD_NAMES = Object.fromEntries([["entry_id", "id"], ["environment", "env"]]);

/** Most lines of a log in one answer. */
const MAX_LINES = 500;

/** Activates a server. */
export const registryAdd = defineTool({
  name: "registry-add",
  title: "Activate MCP server",
  toolset: "gateway",
  description:
    "Activate a server: its tools then are Wharf's. dry_run=true shows only what would run. First " +
    "use of an unknown server needs confirm=true after a person agreed.",
  annotations: CHANGES,
  aliases: OLD_NAMES,
  mayBeEmpty: ["prefix"],
  input: z.strictObject({
    id: ID,
    prefix: z.string().optional().describe('Of its tools\' names; default by the id, "" for none'),
    env: ENV.optional().describe("Settings: a value, env:NAME, file:/path or podman-secret:name"),
    launch_method: z.enum(["podman", "stdio-proxy", "remote-http"]).optional(),
    image: z.string().optional(),
    command: z.string().optional(),
    args: z.array(z.string()).optional(),
    url: z.string().optional(),
    version: z.string().optional(),
    network: z.enum(["none", "default"]).optional(),
    persist: z.boolean().default(true),
    dry_run: z.boolean().default(false),
    confirm: z.boolean().default(false),
    accept_changes: z.boolean().default(false).describe("Take its tools as they are now"),
    accept_new_digest: z.boolean().default(false).describe("Take what the tag says now"),
  }),
  output: z.object({
    id: z.string(),
    status: z.string().optional(),
    plan: z.looseObject({}),
    pinned: z.string().optional(),
    tools: z.array(z.string()).optional(),
    notes: z.array(z.string()),
    image: z.object({
      pinned: z.string(),
      size_bytes: COUNT.optional(),
      user: z.string(),
      created: z.string().optional(),
      attestations: COUNT,
    }).optional(),
  }),
  async handle(
    input,
    deps: GatewayDeps & { readonly registry: Pick<RegistryClient, "manifest" | "blob"> },
    context,
  ) {
    const { activations, viewPlan } = await deps.gateway();
    const request: AddRequest = {
      id: input.id,
      dryRun: input.dry_run,
      confirm: input.confirm,
      persist: input.persist,
      acceptsNew: input.accept_new_digest,
      acceptsChanges: input.accept_changes,
      ...(input.prefix === undefined ? {} : { prefix: input.prefix }),
      ...(input.env === undefined ? {} : { env: input.env }),
      ...(input.launch_method === undefined ? {} : { launchMethod: input.launch_method }),
      ...(input.image === undefined ? {} : { image: input.image }),
      ...(input.command === undefined ? {} : { command: input.command }),
      ...(input.args === undefined ? {} : { args: input.args }),
      ...(input.url === undefined ? {} : { url: input.url }),
      ...(input.version === undefined ? {} : { version: input.version }),
      ...(input.network === undefined ? {} : { network: input.network }),
    };
    const { plan, server, running } = await activations.add(request, askerOf(context));
    const view = viewPlan(plan);
    const image = plan.target.kind === "image"
      ? await imageFacts(String(view["runs"]), deps.registry, context.signal)
      : undefined;
    const notes = [
      ...server?.notes ?? plan.warnings,
      ...(typeof image === "string" ? [image] : []),
      ...movedNote(running?.pinned ?? server?.pinned, image),
    ];
    const facts = typeof image === "object" ? image.facts : undefined;
    const structured = {
      id: plan.id,
      ...(server === undefined ? {} : { status: server.status, tools: server.tools }),
      plan: view,
      ...(server?.pinned === undefined ? {} : { pinned: server.pinned }),
      notes,
      ...(facts === undefined ? {} : { image: facts }),
    };
    const { verdict, missing } = plan;
    return {
      structured,
      text: joined([
        server === undefined
          ? `Plan for ${plan.id}: ${verdict.verdict} (${verdict.reason})`
          : `${plan.id} is ${server.status}: ${
            counted(server.tools.length, "tool")
          }, ${server.how}`,
        `runs: ${server?.pinned ?? view["runs"]}`,
        `network: ${plan.network}`,
        plan.limits === undefined
          ? undefined
          : `limits: ${sizeText(plan.limits.memoryBytes)} memory, ${
            counted(plan.limits.cpus, "CPU")
          }, ${plan.limits.pids} processes`,
        facts === undefined ? undefined : `image: ${
          joined([
            facts.size_bytes === undefined ? undefined : sizeText(facts.size_bytes),
            `user ${facts.user}`,
            facts.created,
            counted(facts.attestations, "attestation"),
          ], ", ")
        }`,
        missing.length === 0 ? undefined : `missing: ${missing.map(({ name }) => name).join(", ")}`,
        server === undefined ? undefined : `tools: ${server.tools.join(", ")}`,
        ...notes.map((note) => `note: ${note}`),
      ], "\n"),
    };
  },
});

/** Says that a tag no longer names what runs. */
function movedNote(
  pinned: string | undefined,
  image: { readonly digests: readonly string[] } | string | undefined,
): readonly string[] {
  const [, running] = pinned?.split("@") ?? [];
  if (running === undefined || typeof image !== "object") return [];
  return image.digests.includes(running) ? [] : [
    `the tag now names ${image.digests[0]}, what runs is ${running}; ` +
    "accept_new_digest=true takes the new one",
  ];
}

/** What a look into the image tells before it runs; why not, where it cannot be had. */
async function imageFacts(
  reference: string,
  registry: Pick<RegistryClient, "manifest" | "blob">,
  signal: AbortSignal,
) {
  try {
    const info = await inspectImage(registry, parseReference(reference), { signal });
    const selected = info.platforms.find(({ platform }) => platform === info.selected?.platform);
    const facts = {
      pinned: info.pinned,
      ...(selected?.size_bytes === undefined ? {} : { size_bytes: selected.size_bytes }),
      user: info.selected?.user ?? "root",
      ...(selected?.created === undefined ? {} : { created: selected.created }),
      attestations: info.attestations,
    };
    // An engine may tell the digest of the index or that of the platform's manifest.
    return { facts, digests: [info.digest, ...info.platforms.map(({ digest }) => digest)] };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return `The image was not looked into. ${toAppError(thrown).message}`;
  }
}

/** Ends a server. */
export const registryRemove = defineTool({
  name: "registry-remove",
  title: "Remove MCP server",
  toolset: "gateway",
  description: "End an activated server and take its tools away. Its settings are kept.",
  annotations: { ...CHANGES, destructiveHint: true },
  aliases: OLD_NAMES,
  input: z.strictObject({ id: ID }),
  output: z.object({ removed: z.string() }),
  async handle(input, deps: GatewayDeps, context) {
    const { activations } = await deps.gateway();
    await activations.remove(input.id, askerOf(context));
    return { structured: { removed: input.id }, text: `${input.id} is removed` };
  },
});

/** Says what is active. */
export const registryActive = defineTool({
  name: "registry-active",
  title: "Active MCP servers",
  toolset: "gateway",
  description:
    "Say which servers are active and how each stands: what runs, uptime, calls, memory, tools, " +
    "what changed and is held back, what looks suspicious.",
  annotations: { ...CHANGES, readOnlyHint: true, openWorldHint: false },
  input: z.strictObject({}),
  output: z.object({
    servers: z.array(z.object({
      id: z.string(),
      status: z.string(),
      how: z.string(),
      pinned: z.string().optional(),
      prefix: z.string(),
      tools: z.array(z.string()),
      prompts: COUNT,
      resources: COUNT,
      up_seconds: COUNT.optional(),
      restarts: COUNT,
      calls: COUNT,
      errors: COUNT,
      in_flight: COUNT,
      memory_bytes: COUNT.optional(),
      cpu_percent: z.number().optional(),
      held: z.array(z.object({ tool: z.string(), changed: z.array(z.string()) })),
      suspicions: z.array(z.looseObject({ tool: z.string(), kind: z.string() })),
      notes: z.array(z.string()),
      error: z.string().optional(),
    })),
  }),
  async handle(_input, deps: GatewayDeps, { signal }) {
    const { activations } = await deps.gateway();
    const servers = (await activations.list(signal)).map((server) => ({
      id: server.id,
      status: server.status,
      how: server.how,
      ...(server.pinned === undefined ? {} : { pinned: server.pinned }),
      prefix: server.prefix,
      tools: server.tools,
      prompts: server.prompts,
      resources: server.resources,
      ...(server.upMs === undefined ? {} : { up_seconds: Math.floor(server.upMs / 1000) }),
      restarts: server.restarts,
      calls: server.calls,
      errors: server.errors,
      in_flight: server.inFlight,
      ...(server.usage.memoryBytes === undefined ? {} : { memory_bytes: server.usage.memoryBytes }),
      ...(server.usage.cpuPercent === undefined ? {} : { cpu_percent: server.usage.cpuPercent }),
      held: server.held.map(({ name, fields }) => ({ tool: name, changed: fields })),
      suspicions: server.suspicions.map((found) => ({ ...found })),
      notes: server.notes,
      ...(server.error === undefined ? {} : { error: server.error }),
    }));
    return {
      structured: { servers },
      text: servers.length === 0
        ? "No server is active; see registry-find, then registry-add"
        : servers.map((server) =>
          joined([
            `- ${server.id}: ${
              [
                server.status,
                server.how,
                counted(server.tools.length, "tool"),
                counted(server.calls, "call"),
                counted(server.errors, "error"),
                counted(server.restarts, "restart"),
              ].join(", ")
            }`,
            server.pinned === undefined ? undefined : `  runs ${server.pinned}`,
            server.memory_bytes === undefined
              ? undefined
              : `  memory ${sizeText(server.memory_bytes)}`,
            server.held.length === 0
              ? undefined
              : `  held back: ${server.held.map(({ tool }) => tool).join(", ")}`,
            ...server.suspicions.map(({ tool, kind }) => `  suspicious: ${tool} (${kind})`),
            server.error === undefined ? undefined : `  error: ${server.error}`,
          ], "\n")
        ).join("\n"),
    };
  },
});

/** Gives a server its settings. */
export const registryConfigSet = defineTool({
  name: "registry-config-set",
  title: "Set settings of MCP server",
  toolset: "gateway",
  description:
    "Set values that a server needs, as registry-get lists them. They are kept and never shown " +
    "again; env:NAME, file:/path and podman-secret:name refer to a value. A running server restarts.",
  annotations: CHANGES,
  aliases: OLD_NAMES,
  input: z.strictObject({
    id: ID,
    env: ENV.default({}),
    unset: z.array(z.string()).default([]),
  }),
  output: z.object({
    id: z.string(),
    settings: z.array(z.object({ name: z.string(), value: z.string() })),
    restarted: z.boolean(),
  }),
  async handle(input, deps: GatewayDeps, context) {
    const { activations } = await deps.gateway();
    const { values, restarted } = await activations.configure(
      input.id,
      { set: input.env, unset: input.unset },
      askerOf(context),
    );
    const settings = values.map(({ name, value }) => ({ name, value }));
    return {
      structured: { id: input.id, settings, restarted },
      text: [
        `${input.id}: ${counted(settings.length, "setting")}${restarted ? ", restarted" : ""}`,
        ...settings.map(({ name, value }) => `- ${name}: ${value}`),
      ].join("\n"),
    };
  },
});

/** Calls a tool of an activated server. */
export const registryExec = defineTool({
  name: "registry-exec",
  title: "Call tool of MCP server",
  toolset: "gateway",
  description:
    "Call a tool of an activated server, for clients that do not see new tools: id and tool, or " +
    "tool_name with its prefix.",
  annotations: { ...CHANGES, destructiveHint: true, idempotentHint: false },
  aliases: OLD_NAMES,
  input: z.strictObject({
    id: ID.optional(),
    tool: z.string().optional(),
    tool_name: z.string().optional(),
    arguments: z.record(z.string(), z.unknown()).default({}),
  }),
  output: z.object({}),
  passesOn: true,
  async handle(input, deps: GatewayDeps, context) {
    const { activations } = await deps.gateway();
    const { id, tool, tool_name: name } = input;
    const where = id !== undefined && tool !== undefined
      ? { id, tool }
      : name !== undefined
      ? { name }
      : undefined;
    if (where === undefined) {
      throw new AppError("INVALID_ARGUMENT", "Cannot call registry-exec: no tool is named", {
        hint: "Pass id and tool, or tool_name; see registry-active",
      });
    }
    const result = await activations.call(where, input.arguments, {
      signal: context.signal,
      onProgress: (progress) => passProgress(progress, context),
      ...(context.origin === undefined ? {} : { origin: context.origin }),
    });
    return { structured: {}, text: "", passedOn: resultOf(result) };
  },
});

/** Shows the log of an activated server. */
export const registryLogs = defineTool({
  name: "registry-logs",
  title: "Log of MCP server",
  toolset: "gateway",
  description: "Show the last lines that an activated server wrote to its log.",
  annotations: { ...CHANGES, readOnlyHint: true, openWorldHint: false },
  aliases: OLD_NAMES,
  input: z.strictObject({ id: ID, lines: z.int().min(1).max(MAX_LINES).default(50) }),
  output: z.object({ id: z.string(), lines: z.array(z.string()) }),
  async handle(input, deps: GatewayDeps) {
    const { activations } = await deps.gateway();
    const lines = await activations.logs(input.id, input.lines);
    return {
      structured: { id: input.id, lines },
      text: lines.length === 0 ? `${input.id} has written nothing` : lines.join("\n"),
    };
  },
});

function askerOf({ ask, caller, confirm, openPage, signal, progress }: CallContext): Asker {
  const actor = caller ?? { client: "unknown", transport: "wharf" };
  let step = 0;
  return {
    actor,
    // Whoever types a command is the operator; a model is not.
    by: actor.transport === "cli" ? "operator" : "client",
    signal,
    progress: (message) => progress({ message, done: ++step }),
    ...(confirm === undefined ? {} : { confirm }),
    ...(ask === undefined ? {} : { ask }),
    ...(openPage === undefined ? {} : {
      async authorize({ url, server }) {
        await openPage(url, `Sign in to ${server.host}`);
        return undefined;
      },
    }),
  };
}

/** Progress of a server, as it is told to Wharf's client. */
function passProgress(progress: JsonObject, context: CallContext): void {
  const { progress: done, total, message } = progress;
  if (typeof done !== "number") return;
  context.progress({
    done,
    ...(typeof total === "number" ? { total } : {}),
    ...(typeof message === "string" ? { message } : {}),
  });
}

/** A server's result: unchanged, but that its form is known. */
function resultOf(result: JsonObject): ToolResult {
  const { content } = result;
  return { ...result, content: Array.isArray(content) ? content : [] };
}
