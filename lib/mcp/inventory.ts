/**
 * What Wharf offers at a moment: tools, prompts and resource templates. It may change while
 * sessions are open. Needs no permission.
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
  /**
   * Tells of changes to the tools.
   *
   * @param listener Called after each change.
   * @returns Disposing it ends the telling.
   */
  onToolsChanged(listener: () => void): Disposable;
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

/** An inventory whose tools can be replaced. */
export interface MutableInventory extends Inventory {
  /**
   * Replaces the tools, and tells the sessions.
   *
   * @param tools The tools, in the order of listings; names are unique.
   */
  replaceTools(tools: readonly BoundTool[]): void;
}

/**
 * Makes an inventory.
 *
 * @param parts What is offered at first.
 * @returns The inventory.
 */
export function createInventory(parts: InventoryParts): MutableInventory {
  let tools = parts.tools;
  let byName = new Map(tools.map((tool) => [tool.name, tool]));
  const listeners = new Set<() => void>();
  return {
    prompts: parts.prompts,
    templates: parts.templates,
    listTools: () => tools,
    findTool: (name) => byName.get(name),
    onToolsChanged(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    replaceTools(next) {
      tools = next;
      byName = new Map(next.map((tool) => [tool.name, tool]));
      for (const listener of listeners) listener();
    },
  };
}
