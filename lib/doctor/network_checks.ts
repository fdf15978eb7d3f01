/**
 * What lies beyond this process: the sources of the catalogue, the clock against theirs, and the
 * port of a server. Needs net permission for them, through what it is given.
 *
 * @module
 */

import type { PlacedSource, SourceState } from "../catalog/mod.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { CheckContext, DoctorDeps } from "./doctor_types.ts";
import { type Check, failed, type Finding } from "./finding.ts";
import { fileTime } from "./folder_checks.ts";

/** One answer of the web. */
interface Answer {
  readonly status: number;
  /** How far this machine's clock is ahead of the other side's, in milliseconds. */
  readonly aheadMs: number | undefined;
}

/** Asks each address once, however many checks want to know. */
export type WebProbe = (url: URL, signal: AbortSignal) => Promise<Answer>;

/** `Date` counts whole seconds, and an answer takes its time. */
const SKEW_WARN_MS = 30_000;

/** Tokens and certificates are mostly refused from here on. */
const SKEW_FAIL_MS = 300_000;

/** Docker Hub tells the time to anybody. */
const HUB = new URL("https://registry-1.docker.io/v2/");

const PROBE_TIMEOUT_MS = 8000;

/**
 * Makes a probe.
 *
 * @param deps Network and clock.
 */
export function webProbe({ net, clock }: Pick<DoctorDeps, "net" | "clock">): WebProbe {
  const asked = new Map<string, Promise<Answer>>();
  const ask = async (url: URL, signal: AbortSignal): Promise<Answer> => {
    const startMs = clock.now();
    const response = await net.fetch({ url, signal, timeoutMs: PROBE_TIMEOUT_MS });
    const endMs = clock.now();
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    await response.cancel();
    return {
      status: response.status,
      aheadMs: Number.isNaN(dateMs) ? undefined : (startMs + endMs) / 2 - dateMs,
    };
  };
  return (url, signal) => {
    const known = asked.get(url.href);
    if (known !== undefined) return known;
    const answer = ask(url, signal);
    // Whoever waits hears of it.
    answer.catch(() => {});
    asked.set(url.href, answer);
    return answer;
  };
}

/** The address that tells whether a source can be read; `undefined` where it is not on the web. */
function addressOf({ source, place }: PlacedSource): URL | undefined {
  if (place.kind === "builtin" || place.kind === "local") return undefined;
  if (place.kind === "git") {
    // As git itself begins (gitprotocol-http(5), "Smart Clients").
    const base = place.url.href.replace(/\/+$/, "");
    return new URL(`${base}/info/refs?service=git-upload-pack`);
  }
  return place.kind === "api" && source.kind === "api"
    ? source.firstPage(place.url, {})
    : place.url;
}

/**
 * The checks of sources: whether each can be read, and when it was.
 *
 * @param context Effects and settings.
 * @param probe Asks the web.
 */
export function sourceChecks(context: CheckContext, probe: WebProbe): readonly Check[] {
  const { deps, settings: { sources, toolsets } } = context;
  if (!toolsets.includes("catalog") && !toolsets.includes("gateway")) return [];
  let states: Promise<readonly SourceState[]> | undefined;
  return sources.map((placed): Check => {
    const check = `source ${placed.source.id}`;
    return {
      name: check,
      async run(signal) {
        if (placed.place.kind === "builtin") {
          return [{ check, state: "ok", message: "part of Wharf" }];
        }
        states ??= deps.sourceStates();
        const all = await states;
        const state = all.find(({ source }) => source === placed.source.id);
        const read = history(state);
        try {
          await reach(context, placed, { probe, signal });
        } catch (thrown) {
          if (signal.aborted) throw thrown;
          const { message, hint } = toAppError(thrown);
          return [{
            check,
            state: "warn",
            message: `${message}; ${read}`,
            next: hint ?? `Switch it off with --source ${placed.source.id}=none`,
          }];
        }
        const error = state?.error;
        if (error !== undefined) {
          return [{
            check,
            state: "warn",
            message: `can be reached, but the last refresh failed: ${error.message}; ${read}`,
            next: `Run: wharf refresh ${placed.source.id}`,
          }];
        }
        return [{
          check,
          state: "ok",
          message: `can be reached; ${read}`,
          ...(state?.fetchedAt === undefined
            ? { next: `Run: wharf refresh ${placed.source.id}` }
            : {}),
        }];
      },
    };
  });
}

async function reach(
  { deps }: CheckContext,
  placed: PlacedSource,
  { probe, signal }: { readonly probe: WebProbe; readonly signal: AbortSignal },
): Promise<void> {
  const { place, source } = placed;
  if (place.kind === "local") {
    if ((await deps.openFolder(place.path).list("")).length > 0) return;
    try {
      if (await deps.files.read(place.path, { maxBytes: 0 }) !== undefined) return;
    } catch (thrown) {
      // It is there: more was not asked.
      if (toAppError(thrown).code === "TOO_LARGE") return;
      throw thrown;
    }
    throw new AppError("NOT_FOUND", `Cannot read "${place.path}": it is not there, or empty`, {
      hint: `Check the path of --source ${source.id}=…`,
    });
  }
  const address = addressOf(placed);
  if (address === undefined) return;
  const { status } = await probe(address, signal);
  if (status < 400) return;
  throw new AppError("UNAVAILABLE", `Cannot read "${address.host}": it answers with ${status}`, {
    status,
    hint: status === 403 || status === 429
      ? "Try again later: it may limit how often it is asked"
      : `Check the address of --source ${source.id}=…, or try again later`,
  });
}

function history(state: SourceState | undefined): string {
  if (state?.fetchedAt === undefined) return "never read";
  return `${state.entries} entries, read ${state.fetchedAt.slice(0, 16)}Z`;
}

/**
 * The check of the clock: against a server's, or at least that of the disk.
 *
 * @param context Effects and settings.
 * @param probe Asks the web.
 */
export function clockCheck(context: CheckContext, probe: WebProbe): Check {
  const { deps, settings, grants } = context;
  const addresses = [
    ...settings.sources.map(addressOf),
    ...settings.toolsets.includes("catalog") && settings.toolsets.length === 1 ? [] : [HUB],
  ].filter((url) => url !== undefined);
  return {
    name: "clock",
    async run(signal) {
      const allowed = await Promise.all(addresses.map((url) => isAllowed(url)));
      const answers = await Promise.allSettled(
        addresses.filter((_, index) => allowed[index]).map(async (url) => {
          const { aheadMs } = await probe(url, signal);
          return aheadMs === undefined ? undefined : { aheadMs, by: url.host };
        }),
      );
      const [best] = answers
        .flatMap((answer) =>
          answer.status === "fulfilled" && answer.value !== undefined ? [answer.value] : []
        )
        .sort((one, other) => Math.abs(one.aheadMs) - Math.abs(other.aheadMs));
      if (best !== undefined) return [skew(best.aheadMs, best.by)];
      if (settings.inMemory.cache || settings.folders.cache === undefined) {
        return [{
          check: "clock",
          state: "warn",
          message: "nothing to compare it with: no server answers",
          next: "Compare it with another clock; tokens and certificates depend on it",
        }];
      }
      const before = deps.clock.now();
      return [skew(before - await fileTime(deps.disk), "the disk; no server answers")];
    },
  };

  /** Asking Deno for what it has not granted would be logged as an attempt. */
  async function isAllowed(url: URL): Promise<boolean> {
    if (grants.every(({ kind }) => kind !== "net")) return false;
    return await deps.isGranted({ kind: "net", value: url.host });
  }
}

function skew(aheadMs: number, by: string): Finding {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) < SKEW_WARN_MS) {
    return { check: "clock", state: "ok", message: `agrees with ${by}` };
  }
  return {
    check: "clock",
    state: Math.abs(aheadMs) < SKEW_FAIL_MS ? "warn" : "fail",
    message: `${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} ${by}`,
    next: "Set the clock, best by NTP: tokens and certificates are refused otherwise",
  };
}

/**
 * The check of the port of `serve --transport http`.
 *
 * @param context Effects and settings.
 */
export function portCheck({ deps, settings }: CheckContext): Check {
  const { hostname, port, transport } = settings.serve;
  return {
    name: "port",
    async run(signal) {
      try {
        const end = new AbortController();
        const listening = await deps.listen({
          hostname,
          port,
          handler: () => Promise.resolve(new Response(null, { status: 503 })),
          signal: AbortSignal.any([signal, end.signal]),
        });
        end.abort();
        await listening.finished;
        return [{
          check: "port",
          state: "ok",
          message: `${hostname}:${port === 0 ? "a free one" : port} can be listened on`,
        }];
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        const finding = failed("port", thrown, transport === "http" ? "fail" : "warn");
        return [
          transport === "http" ? finding : {
            ...finding,
            message: `${finding.message}; stdio needs none`,
          },
        ];
      }
    },
  };
}
