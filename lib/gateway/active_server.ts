/**
 * One activated server while Wharf runs: started at its first use, started again when it crashes,
 * held to the tools that were agreed to. Needs no permission of its own.
 *
 * @module
 */

import { abortError, OVER, throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import { SingleFlight } from "../core/single_flight.ts";
import type { ActiveRecord } from "./active_state.ts";
import type { ServerFacts } from "./active_view.ts";
import type { ListKind } from "./definitions.ts";
import { type JsonObject, type RpcCall, RpcError } from "../rpc/mod.ts";
import type {
  ActiveServerDeps,
  ActiveStatus,
  ForwardOptions,
  StartOptions,
} from "./active_server_types.ts";
import type { Launched, Usage } from "./launched.ts";
import type { Started } from "./launcher.ts";
import type { ServerOffer } from "./offers.ts";
import type { ProxyClient } from "./proxy_types.ts";
import { Restarts } from "./restarts.ts";
import { CLIENT_CAPABILITIES } from "./server_traffic.ts";
import { UpstreamSession } from "./session.ts";
import { keyOf } from "./turns.ts";
import { type ChangedTool, compareDefinitions, heldBack, type ToolDefinition } from "./trust.ts";

/** Between closed input, SIGTERM and SIGKILL. */
const STOP_GRACE_MS = 3000;

/** One activated server. */
export class ActiveServer {
  readonly #deps: ActiveServerDeps;
  readonly #starts = new SingleFlight<UpstreamSession>();
  readonly #over = new AbortController();
  #record: ActiveRecord;
  /** The tools of the record without those that are gone. */
  #shown: readonly ToolDefinition[];
  #status: ActiveStatus = "idle";
  #session: UpstreamSession | undefined;
  /** Settles with the start that runs, or that was the last one. */
  #starting: Promise<unknown> = Promise.resolve();
  #started: Started | undefined;
  #secrets: Disposable | undefined;
  #startedAtMs: number | undefined;
  #held: readonly ChangedTool[] = [];
  #removed: ReadonlySet<string> = new Set();
  #error: AppError | undefined;
  #resting: AbortController | undefined;
  readonly #restarts: Restarts;
  #hasLaunched = false;
  #calls = 0;
  #errors = 0;

  /**
   * Starts nothing.
   *
   * @param record What was agreed to.
   * @param deps What starts it.
   */
  constructor(record: ActiveRecord, deps: ActiveServerDeps) {
    this.#record = record;
    this.#shown = record.tools;
    this.#deps = deps;
    this.#restarts = new Restarts({
      ...deps,
      id: record.id,
      // The tries end with the server, and not with this one of them: a call may have joined it.
      start: () => this.session(),
      onState: (state) => this.#set(state),
    });
  }

  /** What was agreed to. */
  get record(): ActiveRecord {
    return this.#record;
  }

  /** How it stands. */
  get status(): ActiveStatus {
    return this.#status;
  }

  /** Why it does not answer. */
  get error(): AppError | undefined {
    return this.#error;
  }

  /** Tools that differ from what was agreed to. */
  get held(): readonly ChangedTool[] {
    return this.#held;
  }

  /** Facts for people. */
  get facts(): ServerFacts {
    const definitions = this.#session?.definitions;
    return {
      how: this.#started?.how,
      upMs: this.#startedAtMs === undefined || this.#status !== "ready"
        ? undefined
        : this.#deps.clock.now() - this.#startedAtMs,
      restarts: this.#restarts.count,
      calls: this.#calls,
      errors: this.#errors,
      inFlight: this.#session?.inFlight ?? 0,
      prompts: definitions?.prompts.length ?? 0,
      resources: definitions?.resources.length ?? 0,
      notes: [
        ...this.#started?.notes ?? [],
        ...(this.#record.writableRoot === true
          ? ["its container may write to its root, since it does not start otherwise"]
          : []),
        ...definitions?.notes ?? [],
      ],
    };
  }

  /** The tools that are on offer: as agreed to, without those that are gone. */
  get tools(): readonly ToolDefinition[] {
    return this.#shown;
  }

  /** Everything that is on offer. */
  get offer(): ServerOffer {
    const { id, prefix, prompts = NONE, resources = NONE, templates = NONE } = this.#record;
    return { id, prefix, tools: this.#shown, prompts, resources, templates };
  }

  /**
   * The running server; it is started where it does not run.
   *
   * @param options Progress and cancellation of a start.
   * @throws {AppError} What keeps it from starting.
   */
  async session(options: StartOptions = {}): Promise<UpstreamSession> {
    if (this.#session !== undefined && this.#session.ended === undefined) return this.#session;
    if (this.#over.signal.aborted) throw gone(this.#record.id);
    return await this.#starts.run(
      "start",
      (signal) => {
        const start = { ...options, signal: AbortSignal.any([signal, this.#over.signal]) };
        const started = this.#start(start);
        this.#starting = started.catch(() => {});
        return started;
      },
      options.signal,
    );
  }

  /**
   * Passes a request on. Calls that ask their client wait for those of other clients.
   *
   * @param call Method and parameters, with the server's own names.
   * @param options Whose request it is, cancellation and progress.
   * @returns The result as it came.
   * @throws {RpcError} What the server answers, without secrets.
   * @throws {AppError} `FORBIDDEN` for a tool that is held back, `NOT_FOUND` for one that it lacks,
   * and what keeps the call from an answer.
   */
  async request(call: RpcCall, options: ForwardOptions = {}): Promise<JsonObject> {
    const { origin, ...rest } = options;
    const session = await this.session(
      options.signal === undefined ? {} : { signal: options.signal },
    );
    if (call.method === "tools/call") this.#refuseHeld(String(call.params?.name));
    this.#calls++;
    const from = origin === undefined ? undefined : { ...origin, key: keyOf(call) };
    try {
      using _turn = from === undefined
        ? undefined
        : await this.#deps.traffic.turns.enter(from, options.signal);
      return await session.request(call, {
        ...rest,
        ...(from === undefined ? {} : { origin: from }),
      });
    } catch (thrown) {
      this.#errors++;
      const error = this.#deps.redactor.thrown(thrown);
      if (origin !== undefined && error instanceof RpcError) {
        this.#deps.traffic.expectPages(origin.client, error.fault);
      }
      throw error;
    } finally {
      this.#rest(session);
    }
  }

  /**
   * Subscribes a client to a resource; the server is started where it does not run.
   *
   * @param client The client.
   * @param uri The resource.
   * @param signal Gives up.
   * @throws {RpcError} What the server answers, without secrets.
   * @throws {AppError} As `Subscriptions.add`, and what keeps the server from an answer.
   */
  async subscribe(client: ProxyClient, uri: string, signal: AbortSignal): Promise<void> {
    await this.session({ signal });
    // Whoever has gone meanwhile is forgotten already, and would never be again.
    throwIfAborted(signal);
    try {
      await this.#deps.traffic.subscriptions.add(client, uri);
    } catch (thrown) {
      throw this.#deps.redactor.thrown(thrown);
    }
  }

  /**
   * Ends a client's subscription; one that was never begun, too.
   *
   * @throws {RpcError} As `subscribe`.
   */
  async unsubscribe(client: ProxyClient, uri: string): Promise<void> {
    try {
      await this.#deps.traffic.subscriptions.delete(client, uri);
    } catch (thrown) {
      throw this.#deps.redactor.thrown(thrown);
    }
  }

  /** Asks again for a list whose changes the server does not announce; not more than once a second. */
  lookForChanges(kind: ListKind): void {
    if (this.#status === "ready") this.#session?.lookForChanges(kind);
  }

  /** The last lines of its log, without secrets. */
  logTail(lines: number): readonly string[] {
    const tail = this.#started?.launched.logTail(lines) ?? [];
    return tail.map((line) => this.#deps.redactor.text(line));
  }

  /** What it takes now; empty where nothing can be measured. */
  async usage(signal?: AbortSignal): Promise<Usage> {
    if (this.#status !== "ready") return {};
    return await this.#started?.launched.usage?.(signal) ?? {};
  }

  /** What runs exactly, once it has been started. */
  get pinned(): string | undefined {
    return this.#started?.pinned ?? this.#record.pinned;
  }

  /** What it offers now, as agreed to from here on. */
  accept(): ActiveRecord {
    const tools = this.#session?.definitions.tools ?? this.#record.tools;
    this.#take({ ...this.#record, tools, ...wordsOf(this.#session) });
    this.#held = [];
    this.#removed = new Set();
    this.#show();
    return this.#record;
  }

  /** Replaces what is kept of it. */
  update(record: ActiveRecord): void {
    this.#take(record);
  }

  /** Stops the process, so that the next use starts it with new values. */
  async restart(): Promise<void> {
    const session = this.#session;
    this.#resting?.abort(OVER);
    this.#restarts.stop();
    this.#session = undefined;
    this.#status = "idle";
    // The next run may begin before this one has ended, with secrets of its own.
    using _secrets = this.#release();
    await session?.close(STOP_GRACE_MS);
  }

  /**
   * Stops the process as `restart` does; it is started at once where clients wait for what it says
   * by itself, since they make no call that would start it.
   */
  async renew(): Promise<void> {
    await this.restart();
    if (!this.#deps.traffic.isAwaited) return;
    this.session().catch(() => {
      if (this.#status === "failed") this.#restarts.begin(0);
    });
  }

  /**
   * Ends it for good; nothing of it remains.
   *
   * @param graceMs Time to end by itself, in milliseconds.
   */
  async stop(graceMs = STOP_GRACE_MS): Promise<void> {
    this.#resting?.abort(OVER);
    this.#restarts.stop();
    this.#over.abort(gone(this.#record.id));
    this.#status = "stopped";
    using _secrets = this.#release();
    await this.#session?.close(graceMs);
    // One that was being started is ended by the start itself.
    await this.#starting;
  }

  async #start(options: StartOptions & { readonly signal: AbortSignal }): Promise<UpstreamSession> {
    this.#set("starting");
    const isContainer = /^(?:image|source)$/.test(this.#record.plan.target.kind);
    const mayRetry = isContainer && this.#record.writableRoot === undefined;
    try {
      return await this.#attempt({ ...options, writableRoot: this.#record.writableRoot ?? false });
    } catch (thrown) {
      const error = toAppError(thrown);
      // It has ended or fallen silent before the handshake: many images write beside themselves.
      const hasEnded = this.#hasLaunched &&
        (error.code === "UNAVAILABLE" || error.code === "TIMEOUT");
      if (!mayRetry || !hasEnded || options.signal.aborted) throw this.#failed(error);
      try {
        const session = await this.#attempt({ ...options, writableRoot: true });
        this.#take({ ...this.#record, writableRoot: true });
        return session;
      } catch {
        // What the safer way said is what is to be mended.
        throw this.#failed(error);
      }
    }
  }

  #failed(error: AppError): AppError {
    if (this.#status !== "stopped") {
      this.#error = error;
      this.#set("failed");
    }
    return error;
  }

  async #attempt(
    options: StartOptions & { readonly signal: AbortSignal; readonly writableRoot: boolean },
  ): Promise<UpstreamSession> {
    const { launcher, values, redactor, clock, log, clientInfo } = this.#deps;
    const { id, plan, pinned } = this.#record;
    let launched: Launched | undefined;
    this.#hasLaunched = false;
    try {
      const started = await launcher.launch(plan, {
        values: await values(),
        acceptsNew: options.acceptsNew ?? false,
        writableRoot: options.writableRoot,
        ...(pinned === undefined ? {} : { pinned }),
        ...(options.authorize === undefined ? {} : { authorize: options.authorize }),
        ...(options.progress === undefined ? {} : { progress: options.progress }),
        signal: options.signal,
      });
      launched = started.launched;
      this.#hasLaunched = true;
      this.#secrets?.[Symbol.dispose]();
      this.#secrets = redactor.know(started.secrets);
      const { traffic } = this.#deps;
      const session = new UpstreamSession({
        launched,
        clock,
        log,
        name: id,
        clientInfo,
        handlers: traffic.handlers,
        capabilities: CLIENT_CAPABILITIES,
      });
      await session.connect(options.signal);
      if (options.signal.aborted) throw abortError(options.signal);
      await traffic.attach(session);
      if (options.signal.aborted) throw abortError(options.signal);
      if (session.ended !== undefined) throw session.ended.error;
      session.onListChanged(() => {
        this.#compare(session);
        this.#deps.onChange();
      });
      session.onClosed((end) => {
        if (end.asked || this.#session !== session) return;
        this.#crashed(redactor.error(end.error));
      });
      this.#started = started;
      this.#session = session;
      this.#startedAtMs = clock.now();
      this.#compare(session);
      this.#error = undefined;
      this.#restarts.stop();
      this.#set("ready");
      this.#rest(session);
      return session;
    } catch (thrown) {
      await launched?.stop(STOP_GRACE_MS);
      throw redactor.error(toAppError(thrown));
    }
  }

  /** Holds what it offers against what was agreed to. */
  #compare(session: UpstreamSession): void {
    const { tools: now, prompts, resources, templates } = session.definitions;
    this.#take({ ...this.#record, prompts, resources, templates });
    if (this.#record.tools.length === 0) {
      this.#take({ ...this.#record, tools: now, ...wordsOf(session) });
      return;
    }
    const { changed, added, removed } = compareDefinitions(this.#record.tools, now);
    this.#held = changed;
    this.#removed = new Set(removed);
    this.#show();
    // What is new was never agreed to in another form.
    if (added.length > 0) {
      const fresh = new Set(added);
      this.#take({
        ...this.#record,
        tools: [...this.#record.tools, ...now.filter(({ name }) => fresh.has(name))],
      });
    }
  }

  #refuseHeld(tool: string): void {
    const { id } = this.#record;
    const held = this.#held.find(({ name }) => name === tool);
    if (held !== undefined) throw heldBack(id, held);
    if (!this.tools.some(({ name }) => name === tool)) {
      throw new AppError("NOT_FOUND", `Cannot call "${tool}" of "${id}": it has no such tool`, {
        hint: `Its tools: ${this.tools.slice(0, 20).map(({ name }) => name).join(", ")}`,
      });
    }
  }

  /** Stops it when nobody has called it for a while, nor waits for what it says. */
  #rest(session: UpstreamSession): void {
    const { clock, idleMs, log } = this.#deps;
    this.#resting?.abort(OVER);
    if (idleMs === 0 || this.#over.signal.aborted) return;
    const resting = new AbortController();
    this.#resting = resting;
    const isNeeded = () => session.inFlight > 0 || this.#deps.traffic.isAwaited;
    const rest = async () => {
      const signal = AbortSignal.any([resting.signal, this.#over.signal]);
      do await clock.sleep(idleMs, signal); while (this.#session === session && isNeeded());
      if (this.#session !== session) return;
      log.debug("an activated server rests", { server: this.#record.id });
      await this.restart();
      this.#deps.onChange();
    };
    // Woken early by the next call, or by its end.
    rest().catch(() => {});
  }

  /** It has ended by itself. */
  #crashed(error: AppError): void {
    const { clock, log } = this.#deps;
    this.#session = undefined;
    this.#error = error;
    log.warn("an activated server has ended", { server: this.#record.id, reason: error.message });
    this.#restarts.begin(clock.now() - (this.#startedAtMs ?? clock.now()));
  }

  #take(record: ActiveRecord): void {
    const isSame = record.tools === this.#record.tools;
    this.#record = record;
    if (!isSame) this.#show();
  }

  #show(): void {
    this.#shown = this.#record.tools.filter(({ name }) => !this.#removed.has(name));
  }

  #set(status: ActiveStatus): void {
    if (this.#status === "stopped") return;
    this.#status = status;
    this.#deps.onChange();
  }

  /** Hands over what belongs to a run that ends: its secrets are secret until then. */
  #release(): Disposable | undefined {
    const secrets = this.#secrets;
    this.#secrets = undefined;
    this.#startedAtMs = undefined;
    return secrets;
  }
}

/** One empty list, so that nothing on offer is the same nothing as before. */
const NONE: readonly never[] = [];

/** What a model is told of a server; like its tools it stays as agreed to. */
function wordsOf(session: UpstreamSession | undefined): Pick<ActiveRecord, "instructions"> {
  const instructions = session?.info.instructions;
  return instructions === undefined ? {} : { instructions };
}

function gone(id: string): AppError {
  return new AppError("UNAVAILABLE", `Cannot use "${id}": it was removed`, {
    hint: `Add it again with registry-add id=${id}`,
  });
}
