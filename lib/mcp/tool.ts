/**
 * A tool is data plus a handler. Here are its form, and the one path that every call takes:
 * arguments are checked, the handler runs, the answer becomes a result. Needs no permission.
 *
 * @example
 * ```ts
 * import { z } from "zod";
 * import { defineTool } from "./tool.ts";
 *
 * const echo = defineTool({
 *   name: "echo",
 *   title: "Echo",
 *   toolset: "oci",
 *   description: "Say it again.",
 *   annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
 *   input: z.strictObject({ text: z.string() }),
 *   output: z.object({ text: z.string() }),
 *   handle: (input, _deps: Record<never, never>) =>
 *     Promise.resolve({ structured: { text: input.text }, text: input.text }),
 * });
 * echo.bind({}).name; // "echo"
 * ```
 *
 * @module
 */

import { z } from "zod";
import { coerceArguments, type Synonyms } from "../core/coerce.ts";
import { AppError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import type { Origin } from "../gateway/mod.ts";
import { nearestNames } from "../core/nearest.ts";

/** The groups that an operator may switch on and off, in the order of listings. */
export const TOOLSETS = ["oci", "hub", "catalog", "gateway", "compat"] as const;

/** The name of a toolset. */
export type Toolset = (typeof TOOLSETS)[number];

/** What a client may assume of a tool; every hint is explicit. */
export interface ToolAnnotations {
  /** Changes nothing. */
  readonly readOnlyHint: boolean;
  /** May destroy something. */
  readonly destructiveHint: boolean;
  /** A second call changes nothing more. */
  readonly idempotentHint: boolean;
  /** Reaches beyond this machine. */
  readonly openWorldHint: boolean;
}

/** How far a long call is. */
export interface Progress {
  /** What is being done. */
  readonly message?: string;
  /** Steps done. */
  readonly done: number;
  /** Steps in all, where known. */
  readonly total?: number;
}

/** Who calls. */
export interface Caller {
  /** Name and version of the client as it gives them, or `cli`. */
  readonly client: string;
  /** How it reached Wharf: `stdio`, `http` or `cli`. */
  readonly transport: string;
  /** The session, where there are several. */
  readonly session?: string;
  /** The person or program that signed in, where somebody had to. */
  readonly user?: string;
}

/** A value that a person is asked for. */
export interface Question {
  /** Its name. */
  readonly name: string;
  /** What it is for. */
  readonly description?: string;
  /** How it is written. @default {"string"} */
  readonly format?: string;
  /** The values that are allowed. */
  readonly choices?: readonly string[];
}

/** What comes with a call. */
export interface CallContext {
  /** Asks the person at the client for values that are no secrets; `undefined` when they decline. */
  readonly ask?: (
    question: string,
    needs: readonly Question[],
  ) => Promise<Readonly<Record<string, string>> | undefined>;
  /** Who calls. @default nobody that is known */
  readonly caller?: Caller;
  /**
   * Hands a page to the person, who is to sign in there; absent where nobody can be reached. It
   * rejects when they decline.
   */
  readonly openPage?: (url: URL, message: string) => Promise<void>;
  /** Asks the person at the client to agree; absent where the client cannot ask. */
  readonly confirm?: (question: string) => Promise<boolean>;
  /** The client's request, for whom an activated server asks something meanwhile. */
  readonly origin?: Origin;
  /** Aborts when the client cancels or goes. */
  readonly signal: AbortSignal;
  /** What a list in the answer may cost its reader, in tokens. @default {2000} */
  readonly budgetTokens?: number;
  /** Tells the client how far the call is; nobody may be listening. */
  progress(progress: Progress): void;
}

/** What a handler gives. */
export interface ToolAnswer<T> {
  /** The answer for machines; fits the output schema. */
  readonly structured: T;
  /** The same for reading, short. */
  readonly text: string;
  /** The whole result, of a tool that passes on what somebody else answered. */
  readonly passedOn?: ToolResult;
}

/** A block of a result, as MCP has it. */
export type ContentBlock = Readonly<Record<string, unknown>> & { readonly type: string };

/** The result of a call, as MCP has it. */
export interface ToolResult {
  /** For reading. */
  readonly content: readonly ContentBlock[];
  /** For machines. */
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  /** Whether the call failed. */
  readonly isError?: boolean;
  /** Facts beside the answer. */
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** A tool with everything that it needs, ready to be listed and called. */
export interface BoundTool {
  /** The name that clients call. */
  readonly name: string;
  /** The name that people read. */
  readonly title: string;
  /** The group that it belongs to. */
  readonly toolset: string;
  /** What it does, for a model. */
  readonly description: string;
  /** What may be assumed of it. */
  readonly annotations: ToolAnnotations;
  /** JSON Schema of the arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  /** JSON Schema of the structured answer. */
  readonly outputSchema?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Calls it.
   *
   * @throws {AppError} `INVALID_ARGUMENT` for arguments that do not fit, and the tool's own errors.
   */
  call(args: unknown, context: CallContext): Promise<ToolResult>;
}

/** The same type, with nothing in it that can be written. */
export type DeepReadonly<T> = T extends readonly (infer Item)[] ? readonly DeepReadonly<Item>[]
  : T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
  : T;

/** What {@linkcode defineTool} takes. */
export interface ToolSpec<I extends z.ZodObject, O extends z.ZodObject, D> {
  /** The name that clients call. */
  readonly name: string;
  /** The name that people read. */
  readonly title: string;
  /** The group that it belongs to. */
  readonly toolset: Toolset;
  /** What it does, for a model: a sentence or two. */
  readonly description: string;
  /** What may be assumed of it. */
  readonly annotations: ToolAnnotations;
  /** The arguments; strict. An optional one that is `null` or empty counts as absent. */
  readonly input: I;
  /** Optional arguments whose empty text means something. @default none */
  readonly mayBeEmpty?: readonly string[];
  /** Words of older servers for values of ours that mean the same, by argument. */
  readonly synonyms?: Synonyms;
  /** Names of arguments in older servers. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** The structured answer. */
  readonly output: O;
  /** Whether the results are somebody else's, so that no schema can be promised. */
  readonly passesOn?: boolean;
  /** Does the work. */
  handle(
    input: z.output<I>,
    deps: D,
    context: CallContext,
  ): Promise<ToolAnswer<DeepReadonly<z.input<O>>>>;
}

/** A tool that waits for what it needs. */
export interface Tool<D> {
  /** The name that clients call. */
  readonly name: string;
  /** The group that it belongs to. */
  readonly toolset: Toolset;
  /** Gives the tool what it needs. */
  bind(deps: D): BoundTool;
}

/**
 * Defines a tool.
 *
 * @param spec Data and handler.
 * @returns The tool, not yet bound.
 */
export function defineTool<I extends z.ZodObject, O extends z.ZodObject, D>(
  spec: ToolSpec<I, O, D>,
): Tool<D> {
  const { name, title, toolset, description, annotations } = spec;
  // A command line calls one tool and lists none: schemas are made when somebody looks at them.
  const inputSchema = once(() => jsonSchema(spec.input));
  const outputSchema = once(() => jsonSchema(spec.output));
  return {
    name,
    toolset,
    bind: (deps) => ({
      name,
      title,
      toolset,
      description,
      annotations,
      get inputSchema() {
        return inputSchema();
      },
      get outputSchema() {
        return spec.passesOn === true ? undefined : outputSchema();
      },
      async call(args, context) {
        const input = checkedArguments(spec, inputSchema(), args);
        const { structured, text, passedOn } = await spec.handle(input, deps, context);
        return passedOn ?? { content: [{ type: "text", text }], structuredContent: structured };
      },
    }),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Without `$schema`: validators of older drafts would refuse to compile it. */
function jsonSchema(schema: z.ZodObject): Readonly<Record<string, unknown>> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    // What goes in is strict by itself; what comes out may have more words one day.
    io: "input",
    override({ jsonSchema }) {
      // That a number is a safe integer says nothing to a model, and costs it many words.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return rest;
}

/** What a check of arguments needs to know of a tool. */
interface ArgumentSpec<I extends z.ZodObject> {
  readonly name: string;
  readonly input: I;
  readonly mayBeEmpty?: readonly string[];
  readonly synonyms?: Synonyms;
  readonly aliases?: Readonly<Record<string, string>>;
}

function checkedArguments<I extends z.ZodObject>(
  spec: ArgumentSpec<I>,
  schema: Readonly<Record<string, unknown>>,
  args: unknown,
): z.output<I> {
  const given = renamed(args ?? {}, spec.aliases ?? {});
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot call ${spec.name}: the arguments are no object`,
      { hint: `Pass ${expected(spec.input)}` },
    );
  }
  const parsed = spec.input.safeParse(coerceArguments(given, schema, spec));
  if (parsed.success) return parsed.data;
  // A misspelt name first: it often explains why another is missing.
  const issues = parsed.error.issues.toSorted((a, b) =>
    Number(b.code === "unrecognized_keys") - Number(a.code === "unrecognized_keys")
  );
  const reasons = issues.slice(0, 3).map((issue) => {
    if (issue.code === "unrecognized_keys") {
      const keys = issue.keys.slice(0, 5).map((key) => `"${cleanText(key, { maxChars: 60 })}"`);
      return `${keys.join(", ")} ${keys.length === 1 ? "is" : "are"} not expected`;
    }
    const where = issue.path.join(".");
    const isMissing = !Object.hasOwn(given, String(issue.path[0]));
    return isMissing ? `"${where}" is missing` : `"${where}": ${lowered(issue.message)}`;
  });
  const unknown = issues.flatMap((issue) => issue.code === "unrecognized_keys" ? issue.keys : []);
  throw new AppError("INVALID_ARGUMENT", `Cannot call ${spec.name}: ${reasons.join("; ")}`, {
    hint: `${advice(unknown, spec.input, given)}Expected ${expected(spec.input)}`,
  });
}

/** Arguments under our names, where they are not given under them already. */
function renamed(args: unknown, aliases: Readonly<Record<string, string>>): unknown {
  if (typeof args !== "object" || args === null || Array.isArray(args)) return args;
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => {
      const own = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
      return [own !== undefined && !Object.hasOwn(args, own) ? own : name, value];
    }),
  );
}

/** What was probably meant by an argument that is not expected. */
function advice(unknown: readonly string[], input: z.ZodObject, given: object): string {
  if (unknown.some((key) => /^(?:user_?name|password|token|api_?key)$/i.test(key))) {
    return "Wharf has credentials from its environment and auth files, never from arguments. ";
  }
  const free = Object.keys(input.shape).filter((name) => !Object.hasOwn(given, name));
  const meant = unknown.flatMap((key) => nearestNames(key, free, 1));
  return meant.length === 0 ? "" : `Did you mean ${[...new Set(meant)].join(", ")}? `;
}

/** `image_ref, platform?` */
function expected(input: z.ZodObject): string {
  const names = Object.entries(input.shape).map(([name, type]) =>
    z.safeParse(type, undefined).success ? `${name}?` : name
  );
  return names.length === 0 ? "no arguments" : names.join(", ");
}

function lowered(message: string): string {
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}
