/**
 * What a server offers, as clients may see it: texts cleaned, and nothing in it that makes the
 * SDK's clients refuse a whole list, so that one odd definition never hides the others. Everything
 * else is as the server has it. Needs no permission.
 *
 * @module
 */

import type { z } from "zod";
import { cleanText } from "../core/text.ts";
import { isObject, type JsonObject } from "../rpc/mod.ts";
import { type CleanTool, cleanTool } from "./clean_tools.ts";
import type { Definition, ResourceDefinition, TemplateDefinition } from "./definitions.ts";
import { PromptSchema, ResourceSchema, ResourceTemplateSchema, ToolSchema } from "./sdk.ts";
import type { ToolDefinition } from "./trust.ts";

const MAX_TEXT_CHARS = { title: 200, description: 4_000 } as const;

/** A tool to offer; `undefined` for one that no client would take. */
export function offeredTool(definition: ToolDefinition): CleanTool | undefined {
  const { tool } = cleanTool(definition);
  // Only members of little weight can go: the others were made to fit.
  return fitting(tool, ToolSchema, ["name", "inputSchema"]) as CleanTool | undefined;
}

/** A prompt to offer; `undefined` for one that no client would take. */
export function offeredPrompt(definition: Definition): JsonObject | undefined {
  const { arguments: args } = definition;
  return fitting(
    withCleanTexts({
      ...definition,
      ...(Array.isArray(args)
        ? { arguments: args.map((arg) => isObject(arg) ? withCleanTexts(arg) : arg) }
        : {}),
    }),
    PromptSchema,
    ["name"],
  );
}

/** A resource to offer; `undefined` for one that no client would take. */
export function offeredResource(definition: ResourceDefinition): JsonObject | undefined {
  const { uri, name } = definition;
  return fitting(
    withCleanTexts({ ...definition, name: typeof name === "string" ? name : uri }),
    ResourceSchema,
    ["uri", "name"],
  );
}

/** A resource template to offer; `undefined` for one that no client would take. */
export function offeredTemplate(definition: TemplateDefinition): JsonObject | undefined {
  const { uriTemplate, name } = definition;
  return fitting(
    withCleanTexts({ ...definition, name: typeof name === "string" ? name : uriTemplate }),
    ResourceTemplateSchema,
    ["uriTemplate", "name"],
  );
}

function withCleanTexts(definition: JsonObject): JsonObject {
  const texts = (["title", "description"] as const).flatMap((name) => {
    const text = definition[name];
    if (typeof text !== "string") return [];
    const options = { maxChars: MAX_TEXT_CHARS[name], multiline: name === "description" };
    return [[name, cleanText(text, options)]];
  });
  return { ...definition, ...Object.fromEntries(texts) };
}

/** A definition without the members that a schema objects to; none where it is about these. */
function fitting(
  definition: JsonObject,
  schema: z.ZodType,
  needed: readonly string[],
): JsonObject | undefined {
  let rest = definition;
  while (true) {
    const parsed = schema.safeParse(rest);
    if (parsed.success) return rest;
    const wrong = new Set(parsed.error.issues.map(({ path }) => String(path[0])));
    const kept = Object.entries(rest).filter(([name]) => !wrong.has(name));
    const isStuck = kept.length === Object.keys(rest).length;
    if (isStuck || needed.some((name) => wrong.has(name))) return undefined;
    rest = Object.fromEntries(kept);
  }
}
