/**
 * Whether containers can be run: the engine's version, whether it is rootless, and whether it
 * starts a container with the limits that Wharf gives to each. Needs run permission for the engine
 * and write permission for the cache, both through what it is given.
 *
 * @module
 */

import { z } from "zod";
import { AppError, toAppError } from "../core/errors.ts";
import type { RunResult } from "../core/host.ts";
import { parseJson } from "../core/json.ts";
import { cleanText } from "../core/text.ts";
import { engineEnv } from "../gateway/mod.ts";
import type { Check, Finding } from "./finding.ts";
import type { CheckContext } from "./doctor_types.ts";

/** What podman says of itself (podman-info(1)). */
const PODMAN_INFO = z.object({
  host: z.object({ security: z.object({ rootless: z.boolean() }) }),
  version: z.object({ Version: z.string() }),
});

/** What Docker says of itself (docker-info). */
const DOCKER_INFO = z.object({
  ServerVersion: z.string(),
  SecurityOptions: z.array(z.string()).nullish(),
});

const MAX_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 8000;

/** Exit code of an engine that set all up and then found no such program (podman-run(1)). */
const NO_SUCH_PROGRAM = 127;

/** A program that no container has. */
const PROBE = "/wharf-doctor-probe";

/**
 * The check of the container engine.
 *
 * @param context Effects and settings.
 */
export function engineCheck({ deps, settings }: CheckContext): Check {
  const { engine, toolsets } = settings;
  return {
    name: engine,
    async run(signal) {
      if (!toolsets.includes("gateway")) return [];
      // Without an engine remote servers, and packages under Deno, still work; one that is there is
      // meant to be used.
      const facts = await ask(signal);
      if ("check" in facts) return [facts];
      const { version, isRootless } = facts;
      const kind = isRootless ? "rootless" : "as root";
      if (engine === "docker") {
        return [{
          check: engine,
          state: "ok",
          message: `${version}, ${isRootless ? "rootless" : "with a daemon as root"}`,
        }];
      }
      const started = await start(signal);
      if (started === undefined) {
        return [{
          check: engine,
          state: "warn",
          message: `${version}, ${kind}; no container was tried, since the cache is in memory`,
          next: "Name a folder that may be written with --cache-dir",
        }];
      }
      if (started !== "") {
        return [{
          check: engine,
          state: "fail",
          message: `${version}, ${kind}, but it cannot start a container: ${started}`,
          next: "Run: podman info; see its troubleshooting guide (rootless: subuid, cgroups v2)",
        }];
      }
      return [{
        check: engine,
        state: "ok",
        message: `${version}, ${kind}, starts containers`,
        ...(isRootless ? {} : { next: "Run Wharf as a user without root's rights" }),
      }];
    },
  };

  async function ask(
    signal: AbortSignal,
  ): Promise<{ readonly version: string; readonly isRootless: boolean } | Finding> {
    const format = engine === "podman" ? "json" : "{{json .}}";
    let answer: RunResult;
    try {
      answer = await run(["info", `--format=${format}`], signal);
    } catch (thrown) {
      const error = toAppError(thrown);
      if (signal.aborted) throw error;
      return {
        check: engine,
        state: "warn",
        message: error.message,
        next: error.hint ?? `Install ${engine}`,
      };
    }
    if (answer.code !== 0) {
      return {
        check: engine,
        state: "warn",
        message: `"${engine} info" ended with code ${answer.code}: ${lastLine(answer.stderr)}`,
        next: engine === "docker"
          ? "Start Docker's daemon, or use podman"
          : "Run: podman info, and mend what it says",
      };
    }
    const json = parseJson(answer.stdout, { what: `the answer of "${engine} info"` });
    const podman = PODMAN_INFO.safeParse(json);
    if (podman.success) {
      const { host, version } = podman.data;
      return { version: shown(version.Version), isRootless: host.security.rootless };
    }
    const docker = DOCKER_INFO.safeParse(json);
    if (docker.success) {
      const { ServerVersion, SecurityOptions } = docker.data;
      const isRootless = (SecurityOptions ?? []).some((option) => option.includes("rootless"));
      return { version: shown(ServerVersion), isRootless };
    }
    throw new AppError("BAD_RESPONSE", `Cannot use "${engine} info": it has not the usual form`, {
      hint: `Update ${engine}`,
    });
  }

  /**
   * Starts a container of an empty folder with a program that is not there: the engine sets up
   * namespaces, mounts and limits first, and then says that nothing is there to be run. No image is
   * needed, and nothing runs.
   *
   * @returns What is wrong, or nothing; `undefined` where there is no folder.
   */
  async function start(signal: AbortSignal): Promise<string | undefined> {
    const { cache } = settings.folders;
    if (cache === undefined || settings.inMemory.cache) return undefined;
    const folder = `doctor-${crypto.randomUUID()}`;
    try {
      await deps.disk.write(`${folder}/rootfs/.probe`, new Uint8Array());
      const { code, stderr } = await run([
        "run",
        "--rm",
        "--network=none",
        "--security-opt=no-new-privileges",
        "--cap-drop=all",
        "--memory=67108864",
        "--memory-swap=67108864",
        "--cpus=1",
        "--pids-limit=64",
        "--log-driver=none",
        `--name=wharf-${folder}`,
        "--rootfs",
        `${cache}/${folder}/rootfs`,
        PROBE,
      ], signal);
      return code === NO_SUCH_PROGRAM ? "" : lastLine(stderr) || `code ${code}`;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      return toAppError(thrown).message;
    } finally {
      await deps.disk.remove(folder).catch(() => {});
    }
  }

  function run(args: readonly string[], signal: AbortSignal): Promise<RunResult> {
    return deps.processes.run({
      command: engine,
      args,
      env: engineEnv(deps.env),
    }, { maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS, signal });
  }
}

function shown(version: string): string {
  return cleanText(version, { maxChars: 40 });
}

/** The engine's own words; warnings stand before what is wrong. */
function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => cleanText(line, { maxChars: 200 })).filter(Boolean);
  return (lines.at(-1) ?? "").replace(/^Error: /, "");
}
