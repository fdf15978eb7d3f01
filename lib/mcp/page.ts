/**
 * Lists in pages (MCP specification, "Pagination"). Needs no permission.
 *
 * @module
 */

import { type JsonObject, RPC_CODES } from "../rpc/mod.ts";
import { protocolError } from "./own.ts";

/** Many clients ask for one page only. */
const MAX_ITEMS = 500;

/** A page is one message, and clients bound those. */
const MAX_CHARS = 2 * 1024 * 1024;

/** Characters of items as JSON; lists are asked for again and again. */
const sizes = new WeakMap<JsonObject, number>();

/**
 * One page of a list. The cursor is the last item's key: it stays right when items come and go
 * before it.
 *
 * @param all The list.
 * @param key The member that names an item.
 * @param cursor As the client sent it.
 * @throws {RpcError} For a cursor that names nothing.
 */
export function page(
  all: readonly JsonObject[],
  key: string,
  cursor: unknown,
): { readonly items: readonly JsonObject[]; readonly nextCursor?: string } {
  // `null` is what some languages make of an absent member.
  const isFirst = cursor === undefined || cursor === null;
  const start = isFirst ? 0 : all.findIndex((item) => item[key] === cursor) + 1;
  if (!isFirst && start === 0) {
    throw protocolError(RPC_CODES.invalidParams, "Unknown cursor. Begin again without one");
  }
  let end = start;
  for (let chars = 0; end < Math.min(all.length, start + MAX_ITEMS); end++) {
    const item = all[end];
    chars += item === undefined ? 0 : sizeOf(item);
    if (chars > MAX_CHARS && end > start) break;
  }
  const items = all.slice(start, end);
  const last = items.at(-1);
  return {
    items,
    ...(last === undefined || end >= all.length ? {} : { nextCursor: String(last[key]) }),
  };
}

function sizeOf(item: JsonObject): number {
  const known = sizes.get(item);
  if (known !== undefined) return known;
  const size = JSON.stringify(item).length;
  sizes.set(item, size);
  return size;
}
