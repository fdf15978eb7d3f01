/**
 * Wharf's composition root: argv to config, config to host, host to app; signals and exit codes.
 * Nothing runs on import. Uses whatever Deno was started with; a missing permission is said by the
 * tool that needs it.
 *
 * @example
 * ```sh
 * deno run -P=inspect main.ts inspect alpine
 * ```
 *
 * @module
 */

import deno from "./deno.json" with { type: "json" };
import { type App, createApp } from "./lib/app.ts";
import {
  allowsColours,
  banner,
  type BuildFacts,
  callRemote,
  checkHealth,
  completionScript,
  healthUrl,
  helpText,
  type Invocation,
  namedVariables,
  parseArguments,
  printDiagnosis,
  printError,
  printFlags,
  printTools,
  runConnect,
  runTool,
  type Terminal,
  versionText,
  wantedOutput,
} from "./lib/cli/mod.ts";
import { type Config, configPath, parseConfigFile, resolveConfig } from "./lib/config.ts";
import { AppError, toAppError } from "./lib/core/errors.ts";
import type { Env, Files, LogFields } from "./lib/core/host.ts";
import type { Net } from "./lib/core/http.ts";
import { MemoryDisk } from "./lib/core/memory_disk.ts";
import { type Grant, toolsetsOf, unneededGrants } from "./lib/grants.ts";
import { systemClock } from "./lib/host/clock.ts";
import { openConfigFiles } from "./lib/host/config_files.ts";
import { isWritable, openDisk, openFiles } from "./lib/host/disk.ts";
import { readEnv, readVariable } from "./lib/host/env.ts";
import { appendTo, openLog } from "./lib/host/log.ts";
import { memoryUse } from "./lib/host/memory.ts";
import { listen, openNet } from "./lib/host/net.ts";
import { grantedPermissions, isGranted, revokeGrants } from "./lib/host/permissions.ts";
import { openProcesses } from "./lib/host/process.ts";
import { stopSignal } from "./lib/host/signals.ts";
import { freeBytes } from "./lib/host/space.ts";
import { openStdio, type Stdio } from "./lib/host/stdio.ts";
import { openCertificates } from "./lib/oci/mod.ts";
import { withAuthToken } from "./lib/serving.ts";

const INFO = { name: "wharf", version: deno.version } as const;

/** A config file is written by hand. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** A token file holds one line. */
const MAX_TOKEN_BYTES = 16 * 1024;

/** A certificate with the chain above it. */
const MAX_PEM_BYTES = 1024 * 1024;

/**
 * Runs Wharf.
 *
 * @param argv The arguments after the program's name.
 * @param build What it was built of, where it was built; absent where its source is run.
 * @returns The exit code.
 */
export async function main(argv: readonly string[], build?: BuildFacts): Promise<number> {
  const stdio = openStdio();
  const columns = stdio.columns();
  const terminal: Terminal = {
    out: stdio.out,
    err: stdio.err,
    status: stdio.status,
    question: stdio.stdinIsTerminal() ? stdio.question : undefined,
    columns,
    // Deno knows NO_COLOR even where it grants no variable.
    hasColours: !Deno.noColor && allowsColours(columns !== undefined, readEnv()),
  };
  try {
    const invocation = parseArguments(argv);
    if (invocation.kind === "help") {
      terminal.out(helpText(invocation.command, terminal));
      return 0;
    }
    if (invocation.kind === "completions") {
      terminal.out(completionScript(invocation.shell));
      return 0;
    }
    if (invocation.kind === "version") {
      const { build: { target }, version: { deno } } = Deno;
      terminal.out(versionText({ version: INFO.version, build, deno, target }));
      return 0;
    }
    if (invocation.kind === "connect") return await connect(invocation, terminal);
    return await run(invocation, terminal, stdio);
  } catch (thrown) {
    const error = toAppError(thrown);
    printError(error, wantedOutput(argv), terminal);
    return error.code === "INVALID_ARGUMENT" ? 2 : 1;
  }
}

/** Changes a client's config; neither network nor cache nor anything of a server is touched. */
async function connect(
  invocation: Invocation & { readonly kind: "connect" },
  terminal: Terminal,
): Promise<number> {
  const env = readEnv();
  const { os } = Deno.build;
  // What a server would refuse is not written for one.
  resolveConfig(invocation.flags, env, os);
  return await runConnect(invocation, {
    files: openConfigFiles(),
    clock: systemClock,
    machine: { os, env },
    started: {
      isCompiled: Deno.build.standalone,
      execPath: Deno.execPath(),
      mainModule: Deno.mainModule,
      runFlags: Deno.build.standalone ? [] : runFlags(),
      directory: Deno.cwd(),
    },
    terminal,
    signal: stopSignal(systemClock),
  });
}

/**
 * The widest permission set, for `deno run`. A checkout has it in its deno.json; where its standard
 * library came from npm, JSR is out of reach, and a client needs the helper that started this
 * process too. A bundle and a published module have no deno.json beside them.
 */
function runFlags(): readonly string[] {
  const url = Deno.mainModule;
  if (url.startsWith("file:") && url.endsWith("/main.ts")) {
    const flags = ["-q", "--no-prompt", "-P=full"];
    if (import.meta.resolve("@std/path").startsWith("jsr:")) return flags;
    const helper = new URL("tools/deno.ts", url);
    return ["-A", "-q", helper.href, "run", ...flags];
  }
  const { net, run } = deno.permissions.full;
  return [
    "-q",
    "--no-prompt",
    "--allow-net",
    `--deny-net=${net.deny.join(",")}`,
    "--allow-read",
    "--allow-write",
    "--allow-env",
    `--allow-run=${run.join(",")}`,
  ];
}

async function run(
  invocation: Exclude<Invocation, { kind: "help" | "version" | "completions" | "connect" }>,
  terminal: Terminal,
  stdio: Stdio,
): Promise<number> {
  const named = invocation.kind === "remote" ? namedVariables(invocation.target) : [];
  const env = readEnv(named);
  const files = openFiles();
  const config = await withTokenFile(
    await readConfig(invocation.flags, { env, files }),
    { files, invocation },
  );
  const log = openLog({
    format: config.logFormat,
    // A person who asks one question wants the answer; a server's operator wants to know what happens.
    level: invocation.kind === "serve" ? config.logLevel : quieter(config, invocation),
    clock: systemClock,
    redact: [...secretsOf(config, env), ...named.flatMap((name) => env[name] ?? [])],
  });
  const { auditFile } = config.serve;
  const audit = openLog({
    // For machines, whatever the log looks like, and whatever is left out of it.
    format: "json",
    level: "info",
    clock: systemClock,
    redact: secretsOf(config, env),
  }, invocation.kind === "serve" && auditFile !== undefined ? appendTo(auditFile) : undefined);
  for (const warning of config.warnings) log.warn(warning);
  const certificates = openCertificates({ files, env, log });
  await using net = openNet({
    userAgent: `wharf/${INFO.version}`,
    clock: systemClock,
    certs: certificates,
  });
  /** The directory, or nothing where it is kept in memory, which is said once. */
  const keep = async (what: string, wanted: string | undefined, flag: "cache" | "state") => {
    const directory = await writable(wanted);
    if (directory !== undefined || invocation.kind === "doctor") return directory;
    const [message, fields] = inMemory(what, wanted, flag);
    if (invocation.kind === "serve" || (flag === "state" && keepsState(invocation))) {
      log.warn(message, fields);
    } else log.info(message, fields);
  };
  const { cacheDirectory, toolsets, gateway } = config;
  // Docker Hub's own interface is not kept.
  const directory = toolsets.some((toolset) => toolset !== "hub")
    ? await keep("the cache", cacheDirectory, "cache")
    : undefined;
  const stateDirectory = toolsets.includes("gateway")
    ? await keep("what is activated", gateway.stateDirectory, "state")
    : undefined;
  const permissions = () =>
    grantedPermissions(directory === undefined ? {} : { paths: [directory] });
  const app = createApp(
    {
      net,
      disk: directory === undefined ? new MemoryDisk() : openDisk(directory, systemClock),
      files,
      processes: openProcesses(systemClock),
      clock: systemClock,
      log,
      audit,
      env,
      variable: readVariable,
      random: Math.random,
      state: stateDirectory === undefined
        ? new MemoryDisk()
        : openDisk(stateDirectory, systemClock),
      ...(stateDirectory === undefined ? {} : { stateDirectory }),
      memory: memoryUse,
      pid: Deno.pid,
      listen,
      openFolder: (path) => openDisk(path, systemClock),
      permissions,
    },
    config,
    INFO,
  );
  const stopped = stopSignal(systemClock);
  try {
    return await perform(invocation, {
      app,
      config,
      env,
      net,
      terminal,
      stdio,
      stopped,
      permissions,
      directory,
      files,
    });
  } finally {
    // What was activated ends with Wharf.
    await app.close();
  }
}

interface Ready {
  readonly app: App;
  readonly config: Config;
  readonly env: Env;
  readonly net: Net;
  readonly terminal: Terminal;
  readonly stdio: Stdio;
  readonly stopped: AbortSignal;
  readonly permissions: () => Promise<readonly string[]>;
  readonly directory: string | undefined;
  readonly files: Files;
}

/** Does what the command line asks for. */
async function perform(
  invocation: Exclude<Invocation, { kind: "help" | "version" | "completions" | "connect" }>,
  { app, config, env, net, terminal, stdio, stopped, permissions, directory, files }: Ready,
): Promise<number> {
  if (invocation.kind === "doctor") {
    const { registries, flags } = invocation;
    const { os } = Deno.build;
    const configFile = configPath(flags, env, os)?.path;
    const options = { isGranted, freeBytes, registries, configFile, os };
    const doctor = await app.doctor(options);
    return invocation.isFlagsOnly
      ? printFlags(await doctor.needed(), invocation, terminal)
      : printDiagnosis(await doctor.diagnose(stopped), invocation, terminal);
  }
  await revokeGrants(unneeded(invocation, { app, config }));
  // These two have times of their own, where none is asked for.
  const timeoutMs = invocation.flags["timeout"] === undefined ? undefined : config.timeoutMs;
  if (invocation.kind === "health") {
    const url = healthUrl(invocation.flags["url"], config.serve.port);
    return await checkHealth(url, { net, terminal, signal: stopped, timeoutMs });
  }
  if (invocation.kind === "tools") {
    return printTools(invocation, { tools: app.inventory.listTools(), terminal });
  }
  if (invocation.kind === "tool") {
    return await runTool(invocation, {
      tools: app.inventory.listTools(),
      terminal,
      signal: stopped,
    });
  }
  if (invocation.kind === "remote") {
    return await callRemote(invocation, {
      open: app.openRemote,
      terminal,
      timeoutMs,
      signal: stopped,
    });
  }
  const facts = {
    version: INFO.version,
    toolsets: config.toolsets,
    toolCount: app.inventory.listTools().length,
    granted: await permissions(),
    cacheDirectory: directory,
    access: accessOf(config),
  };
  if (config.serve.transport === "http") {
    const tls = await readTls(config, files);
    const listening = await app.serveHttp((options) => listen({ ...options, ...tls }), stopped);
    for (const line of banner({ ...facts, url: listening.url })) terminal.err(line);
    await listening.finished;
  } else {
    if (stdio.stdinIsTerminal()) {
      for (const line of banner({ ...facts, url: undefined })) terminal.err(line);
    }
    await app.serveStreams(stdio, stopped);
  }
  return 0;
}

/** Whether an answer is wrong, or what was asked for is lost, where the state is not kept. */
function keepsState(invocation: Invocation): boolean {
  return invocation.kind === "tool" &&
    /^registry-(?:add|remove|active|config-set|exec|logs)$/.test(invocation.tool);
}

/** What is given back at the start; a command that is not named here keeps all. */
function unneeded(
  invocation: Invocation,
  { app, config }: Pick<Ready, "app" | "config">,
): readonly Grant[] {
  const { engine } = config.gateway;
  switch (invocation.kind) {
    case "serve":
      return unneededGrants(config.toolsets, {
        engine,
        keeps: config.serve.auditFile === undefined ? [] : ["write"],
      });
    case "tool": {
      const tool = app.inventory.findTool(invocation.tool);
      return tool === undefined ? [] : unneededGrants(toolsetsOf(tool), { engine });
    }
    case "tools":
      return unneededGrants([]);
    case "health":
      return unneededGrants([], { keeps: ["net"] });
    case "remote":
      // Another's server never leads to a program of this machine.
      return unneededGrants([], { keeps: ["env", "net", "read", "write"] });
    default:
      return [];
  }
}

/** Flags, environment and config file; a file that may not be read is as good as none. */
async function readConfig(
  flags: Invocation["flags"],
  { env, files }: { readonly env: Env; readonly files: Files },
): Promise<Config> {
  const found = configPath(flags, env, Deno.build.os);
  if (found === undefined) return resolveConfig(flags, env, Deno.build.os);
  const { path, isNamed } = found;
  const bytes = await readConfigFile(files, found);
  if (bytes === undefined && isNamed) {
    throw new AppError("NOT_FOUND", `Cannot read config file "${path}": there is none`, {
      hint: "Check the path of --config",
    });
  }
  const file = bytes === undefined ? {} : parseConfigFile(bytes, path);
  return resolveConfig(flags, env, Deno.build.os, file);
}

/** Settings with the token that a file holds, for the command that wants it. */
async function withTokenFile(
  config: Config,
  { files, invocation }: { readonly files: Files; readonly invocation: Invocation },
): Promise<Config> {
  const { authTokenFile, authToken, transport } = config.serve;
  const isWanted = invocation.kind === "serve" && transport === "http" && authToken === undefined;
  if (authTokenFile === undefined || !isWanted) return config;
  const bytes = await files.read(authTokenFile, { maxBytes: MAX_TOKEN_BYTES });
  return { ...config, serve: withAuthToken(config.serve, bytes) };
}

/** Certificate and key, where https is wanted. */
async function readTls(
  { serve }: Config,
  files: Files,
): Promise<{ readonly tls?: { readonly cert: string; readonly key: string } }> {
  if (serve.tls === undefined) return {};
  const [cert, key] = await Promise.all(
    [serve.tls.certFile, serve.tls.keyFile].map(async (path) => {
      const bytes = await files.read(path, { maxBytes: MAX_PEM_BYTES });
      if (bytes !== undefined) return new TextDecoder().decode(bytes);
      throw new AppError("NOT_FOUND", `Cannot read "${path}": there is no such file`, {
        hint: "Check the paths of --tls-cert and --tls-key",
      });
    }),
  );
  return cert === undefined || key === undefined ? {} : { tls: { cert, key } };
}

async function readConfigFile(
  files: Files,
  { path, isNamed }: { readonly path: string; readonly isNamed: boolean },
): Promise<Uint8Array | undefined> {
  try {
    return await files.read(path, { maxBytes: MAX_CONFIG_BYTES });
  } catch (thrown) {
    const isDenied = toAppError(thrown).code === "PERMISSION_MISSING";
    if (isDenied && !isNamed) return undefined;
    throw thrown;
  }
}

/** Flags that ask for more are heard; otherwise only what went wrong is shown. */
function quieter(config: Config, invocation: Invocation): Config["logLevel"] {
  return invocation.flags["log-level"] === undefined ? "warn" : config.logLevel;
}

/** What the banner says that clients must send. */
function accessOf({ serve }: Config): "anyone" | "token" | "oauth" {
  if (serve.oauth !== undefined) return "oauth";
  return serve.authToken === undefined ? "anyone" : "token";
}

/** Values that must never appear in a log line, wherever they come from. */
function secretsOf(config: Config, env: Env): readonly string[] {
  return [
    config.serve.authToken,
    env["OCI_TOKEN"],
    env["OCI_PASSWORD"],
    env["HUB_PAT_TOKEN"],
  ].filter((value) => value !== undefined);
}

/** Said once, where something is forgotten at the end that would be kept. */
function inMemory(
  what: string,
  directory: string | undefined,
  flag: "cache" | "state",
): [message: string, fields: LogFields] {
  const message = `${what} is in memory, and forgotten at the end`;
  return directory === undefined
    ? [message, { reason: "no home directory is known", hint: `Name one with --${flag}-dir` }]
    : [message, {
      reason: `"${directory}" cannot be written`,
      hint: `Grant --allow-read=${directory} --allow-write=${directory}, or name another with ` +
        `--${flag}-dir`,
    }];
}

/** The directory, if it can be read and written; asking never prompts. */
async function writable(directory: string | undefined): Promise<string | undefined> {
  if (directory === undefined) return undefined;
  const states = await Promise.all(
    (["read", "write"] as const).map((name) => Deno.permissions.query({ name, path: directory })),
  );
  const isGranted = states.every(({ state }) => state === "granted");
  return isGranted && await isWritable(directory) ? directory : undefined;
}

// Connections that are kept alive and signal listeners would hold the process.
if (import.meta.main) Deno.exit(await main(Deno.args));
