/**
 * What activating a server takes and gives. Needs no permission: types only.
 *
 * @module
 */

import type { Entry } from "../catalog/mod.ts";
import type { Clock, Log } from "../core/host.ts";
import type { ActiveStore } from "./active_state.ts";
import type { ActiveView } from "./active_view.ts";
import type { AuditActor, AuditLog } from "./audit.ts";
import type { Launcher } from "./launcher.ts";
import type { Reserved } from "./offers.ts";
import type { Authorize } from "./oauth.ts";
import type { ActivationPlan, ActivationRequest } from "./plan_types.ts";
import type { Policy } from "./policy.ts";
import type { Redactor } from "./redact.ts";
import type { SettingsStore } from "./settings_store.ts";
import type { Giver } from "./stored_value.ts";

/** What {@linkcode Activations} work with. */
export interface ActivationsDeps {
  /** Starts servers. */
  readonly launcher: Pick<Launcher, "launch" | "unavailable">;
  /** Finds entries. */
  readonly find: (id: string, signal?: AbortSignal) => Promise<Entry | undefined>;
  /** Ids that are like one that does not exist. */
  readonly nearest: (id: string) => Promise<readonly string[]>;
  /** Keeps what is active. */
  readonly store: ActiveStore;
  /** Keeps values of settings. */
  readonly settings: SettingsStore;
  /** Keeps who asked for what. */
  readonly audit: Pick<AuditLog, "record">;
  /** Keeps secrets out of texts. */
  readonly redactor: Redactor;
  /** The operator's policy. */
  readonly policy: Policy;
  /** Names of Wharf's own, which no activated server may take. */
  readonly reserved: Reserved;
  /** Time. */
  readonly clock: Clock;
  /** The operator's log. */
  readonly log: Log;
  /** Time without a call after which a server rests, in milliseconds; 0: never. */
  readonly idleMs: number;
  /** Who Wharf is, for handshakes. */
  readonly clientInfo: { readonly name: string; readonly version: string };
}

/** Who asks, and how to reach them. */
export interface Asker {
  /** For the audit log. */
  readonly actor: AuditActor;
  /** Whose word it is. */
  readonly by: Giver;
  /** Ends the work. */
  readonly signal: AbortSignal;
  /** Told what takes time. */
  progress(message: string): void;
  /** Asks a person; absent where nobody can be asked. `false`: no. */
  confirm?(question: string): Promise<boolean>;
  /**
   * Asks a person for values that are no secrets; absent where nobody can be asked, `undefined` when
   * they decline.
   */
  ask?(
    question: string,
    needs: ActivationPlan["missing"],
  ): Promise<Readonly<Record<string, string>> | undefined>;
  /** Hands a page to a person who is to sign in. */
  readonly authorize?: Authorize;
}

/** What is asked for with {@linkcode Activations.add}. */
export interface AddRequest extends Omit<ActivationRequest, "by"> {
  /** Id of an entry; with an image, command or address of its own, any name. */
  readonly id: string;
  /** Only the plan. */
  readonly dryRun: boolean;
  /** A person has agreed already. */
  readonly confirm: boolean;
  /** Whether it comes back after a restart of Wharf. */
  readonly persist: boolean;
  /** Takes another digest or version than the pinned one. */
  readonly acceptsNew: boolean;
  /** Takes the tools as they are now. */
  readonly acceptsChanges: boolean;
}

/** How {@linkcode Activations.add} went. */
export interface Added {
  /** What was planned. */
  readonly plan: ActivationPlan;
  /** The server; absent for a dry run. */
  readonly server?: ActiveView;
  /** What runs already under the same id, of a dry run. */
  readonly running?: ActiveView;
}
