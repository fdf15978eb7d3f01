/**
 * A client for the official conformance suite: reaches the server that the last argument names with
 * what Wharf uses for remote servers, signs in where it is asked to, and calls every tool. Needs
 * net permission, and env for what the suite tells.
 *
 * @module
 */

import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import { type Authorize, OAuth } from "../../lib/gateway/oauth.ts";
import { OAuthStore } from "../../lib/gateway/oauth_store.ts";
import { launchRemote } from "../../lib/gateway/remote.ts";
import { UpstreamSession } from "../../lib/gateway/session.ts";
import { systemClock as clock } from "../../lib/host/clock.ts";
import { openLog } from "../../lib/host/log.ts";
import { listen, openNet } from "../../lib/host/net.ts";

/** Allows everything at once, as the suite's pages do. */
const authorize: Authorize = async ({ url }) => {
  await (await fetch(url)).body?.cancel();
  return undefined;
};

const url = new URL(Deno.args.at(-1) ?? "");
const context = JSON.parse(Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}");
const log = openLog({ level: "warn", format: "text", clock });
const disk = new MemoryDisk();
await using net = openNet({ userAgent: "wharf-test/1", clock });
const store = new OAuthStore({ disk, log });
const oauth = new OAuth({ net, clock, listen, store, disk, log });
const launched = await launchRemote({
  url,
  ...(typeof context.client_id === "string"
    ? { client: { id: context.client_id, secret: context.client_secret } }
    : {}),
}, { net, clock, log, oauth, authorize });
await using session = new UpstreamSession({ launched, clock, log, name: "suite" });
await session.connect();
for (const { name, inputSchema } of session.definitions.tools) {
  // The suite's tools want numbers, if anything.
  const { properties = {} } = inputSchema as { readonly properties?: object };
  const args = Object.fromEntries(Object.keys(properties).map((key, index) => [key, index + 2]));
  await session.call(name, args, { timeoutMs: 20_000 });
}
