/**
 * What is Wharf's own: tools, prompts and resource templates. Needs no permission.
 *
 * @module
 */

import type { PromptDefinition } from "./prompts.ts";
import type { ResourceTemplate } from "./resources.ts";
import type { BoundTool } from "./tool.ts";

/** What is offered. */
export interface Inventory {
  /** The tools, in a stable order. */
  listTools(): readonly BoundTool[];
  /** Finds a tool by the name that clients call. */
  findTool(name: string): BoundTool | undefined;
  /** The prompts. */
  readonly prompts: readonly PromptDefinition[];
  /** The resource templates. */
  readonly templates: readonly ResourceTemplate[];
}

/** What {@linkcode createInventory} takes. */
export interface InventoryParts {
  /** The tools, in the order of listings. */
  readonly tools: readonly BoundTool[];
  /** The prompts. */
  readonly prompts: readonly PromptDefinition[];
  /** The resource templates. */
  readonly templates: readonly ResourceTemplate[];
}

/**
 * Makes an inventory.
 *
 * @param parts What is offered.
 * @returns The inventory.
 */
export function createInventory(parts: InventoryParts): Inventory {
  const byName = new Map(parts.tools.map((tool) => [tool.name, tool]));
  return {
    prompts: parts.prompts,
    templates: parts.templates,
    listTools: () => parts.tools,
    findTool: (name) => byName.get(name),
  };
}
