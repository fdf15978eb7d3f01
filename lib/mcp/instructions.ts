/**
 * What a model reads once, when its client connects. Needs no permission.
 *
 * @module
 */

import type { Inventory } from "./inventory.ts";

/** Where to begin, by tool; only what is on offer is named. */
const FIRST_TOOLS = [
  ["get_image_info", "for one image"],
  ["list_tags", "for a repository"],
  ["search_images", "to find one"],
  ["registry-find", "for an MCP server"],
] as const;

/**
 * Writes the instructions.
 *
 * @param inventory What Wharf offers.
 * @param words What activated servers say of themselves, cleaned and bounded.
 */
export function instructions(inventory: Pick<Inventory, "findTool">, words = ""): string {
  const first = FIRST_TOOLS.filter(([name]) => inventory.findTool(name) !== undefined)
    .map(([name, use]) => `${name} ${use}`);
  const own = [
    "Wharf answers about container images without pulling them, and finds MCP servers.",
    ...(first.length === 0 ? [] : [`Begin with ${first.join(", ")}.`]),
    "Pin with the `pinned` reference. Errors name the next step.",
  ].join(" ");
  return words === "" ? own : `${own}\n\nActivated servers say of themselves:\n\n${words}`;
}
