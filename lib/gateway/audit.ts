/**
 * Who asked for what: one JSON line for each activation, change of settings, acceptance and
 * refusal, in the state directory. Holds names, never values. Needs what its disk needs.
 *
 * @example
 * ```ts ignore
 * const audit = new AuditLog({ disk, log, clock });
 * await audit.record({
 *   action: "activate",
 *   server: "reference/memory",
 *   outcome: "done",
 *   by: { client: "inspector 1.0", transport: "stdio" },
 *   launch: "podman",
 *   pinned: "docker.io/mcp/memory@sha256:…",
 * });
 * ```
 *
 * @module
 */

import { z } from "zod";
import { toAppError } from "../core/errors.ts";
import type { Clock, Disk, Log } from "../core/host.ts";
import { cleanText } from "../core/text.ts";

/** What was asked for. */
export const AUDIT_ACTIONS = [
  "activate",
  "deactivate",
  "restore",
  "configure",
  "accept_changes",
  "accept_digest",
  "build",
  "sign_in",
] as const;

/** What was asked for. */
export type AuditAction = typeof AUDIT_ACTIONS[number];

/** How it went: done, refused by policy or by the user, or failed. */
export type AuditOutcome = "done" | "refused" | "failed";

/** Who asked. */
export interface AuditActor {
  /** Name and version of the MCP client as it gives them, or `cli`. */
  readonly client: string;
  /** How it reached Wharf, such as `stdio`, `http`, `cli` or `wharf` for what Wharf did itself. */
  readonly transport: string;
  /** The session, where there are several. */
  readonly session?: string;
  /** The person or program that signed in, where somebody had to. */
  readonly user?: string;
}

/** One record, before it is written. */
export interface AuditEvent {
  /** What was asked for. */
  readonly action: AuditAction;
  /** Id of the server's entry, or its name where it has none. */
  readonly server: string;
  /** How it went. */
  readonly outcome: AuditOutcome;
  /** Who asked. */
  readonly by: AuditActor;
  /** How it was launched: `podman`, `stdio-proxy (deno)`, `remote-http`. */
  readonly launch?: string;
  /** What was pinned: an image with digest, a package with version, a commit. */
  readonly pinned?: string;
  /** Names of the settings that were given; never their values. */
  readonly settings?: readonly string[];
  /** The rule that refused, the error, or what was accepted; one sentence. */
  readonly reason?: string;
}

/** A record as it was written. */
export interface AuditRecord extends AuditEvent {
  /** When, ISO 8601. */
  readonly at: string;
}

/** What an {@linkcode AuditLog} works with. */
export interface AuditDeps {
  /** The state directory. */
  readonly disk: Disk;
  /** Who is told when a record cannot be written. */
  readonly log: Log;
  /** The time of records. */
  readonly clock: Clock;
  /** Keeps secrets out of reasons, see `Redactor.text`. @default as it is */
  readonly redact?: (text: string) => string;
}

/** How much an {@linkcode AuditLog} keeps. */
export interface AuditOptions {
  /** Most bytes of the current file; the next record begins a new one. @default {262144} */
  readonly maxFileBytes?: number;
  /** Files kept, the current one included. @default {5} */
  readonly maxFiles?: number;
}

const RECORD: z.ZodType<AuditRecord, unknown> = z.object({
  at: z.string(),
  action: z.enum(AUDIT_ACTIONS),
  server: z.string(),
  outcome: z.enum(["done", "refused", "failed"]),
  by: z.object({
    client: z.string(),
    transport: z.string(),
    session: z.string().exactOptional(),
    user: z.string().exactOptional(),
  }),
  launch: z.string().exactOptional(),
  pinned: z.string().exactOptional(),
  settings: z.array(z.string()).exactOptional(),
  reason: z.string().exactOptional(),
});

const FOLDER = "audit";
const LOCK = "audit.lock";

/** Characters of a field; what is longer is cut. */
const MAX_CHARS = 300;

/** Names of settings per record. */
const MAX_SETTINGS = 100;

/** The log. Several processes may write it. */
export class AuditLog {
  readonly #deps: AuditDeps;
  readonly #maxFileBytes: number;
  readonly #maxFiles: number;
  /** The last write: one at a time, in order. */
  #last: Promise<void> = Promise.resolve();

  /**
   * Touches nothing until the first record.
   *
   * @param deps Disk, log and clock.
   * @param options Limits.
   */
  constructor(deps: AuditDeps, options: AuditOptions = {}) {
    this.#deps = deps;
    this.#maxFileBytes = options.maxFileBytes ?? 256 * 1024;
    this.#maxFiles = options.maxFiles ?? 5;
  }

  /**
   * Writes a record. Never rejects: a disk that fails is told to the operator, and stops nobody.
   *
   * @param event What happened; its time is now.
   */
  record(event: AuditEvent): Promise<void> {
    const at = new Date(this.#deps.clock.now()).toISOString();
    const line = JSON.stringify(this.#cleaned({ at, ...event }));
    this.#last = this.#last.then(async () => {
      try {
        await this.#append(`${line}\n`);
      } catch (thrown) {
        this.#deps.log.error("cannot write the audit log", {
          action: event.action,
          server: cleanText(event.server, { maxChars: MAX_CHARS }),
          problem: toAppError(thrown).message,
        });
      }
    });
    return this.#last;
  }

  /**
   * Reads the last records.
   *
   * @param limit Most records.
   * @returns The newest first. A line that is none is left out.
   * @throws {AppError} What the disk says, such as `PERMISSION_MISSING`.
   */
  async recent(limit: number): Promise<readonly AuditRecord[]> {
    const records: AuditRecord[] = [];
    for (let number = 0; number < this.#maxFiles && records.length < limit; number++) {
      const lines = (await this.#read(number)).split("\n");
      for (const line of lines.reverse()) {
        if (records.length >= limit) break;
        const record = parse(line);
        if (record !== undefined) records.push(record);
      }
    }
    return records;
  }

  async #append(line: string): Promise<void> {
    const { disk } = this.#deps;
    await using _lock = await disk.lock(LOCK);
    let text = await this.#read(0);
    const encoder = new TextEncoder();
    if (text !== "" && encoder.encode(text + line).byteLength > this.#maxFileBytes) {
      await this.#rotate();
      text = "";
    }
    // A line that was cut short stays one of its own.
    const start = text === "" || text.endsWith("\n") ? text : `${text}\n`;
    await disk.write(nameOf(0), encoder.encode(start + line));
  }

  async #rotate(): Promise<void> {
    const { disk } = this.#deps;
    for (let number = this.#maxFiles - 2; number >= 0; number--) {
      await disk.rename(nameOf(number), nameOf(number + 1));
    }
    // With one file only there is nowhere to move it.
    if (this.#maxFiles === 1) await disk.remove(nameOf(0));
  }

  async #read(number: number): Promise<string> {
    // Twice the limit: a file that was written under a larger one is read too, if it is not huge.
    const maxBytes = this.#maxFileBytes * 2 + 64 * 1024;
    try {
      const bytes = await this.#deps.disk.read(nameOf(number), { maxBytes });
      return bytes === undefined ? "" : new TextDecoder().decode(bytes);
    } catch (thrown) {
      if (toAppError(thrown).code !== "TOO_LARGE") throw thrown;
      // Not of Wharf's making, or of other limits: kept, and no longer written to.
      if (number === 0) await this.#deps.disk.rename(nameOf(0), `${FOLDER}/too-large.jsonl`);
      return "";
    }
  }

  /** One line of bounded length whose texts hide nothing. */
  #cleaned(record: AuditRecord): AuditRecord {
    const { redact = (text: string) => text } = this.#deps;
    const clean = (text: string) => cleanText(redact(text), { maxChars: MAX_CHARS });
    const { at, action, server, outcome, by, launch, pinned, settings, reason } = record;
    return {
      at,
      action,
      server: clean(server),
      outcome,
      by: {
        client: clean(by.client),
        transport: clean(by.transport),
        ...(by.session === undefined ? {} : { session: clean(by.session) }),
        ...(by.user === undefined ? {} : { user: clean(by.user) }),
      },
      ...(launch === undefined ? {} : { launch: clean(launch) }),
      ...(pinned === undefined ? {} : { pinned: clean(pinned) }),
      ...(settings === undefined ? {} : { settings: settings.slice(0, MAX_SETTINGS).map(clean) }),
      ...(reason === undefined ? {} : { reason: clean(reason) }),
    };
  }
}

function nameOf(number: number): string {
  return number === 0 ? `${FOLDER}/audit.jsonl` : `${FOLDER}/audit.${number}.jsonl`;
}

function parse(line: string): AuditRecord | undefined {
  if (line === "") return undefined;
  try {
    return RECORD.safeParse(JSON.parse(line)).data;
  } catch {
    // Cut short, by a full disk or by a person.
    return undefined;
  }
}
