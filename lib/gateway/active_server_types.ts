/**
 * What an activated server works with, and how it is used. Needs no permission: types only.
 *
 * @module
 */

import type { Clock, Log } from "../core/host.ts";
import type { Launcher, LaunchWishes } from "./launcher.ts";
import type { Origin } from "./proxy_types.ts";
import type { Redactor } from "./redact.ts";
import type { ServerTraffic } from "./server_traffic.ts";
import type { CallOptions } from "./session_types.ts";

/** How a server stands. */
export type ActiveStatus =
  /** It is started at its first use. */
  | "idle"
  /** It is being started. */
  | "starting"
  /** It answers. */
  | "ready"
  /** It has ended by itself, and is started again after a while. */
  | "restarting"
  /** It could not be started, or ended too often; a call tries again. */
  | "failed"
  /** It was removed. */
  | "stopped";

/** What an {@linkcode ActiveServer} works with. */
export interface ActiveServerDeps {
  /** Starts it. */
  readonly launcher: Pick<Launcher, "launch">;
  /** Looks its values up, not the references in them. */
  readonly values: () => Promise<LaunchWishes["values"]>;
  /** Keeps its secrets out of texts. */
  readonly redactor: Redactor;
  /** Time. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
  /** Who Wharf is, for the handshake. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Time without a call after which it is stopped until its next use, in milliseconds; 0: never. */
  readonly idleMs: number;
  /** What Wharf's clients have to do with it, beside calls. */
  readonly traffic: ServerTraffic;
  /** Told when its tools or its state have changed. */
  readonly onChange: () => void;
}

/** How a request is passed on to a server. */
export interface ForwardOptions extends Omit<CallOptions, "origin"> {
  /** The client's request; absent where nobody can be asked anything. */
  readonly origin?: Origin;
}

/** How a start goes. */
export interface StartOptions extends Pick<LaunchWishes, "authorize" | "progress" | "signal"> {
  /** Takes another digest or version than the pinned one. @default {false} */
  readonly acceptsNew?: boolean;
}
