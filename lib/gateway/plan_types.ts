/**
 * What a plan of an activation says: what would run, with what, and what stands in its way. Types
 * only, needs no permission.
 *
 * @module
 */

import type { Argument, OauthFact, RunFacts, Setting } from "../catalog/mod.ts";
import type { Reference } from "../oci/mod.ts";
import type { Policy } from "./policy.ts";
import type { Mount } from "./render.ts";
import type { Giver, StoredValue } from "./stored_value.ts";
import type { PlanMethod, Verdict } from "./verdict.ts";

/** What a call asks for; what it leaves out is chosen. */
export interface ActivationRequest {
  /** Name of a server without an entry. @default by what runs */
  readonly name?: string;
  /** Prefix of the tools' names. @default by the id, see `defaultPrefix` */
  readonly prefix?: string;
  /** Values by the names of settings, over those that are stored. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** How it is to be started. @default the first way that is allowed and lacks nothing */
  readonly launchMethod?: PlanMethod;
  /** An image, in place of the entry's. */
  readonly image?: string;
  /** A program of this machine, in place of the entry's package. */
  readonly command?: string;
  /** Arguments, in place of the entry's. */
  readonly args?: readonly string[];
  /** Address of a remote, in place of the entry's. */
  readonly url?: string;
  /** Version of the entry's package, tag or digest of its image. @default the entry's */
  readonly version?: string;
  /** Whether it may reach anything. @default what the entry says */
  readonly network?: "none" | "default";
  /** Who asks. */
  readonly by: Giver;
}

/** What a plan is made from beside the entry and the request. */
export interface PlanDeps {
  /** The operator's policy. */
  readonly policy: Policy;
  /** The entry's stored values. @default none */
  readonly stored?: ReadonlyMap<string, StoredValue>;
  /** Fingerprints of plans that a person agreed to. @default none */
  readonly approved?: ReadonlySet<string>;
  /** Why something cannot be started on this machine. @default everything can */
  readonly unavailable?: Readonly<Partial<Record<RuntimeKind, Obstacle>>>;
}

/** Why something cannot be started on this machine. */
export interface Obstacle {
  /** One clause for people. */
  readonly reason: string;
  /** The next step. */
  readonly hint: string;
  /** Whether Deno's permissions alone are in the way: the hint then names the flag. */
  readonly isPermission: boolean;
}

/** What a machine needs to have to start something. */
export type RuntimeKind = "engine" | "npm" | "pypi";

/** What would run. */
export type PlanTarget =
  | {
    /** A container of an image. */
    readonly kind: "image";
    /** The image; the digest is that of the reference, if it has one. */
    readonly image: Reference;
  }
  | {
    /** A package. */
    readonly kind: "package";
    /** Its registry. */
    readonly type: "npm" | "pypi";
    /** Its name, with extras. */
    readonly name: string;
    /** Its exact version; absent: the newest has to be looked up first. */
    readonly version?: string;
    /** The program in it. */
    readonly program?: string;
  }
  | {
    /** A server that others run. */
    readonly kind: "remote";
    /** Its address, secrets as `<name>`. */
    readonly url: string;
    /** How it speaks. */
    readonly transport: "streamable-http" | "sse";
  }
  | {
    /** A program of this machine. */
    readonly kind: "command";
    /** Its name or absolute path. */
    readonly command: string;
  }
  | {
    /** An image that is built first. */
    readonly kind: "source";
    /** The repository, as an https URL. */
    readonly repoUrl: string;
    /** The folder in it. */
    readonly folder?: string;
    /** Commit, tag or branch; absent: what the repository shows first. */
    readonly ref?: string;
  };

/** What a launch renders once the values are there; templates, no values. */
export interface PlanParts {
  /** Settings that count here, in the entry's order, allowed extra variables last. */
  readonly settings: readonly Setting[];
  /** Arguments. */
  readonly args: readonly Argument[];
  /** What a container wants of its engine. */
  readonly run?: RunFacts;
  /** Template of a remote's address. */
  readonly url?: string;
}

/** A variable, header or template variable, and where its value comes from. */
export interface PlanValue {
  /** Its name. */
  readonly name: string;
  /** Where it goes. */
  readonly kind: Setting["kind"];
  /** Whether it is kept from logs and answers. */
  readonly secret: boolean;
  /**
   * `given` in this call or `stored` before, a reference such as `env:NAME`, the entry's `default` or
   * `fixed` words, or `missing`.
   */
  readonly from: string;
}

/** A setting that somebody has to give first. */
export type PlanNeed = Pick<
  Setting,
  "name" | "kind" | "secret" | "format" | "description" | "example" | "choices"
>;

/** An argument for the container engine or runner that the entry asks for, and what becomes of it. */
export interface PlanRunArgument {
  /** The argument, or what it was read as. */
  readonly text: string;
  /** `read`: it is done in Wharf's own way. `granted`, `refused`: by the operator's policy. */
  readonly fate: "read" | "granted" | "refused";
  /** Why, as a clause. */
  readonly why: string;
}

/** The limits of a container or process. */
export interface PlanLimits {
  /** Memory in bytes. */
  readonly memoryBytes: number;
  /** Processors. */
  readonly cpus: number;
  /** Processes. */
  readonly pids: number;
}

/** How one server would be activated. Holds no secret value. */
export interface ActivationPlan {
  /** The entry, or the name that an ad hoc server goes by. */
  readonly id: string;
  /** Whether the caller named what runs, and no entry does. */
  readonly adHoc: boolean;
  /** Sources and ids of the records that name what would run. */
  readonly from: readonly { readonly source: string; readonly id: string }[];
  /** Prefix of the tools' names; may be empty. */
  readonly prefix: string;
  /** How it would be started. */
  readonly method: PlanMethod;
  /** What would run. */
  readonly target: PlanTarget;
  /** What the launch renders, see `renderLaunch`. */
  readonly parts: PlanParts;
  /** Arguments, secrets as `<name>`. */
  readonly args: readonly string[];
  /** All settings that have or need a value. */
  readonly values: readonly PlanValue[];
  /** What is mounted; hidden parts as `<name>`. */
  readonly mounts: readonly Mount[];
  /** Paths of this machine that settings of a local process name. */
  readonly folders: readonly string[];
  /** User inside of the container; absent: the image's own. */
  readonly user?: string;
  /** Network. */
  readonly network: "none" | "default";
  /** `host` or `host:port` that the entry says it talks to; empty: not said. */
  readonly allowHosts: readonly string[];
  /** Limits; not for remotes. */
  readonly limits?: PlanLimits;
  /** Whether one container serves many sessions. */
  readonly longLived: boolean;
  /** Sign-ins that the server asks for. */
  readonly oauth: readonly OauthFact[];
  /** What has to be given first, with `registry-config-set`. */
  readonly missing: readonly PlanNeed[];
  /** Run arguments of the entry. */
  readonly runArguments: readonly PlanRunArgument[];
  /** What a person should know, one clause each. */
  readonly warnings: readonly string[];
  /** What the operator's policy says. */
  readonly verdict: Verdict;
  /** Why it cannot be started on this machine; absent: it can. */
  readonly unavailable?: Obstacle;
  /** Other ways, in order of preference. */
  readonly alternatives: readonly PlanAlternative[];
  /** Stays the same while what runs is of the same kind: agreed to once, it need not be again. */
  readonly fingerprint: string;
}

/** Another way to launch. */
export interface PlanAlternative {
  /** The way. */
  readonly method: PlanMethod;
  /** What would run. */
  readonly target: PlanTarget;
  /** What the policy says of it. */
  readonly verdict: Verdict["verdict"];
  /** Names of settings that it lacks. */
  readonly missing: readonly string[];
}
