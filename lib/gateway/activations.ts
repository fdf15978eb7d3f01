/**
 * The activated servers: planned, agreed to, started, listed, called, and kept over restarts. Needs
 * no permission of its own.
 *
 * @module
 */

import type { Entry } from "../catalog/mod.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { ActivationsDeps, Added, AddRequest, Asker } from "./activation_types.ts";
import { ActiveServer } from "./active_server.ts";
import type { ForwardOptions } from "./active_server_types.ts";
import type { ActiveRecord, ActiveState } from "./active_state.ts";
import { type ActiveView, instructionsOf, type OfferedTool, viewServer } from "./active_view.ts";
import type { AuditAction } from "./audit.ts";
import type { JsonObject } from "../rpc/mod.ts";
import { withAlternative } from "./alternative.ts";
import type { ListKind } from "./definitions.ts";
import { checkPrefix } from "./names.ts";
import { Offers } from "./offers.ts";
import { planActivation } from "./plan.ts";
import type { ActivationPlan } from "./plan_types.ts";
import { settingsOwner } from "./plan_values.ts";
import { configSet } from "./plan_view.ts";
import type { ListedValue, SettingsOwner } from "./settings_store.ts";
import { Traffic } from "./traffic.ts";

/** Time for all servers to end. */
const CLOSE_GRACE_MS = 3000;

/** The activated servers. */
export class Activations {
  readonly #deps: ActivationsDeps;
  readonly #servers = new Map<string, ActiveServer>();
  /** Those that are being added. */
  readonly #newcomers = new WeakSet<ActiveServer>();
  readonly #listeners = new Set<(kinds: readonly ListKind[]) => void>();
  /** @internal What all of them offer. */
  readonly offers: Offers;
  /** @internal What passes between them and clients, beside calls. */
  readonly traffic: Traffic;
  #approved: ReadonlySet<string> = new Set();
  #opened: Promise<void> | undefined;

  /**
   * Touches nothing until the first call.
   *
   * @param deps What servers are planned, started and kept with.
   */
  constructor(deps: ActivationsDeps) {
    this.#deps = deps;
    this.offers = new Offers(deps.reserved, deps.log);
    this.traffic = new Traffic(deps);
  }

  /** Reads what was active before; starts nothing. */
  open(): Promise<void> {
    return this.#opened ??= this.#open();
  }

  /** Starts everything that was active before, side by side; failures are in {@linkcode list}. */
  async startAll(): Promise<void> {
    await this.open();
    await Promise.allSettled([...this.#servers.values()].map((server) => server.session()));
  }

  /** The tools on offer, as agreed to. */
  get tools(): readonly OfferedTool[] {
    return this.offers.lists.tools;
  }

  /**
   * Tells of changes to what is on offer, and which lists have changed.
   *
   * @returns Disposing it ends the telling.
   */
  onChange(listener: (kinds: readonly ListKind[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Activates a server.
   *
   * @param request Which one, and how.
   * @param asker Who asks.
   * @throws {AppError} `NOT_FOUND` for an unknown id, `INVALID_ARGUMENT` for missing settings and
   * names that are taken, `FORBIDDEN` by policy or without agreement, and what keeps it from starting.
   */
  async add(request: AddRequest, asker: Asker): Promise<Added> {
    await this.open();
    const known = this.#servers.get(request.id.toLowerCase());
    const isRetake = request.acceptsChanges || request.acceptsNew;
    if (known !== undefined && isRetake && !request.dryRun) {
      return await this.#retake(known, request, asker);
    }
    const { plan, owner } = await this.#planWithValues(request, asker);
    if (request.dryRun) {
      return known === undefined
        ? { plan }
        : { plan, running: await this.#view(known, asker.signal) };
    }
    if (this.#servers.has(plan.id.toLowerCase())) {
      throw new AppError("INVALID_ARGUMENT", `Cannot add "${plan.id}": it is active`, {
        hint: "See registry-active; to change how it runs, end it first with registry-remove",
      });
    }
    const agreed = await this.#audited("activate", plan.id, asker, async () => {
      await this.#agree(plan, request, asker);
      if (request.env !== undefined && owner !== undefined) {
        await this.#deps.settings.change(owner, { set: request.env, by: asker.by });
      }
      return await this.#activate(plan, { owner, request, asker });
    });
    return { plan, server: agreed };
  }

  /**
   * Ends a server and forgets it; nothing of it remains.
   *
   * @throws {AppError} `NOT_FOUND` when it is not active.
   */
  async remove(id: string, asker: Asker): Promise<void> {
    await this.open();
    const server = this.#find(id);
    await this.#audited("deactivate", server.record.id, asker, async () => {
      const key = server.record.id.toLowerCase();
      await this.#deps.store.change((state) => without(state, server.record.id));
      this.#servers.delete(key);
      this.#changed(this.offers.delete(server.record.id));
      this.traffic.drop(server.record.id);
      await server.stop();
    });
  }

  /** How to use the activated servers, in their own words; cut to `maxChars`. */
  instructions(maxChars: number): string {
    return instructionsOf([...this.#servers.values()].map(({ record }) => record), maxChars);
  }

  /** How many servers are active. */
  get count(): number {
    return this.#servers.size;
  }

  /** All activated servers, for people. */
  async list(signal?: AbortSignal): Promise<readonly ActiveView[]> {
    await this.open();
    return await Promise.all(
      [...this.#servers.values()].map((server) => this.#view(server, signal)),
    );
  }

  /**
   * Changes values of an entry's settings; a running server is started again at its next
   * use, or at once where clients wait for what it says by itself.
   *
   * @returns Names and kinds of all its values.
   * @throws {AppError} `NOT_FOUND` for an unknown id, and as `SettingsStore.change`.
   */
  async configure(
    id: string,
    change: {
      readonly set: Readonly<Record<string, string>>;
      readonly unset: readonly string[];
    },
    asker: Asker,
  ): Promise<{ readonly values: readonly ListedValue[]; readonly restarted: boolean }> {
    await this.open();
    const entry = await this.#entry(id, asker.signal);
    const values = await this.#audited(
      "configure",
      entry.id,
      asker,
      () =>
        this.#deps.settings.change(settingsOwner(entry), {
          ...change,
          by: asker.by,
          signal: asker.signal,
        }),
      Object.keys(change.set),
    );
    const server = this.#servers.get(entry.id.toLowerCase());
    const isRunning = server?.status === "ready";
    if (isRunning) await server.renew();
    return { values, restarted: isRunning };
  }

  /**
   * Calls a tool of an activated server.
   *
   * @param where The server and its own name for the tool, or the name that clients call.
   * @param args The arguments.
   * @param options Cancellation and progress.
   * @returns The result as it came.
   * @throws {AppError} `NOT_FOUND` for a server or tool that is not there, and what the call throws.
   */
  async call(
    where: { readonly id: string; readonly tool: string } | { readonly name: string },
    args: JsonObject | undefined,
    options: ForwardOptions,
  ): Promise<JsonObject> {
    await this.open();
    const given = args === undefined ? {} : { arguments: args };
    if ("id" in where) {
      const call = { method: "tools/call", params: { name: where.tool, ...given } };
      return await this.#find(where.id).request(call, options);
    }
    const named = this.offers.findTool(where.name);
    if (named === undefined) throw this.offers.unknownTool(where.name);
    const call = { method: "tools/call", params: { name: named.tool, ...given } };
    return await this.#find(named.id).request(call, options);
  }

  /**
   * An activated server.
   *
   * @param id Its id, or one under which its settings are kept.
   * @throws {AppError} `NOT_FOUND` when it is not active.
   * @internal for `Proxy`
   */
  server(id: string): ActiveServer {
    return this.#find(id);
  }

  /** Looks whether servers that do not announce changes have any, and tells of them later. */
  lookForChanges(kind: ListKind): void {
    for (const server of this.#servers.values()) server.lookForChanges(kind);
  }

  /** The last lines of a server's log. */
  async logs(id: string, lines: number): Promise<readonly string[]> {
    await this.open();
    return this.#find(id).logTail(lines);
  }

  /** Ends every server; what is kept stays. */
  async close(): Promise<void> {
    await Promise.allSettled(
      [...this.#servers.values()].map((server) => server.stop(CLOSE_GRACE_MS)),
    );
  }

  async #open(): Promise<void> {
    const state = await this.#deps.store.read();
    this.#approved = new Set(state.approved);
    for (const record of state.servers) this.#serverChanged(this.#register(record));
  }

  #register(record: ActiveRecord): ActiveServer {
    const { launcher, redactor, clock, log, clientInfo, settings, idleMs } = this.#deps;
    const server: ActiveServer = new ActiveServer(record, {
      launcher,
      values: () => settings.values(record.settingIds),
      redactor,
      clock,
      log,
      clientInfo,
      idleMs,
      traffic: this.traffic.server(record.id),
      onChange: () => this.#serverChanged(server),
    });
    this.#servers.set(record.id.toLowerCase(), server);
    return server;
  }

  #serverChanged(server: ActiveServer): void {
    // A newcomer offers nothing before its names have been looked at.
    const isOffered = this.#servers.get(server.record.id.toLowerCase()) === server;
    if (isOffered && !this.#newcomers.has(server)) this.#changed(this.offers.set(server.offer));
  }

  #changed(kinds: readonly ListKind[]): void {
    if (kinds.length === 0) return;
    for (const listener of this.#listeners) listener(kinds);
  }

  async #entry(id: string, signal?: AbortSignal): Promise<Entry> {
    const entry = await this.#deps.find(id, signal);
    if (entry !== undefined) return entry;
    const near = await this.#deps.nearest(id);
    throw new AppError("NOT_FOUND", `Cannot find server "${id}": the catalogue has none`, {
      hint: near.length === 0 ? "Search with registry-find" : `Nearest: ${near.join(", ")}`,
    });
  }

  async #plan(
    request: AddRequest,
    asker: Asker,
  ): Promise<{ readonly plan: ActivationPlan; readonly owner: SettingsOwner | undefined }> {
    const { launcher, policy, settings } = this.#deps;
    const isAdHoc = request.image !== undefined || request.command !== undefined ||
      request.url !== undefined;
    const entry = isAdHoc
      ? await this.#deps.find(request.id, asker.signal)
      : await this.#entry(request.id, asker.signal);
    const owner = entry === undefined ? undefined : settingsOwner(entry);
    const plan = planActivation(entry, { ...request, name: request.id, by: asker.by }, {
      policy,
      stored: owner === undefined ? new Map() : await settings.values(owner.ids),
      approved: this.#approved,
      unavailable: await launcher.unavailable(asker.signal),
    });
    return { plan, owner };
  }

  /** The plan; what it lacks is asked for, where that is no secret. */
  async #planWithValues(
    request: AddRequest,
    asker: Asker,
  ): Promise<{ readonly plan: ActivationPlan; readonly owner: SettingsOwner | undefined }> {
    const first = await this.#plan(request, asker);
    const { plan: { id, missing, verdict }, owner } = first;
    const canAsk = asker.ask !== undefined && !request.dryRun && verdict.verdict !== "refused";
    // A form is no place for a secret (MCP, "Elicitation": servers must not ask for them).
    if (!canAsk || owner === undefined || missing.length === 0) return first;
    if (missing.some(({ secret }) => secret)) return first;
    const set = await asker.ask?.(`${id} needs settings`, missing);
    if (set === undefined) return first;
    await this.#deps.settings.change(owner, { set, by: asker.by, signal: asker.signal });
    return await this.#plan(request, asker);
  }

  /** Settings, policy and a person's word, in this order. */
  async #agree(plan: ActivationPlan, request: AddRequest, asker: Asker): Promise<void> {
    const { id, verdict, missing, unavailable } = plan;
    if (verdict.verdict === "refused") {
      throw new AppError("FORBIDDEN", `Cannot add "${id}": ${verdict.reason}`, {
        hint: `The operator decides that by ${verdict.rule ?? "policy"} in Wharf's configuration`,
      });
    }
    if (unavailable !== undefined) {
      const { reason, hint, isPermission } = unavailable;
      const [other] = plan.alternatives;
      const code = isPermission ? "PERMISSION_MISSING" : "UNSUPPORTED";
      throw new AppError(code, `Cannot add "${id}": ${reason}`, {
        hint: other === undefined ? hint : `${hint}; or try launch_method=${other.method}`,
      });
    }
    if (missing.length > 0) {
      throw new AppError(
        "INVALID_ARGUMENT",
        `Cannot add "${id}": ${missing.map(({ name }) => name).join(", ")} ${
          missing.length === 1 ? "has" : "have"
        } no value`,
        {
          hint: `Call registry-config-set ${JSON.stringify(configSet(plan)?.arguments ?? {})}`,
          details: { missing },
        },
      );
    }
    if (verdict.verdict === "confirm" && !request.confirm) {
      const why = [...new Set([verdict.reason, ...verdict.confirm ?? []])].join("; ");
      const isAgreed = await asker.confirm?.(`Activate ${id}? ${why}`);
      if (isAgreed !== true) {
        throw new AppError("FORBIDDEN", `Cannot add "${id}": a person has to agree (${why})`, {
          hint: isAgreed === false
            ? "The person declined"
            : "A person has to read the plan (dry_run=true); then pass confirm=true",
        });
      }
    }
  }

  async #activate(plan: ActivationPlan, { owner, request, asker }: {
    readonly owner: SettingsOwner | undefined;
    readonly request: AddRequest;
    readonly asker: Asker;
  }): Promise<ActiveView> {
    const { store, clock } = this.#deps;
    const prefix = checkPrefix(plan.prefix);
    const record: ActiveRecord = {
      id: plan.id,
      settingIds: owner?.ids ?? [plan.id],
      prefix,
      plan,
      tools: [],
      addedAt: new Date(clock.now()).toISOString(),
    };
    const server = this.#register(record);
    this.#newcomers.add(server);
    try {
      await server.session({
        signal: asker.signal,
        progress: (message) => asker.progress(message),
        ...(asker.authorize === undefined ? {} : { authorize: asker.authorize }),
      });
      // Refused with the names that are taken, before anything is kept.
      this.offers.check(server.offer);
      const pinned = server.pinned;
      server.update({ ...server.record, ...(pinned === undefined ? {} : { pinned }) });
      this.#approved = new Set([...this.#approved, plan.fingerprint]);
      if (request.persist) {
        await store.change((state) => ({
          servers: [...without(state, plan.id).servers, server.record],
          approved: [...new Set([...state.approved, plan.fingerprint])],
        }));
      }
    } catch (thrown) {
      this.#servers.delete(plan.id.toLowerCase());
      this.traffic.drop(plan.id);
      await server.stop();
      throw withAlternative(toAppError(thrown), plan);
    }
    this.#newcomers.delete(server);
    this.#serverChanged(server);
    return await this.#view(server, asker.signal);
  }

  /** Takes a new image, or tools that have changed, of a server that is active. */
  async #retake(server: ActiveServer, request: AddRequest, asker: Asker): Promise<Added> {
    const { store } = this.#deps;
    const { id, plan } = server.record;
    const action = request.acceptsNew ? "accept_digest" : "accept_changes";
    await this.#audited(action, id, asker, async () => {
      if (request.acceptsNew) await server.restart();
      await server.session({
        acceptsNew: request.acceptsNew,
        signal: asker.signal,
        progress: (message) => asker.progress(message),
      });
      const pinned = server.pinned;
      const record = {
        ...(request.acceptsChanges ? server.accept() : server.record),
        ...(pinned === undefined ? {} : { pinned }),
      };
      server.update(record);
      await store.change((state) =>
        state.servers.some((kept) => kept.id === id)
          ? { ...state, servers: state.servers.map((kept) => kept.id === id ? record : kept) }
          : state
      );
      this.#serverChanged(server);
    });
    return { plan, server: await this.#view(server, asker.signal) };
  }

  #find(id: string): ActiveServer {
    const wanted = id.trim().toLowerCase();
    const server = this.#servers.get(wanted) ??
      [...this.#servers.values()].find(({ record }) =>
        record.settingIds.some((other) => other.toLowerCase() === wanted)
      );
    if (server !== undefined) return server;
    const active = [...this.#servers.values()].map(({ record }) => record.id);
    throw new AppError("NOT_FOUND", `Cannot use "${id}": it is not active`, {
      hint: active.length === 0
        ? `Activate it with registry-add id=${id}`
        : `Active are ${active.join(", ")}`,
    });
  }

  #view(server: ActiveServer, signal?: AbortSignal): Promise<ActiveView> {
    return viewServer(server, {
      tools: this.tools,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Does something that the audit log tells of, however it ends. */
  async #audited<T>(
    action: AuditAction,
    server: string,
    asker: Asker,
    work: () => Promise<T>,
    settings: readonly string[] = [],
  ): Promise<T> {
    const { audit } = this.#deps;
    const event = {
      action,
      server,
      by: asker.actor,
      ...(settings.length === 0 ? {} : { settings }),
    };
    try {
      const result = await work();
      await audit.record({ ...event, outcome: "done" });
      return result;
    } catch (thrown) {
      const error = this.#deps.redactor.error(toAppError(thrown));
      const outcome = error.code === "FORBIDDEN" ? "refused" : "failed";
      await audit.record({ ...event, outcome, reason: error.message });
      throw error;
    }
  }
}

function without(state: ActiveState, id: string): ActiveState {
  return {
    ...state,
    servers: state.servers.filter((kept) => kept.id.toLowerCase() !== id.toLowerCase()),
  };
}
