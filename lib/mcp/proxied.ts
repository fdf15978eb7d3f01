/**
 * The tools of activated servers as Wharf's own: their definitions cleaned, their calls and results
 * passed on. Needs no permission.
 *
 * @module
 */

import type { Activations, OfferedTool } from "../gateway/mod.ts";
import type { BoundTool } from "./tool.ts";
import { passProgress, resultOf } from "./tools/gateway.ts";

/**
 * Makes tools of what activated servers offer.
 *
 * @param offered What is on offer.
 * @param activations Takes the calls.
 */
export function proxiedTools(
  offered: readonly OfferedTool[],
  activations: Pick<Activations, "call">,
): readonly BoundTool[] {
  return offered.map(({ name, id, tool, definition }) => ({
    name,
    title: definition.title ?? tool,
    toolset: id,
    description: definition.description ?? "",
    // What is not said is what the specification assumes (MCP, "ToolAnnotations").
    annotations: {
      readOnlyHint: definition.annotations?.readOnlyHint ?? false,
      destructiveHint: definition.annotations?.destructiveHint ?? true,
      idempotentHint: definition.annotations?.idempotentHint ?? false,
      openWorldHint: definition.annotations?.openWorldHint ?? true,
    },
    inputSchema: definition.inputSchema,
    ...(definition.outputSchema === undefined ? {} : { outputSchema: definition.outputSchema }),
    async call(args, context) {
      const given = typeof args === "object" && args !== null ? { ...args } : undefined;
      const result = await activations.call({ name }, given, {
        signal: context.signal,
        onProgress: (progress) => passProgress(progress, context),
      });
      return resultOf(result);
    },
  }));
}
