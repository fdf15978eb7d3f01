/**
 * A machine for tests of `wharf doctor`: everything on it is in order, until a test says otherwise.
 * Needs no permission.
 *
 * @module
 */

import { placeSources } from "../../lib/catalog/mod.ts";
import { resolveConfig } from "../../lib/config.ts";
import { AppError } from "../../lib/core/errors.ts";
import type { Disk, Processes, ProcessSpec, RunResult } from "../../lib/core/host.ts";
import { MemoryDisk } from "../../lib/core/memory_disk.ts";
import type { DoctorDeps, DoctorSettings } from "../../lib/doctor/mod.ts";
import { TOOLSETS } from "../../lib/mcp/mod.ts";
import { FakeClock } from "../fake_clock.ts";
import { handlerNet } from "../oci/handler_net.ts";

/** What a program answers; `undefined`: there is no such program. */
export type Program = (args: readonly string[]) => Partial<Omit<RunResult, "stdout">> & {
  readonly stdout?: string;
};

/** Programs that remember how they were run. */
export function programs(known: Readonly<Record<string, Program>>): Processes & {
  readonly runs: readonly ProcessSpec[];
} {
  const runs: ProcessSpec[] = [];
  return {
    runs,
    start: () => {
      throw new AppError("INTERNAL", "Cannot start: a check runs programs to their end");
    },
    run: (spec) => {
      runs.push(spec);
      const program = known[spec.command];
      if (program === undefined) {
        return Promise.reject(
          new AppError("NOT_FOUND", `Cannot run "${spec.command}": there is no such program`, {
            hint: `Install ${spec.command}`,
          }),
        );
      }
      const { code = 0, stdout = "", stderr = "" } = program(spec.args);
      return Promise.resolve({ code, stderr, stdout: new TextEncoder().encode(stdout) });
    },
  };
}

/** podman that works. */
export function podman([word]: readonly string[]): ReturnType<Program> {
  if (word !== "info") return { code: 127, stderr: "Error: no such file" };
  const facts = { host: { security: { rootless: true } }, version: { Version: "5.4.2" } };
  return { stdout: JSON.stringify(facts) };
}

/** git that works. */
export function git(): ReturnType<Program> {
  return { stdout: "git version 2.47.1\n" };
}

/** The settings of a Wharf with everything on, and only the built-in source. */
export const SETTINGS: DoctorSettings = {
  toolsets: TOOLSETS,
  engine: "podman",
  unsandboxed: false,
  sources: placeSources({ none: "none" }),
  registries: [],
  insecureRegistries: new Set(),
  serve: resolveConfig({}, {}, "linux").serve,
  os: "linux",
  configFile: "/home/me/.config/wharf/config.json",
  folders: {
    cache: "/home/me/.cache/wharf",
    git: "/home/me/.cache/wharf",
    state: "/home/me/.local/state/wharf",
  },
  inMemory: { cache: false, state: false },
};

/** A machine on which everything is in order. */
export function world(
  changes: Partial<DoctorDeps> = {},
): DoctorDeps & { readonly clock: FakeClock } {
  const clock = new FakeClock();
  return {
    net: handlerNet(() =>
      new Response("", { status: 200, headers: { date: new Date(clock.now()).toUTCString() } })
    ),
    files: { read: () => Promise.resolve(undefined) },
    processes: programs({ podman, git }),
    env: { HOME: "/home/me", PATH: "/usr/bin" },
    disk: new MemoryDisk(),
    state: new MemoryDisk(),
    listen: ({ signal }) =>
      Promise.resolve({
        url: new URL("http://127.0.0.1:8080/"),
        finished: new Promise((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener("abort", () => resolve(), { once: true });
        }),
        shutdown: () => Promise.resolve(),
      }),
    openFolder: () => new MemoryDisk(),
    isGranted: () => Promise.resolve(true),
    freeBytes: () => Promise.resolve(50e9),
    sourceStates: () => Promise.resolve([]),
    registry: {
      ping: () =>
        Promise.resolve({ authentication: "bearer", authenticated: undefined, source: undefined }),
    },
    keychain: { lookup: () => Promise.resolve(undefined) },
    ...changes,
    clock,
  };
}

/** A disk that refuses every write in one way. */
export function refusingDisk(error: AppError): Disk {
  const disk = new MemoryDisk();
  return {
    read: (path, options) => disk.read(path, options),
    list: (path) => disk.list(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    lock: (name) => disk.lock(name),
    write: () => Promise.reject(error),
  };
}
