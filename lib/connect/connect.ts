/**
 * Puts Wharf into a client's config file, takes it out again, and says which clients have it.
 * Needs no permission itself: the files come from the host.
 *
 * @module
 */

import { throwIfAborted } from "../core/deadline.ts";
import { AppError, toAppError } from "../core/errors.ts";
import type { Clock, ConfigFiles } from "../core/host.ts";
import { type Client, CLIENTS, type Connection, type Location } from "./clients.ts";
import { difference } from "./difference.ts";
import { connectEdit, type Edit, type FileBytes, isBroken, look, removeEdit } from "./edit.ts";
import { type ConfigFormat, type Entry, merged } from "./format.ts";
import { loadJsonc } from "./jsonc_text.ts";
import type { Machine } from "./machine.ts";
import type { Broken } from "./place.ts";
import { sameValue } from "./same_value.ts";
import { loadToml } from "./toml_text.ts";

/** Claude Code keeps its whole history of projects in the same file. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** A client that writes its file all the time is to be closed first. */
const MAX_TRIES = 10;

/** How many backups are looked through for what a file was before. */
const MAX_BACKUPS = 10;

const BACKUP = ".wharf-backup-";

/** What connecting needs. */
export interface ConnectDeps {
  /** Reads and writes the files. */
  readonly files: ConfigFiles;
  /** Tells the time for the names of backups. */
  readonly clock: Pick<Clock, "now">;
  /** Where files are on this machine. */
  readonly machine: Machine;
}

/** Which entry of which client. */
export interface EntryRequest {
  /** The client. */
  readonly client: Client;
  /** Name of the entry. */
  readonly name: string;
  /** How the client reaches Wharf; what is taken out may have been written for another. */
  readonly connection: Connection;
  /** The config file, where it is not in its usual place. */
  readonly file?: string;
  /** Whether only the difference is wanted. */
  readonly isDryRun: boolean;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** What was done, or would be. */
export interface ConnectResult {
  /** `connected` and `replaced` put an entry in, `removed` takes it out; the others wrote nothing. */
  readonly action: "connected" | "replaced" | "already" | "removed" | "absent";
  /** The config file. */
  readonly file: string;
  /** The entry that is in the file now, or `undefined`. */
  readonly entry: Entry | undefined;
  /** The copy of what was there, where something was written over. */
  readonly backup: string | undefined;
  /** The difference in the unified form; what other entries say is shown as `…`. */
  readonly difference: readonly string[];
}

/** How a client stands. */
export interface ClientState {
  /** The client. */
  readonly client: Client;
  /** Its config file, or `undefined` where the home directory is not known. */
  readonly file: string | undefined;
  /** Whether Wharf is in it: `other` is an entry of the name with another command or address. */
  readonly state: "connected" | "other" | "absent" | "not-installed" | "unusable";
  /** What is wrong with the file. */
  readonly problem?: string;
}

/**
 * Puts an entry into a client's config file.
 *
 * @param request The entry.
 * @param deps Files, time and machine.
 * @returns What was done; `already` where the same entry was there.
 * @throws {AppError} `UNSUPPORTED` where the client cannot be connected so, `NOT_FOUND` where it is
 *   not installed, `BAD_RESPONSE` where its file has to stay as it is. `details.paste` has the text
 *   to put in by hand.
 */
export async function connectClient(
  request: EntryRequest,
  deps: ConnectDeps,
): Promise<ConnectResult> {
  const { client, name, connection } = request;
  const entry = client.entry(connection);
  if (entry === undefined) throw noHttp(client, connection);
  const format = await loadFormat(client);
  const paste = pasteText(format, { map: client.map, name }, entry);
  return await withDetails(async (file) => {
    const { edit, backup } = await change(
      request,
      deps,
      file,
      (bytes) =>
        Promise.resolve(connectEdit(bytes, { format, path: { map: client.map, name } }, entry)),
    );
    const action = edit.isSame ? "already" : edit.hadEntry ? "replaced" : "connected";
    return { action, file, entry, backup, difference: differenceOf(edit) };
  }, { request, deps, paste });
}

/**
 * Takes an entry out of a client's config file. Where nothing else was changed since it was put in,
 * the file is as it was before, to the byte.
 *
 * @param request The entry.
 * @param deps Files, time and machine.
 * @returns What was done; `absent` where there was no such entry.
 * @throws {AppError} `NOT_FOUND` where the client is not installed, `BAD_RESPONSE` where its file
 *   has to stay as it is.
 */
export async function disconnectClient(
  request: EntryRequest,
  deps: ConnectDeps,
): Promise<ConnectResult> {
  const { client, name } = request;
  const format = await loadFormat(client);
  return await withDetails(async (file) => {
    const { edit, backup } = await change(
      request,
      deps,
      file,
      async (bytes) =>
        removeEdit(bytes, { format, path: { map: client.map, name } }, {
          backups: await backupsOf(file, deps.files),
        }),
    );
    const action = edit.isSame ? "absent" : "removed";
    return { action, file, entry: undefined, backup, difference: differenceOf(edit) };
  }, { request, deps, paste: undefined });
}

/**
 * Says of each client where its config file is and whether Wharf is in it.
 *
 * @param name Name of the entry.
 * @param connection What the entry should say.
 * @param deps Files, time and machine.
 */
export async function listClients(
  { name, connection }: { readonly name: string; readonly connection: Connection },
  deps: ConnectDeps,
): Promise<readonly ClientState[]> {
  return await Promise.all(CLIENTS.map(async (client): Promise<ClientState> => {
    let file = client.locations(deps.machine).at(-1)?.file;
    try {
      const { chosen } = await locate(client, deps);
      if (chosen === undefined) return { client, file, state: "not-installed" };
      file = chosen.file;
      const format = await loadFormat(client);
      const found = look(await deps.files.read(file, { maxBytes: MAX_FILE_BYTES }), {
        format,
        path: { map: client.map, name },
      });
      if (isBroken(found)) {
        return { client, file, state: "unusable", problem: `it ${sentence(found)}` };
      }
      const wanted = client.entry(connection);
      const state = found.entry === undefined
        ? "absent"
        : wanted !== undefined && sameValue(found.entry, merged(found.entry, wanted))
        ? "connected"
        : "other";
      return { client, file, state };
    } catch (thrown) {
      return { client, file, state: "unusable", problem: toAppError(thrown).message };
    }
  }));
}

/** Nothing where nothing changed: a large file is not compared with itself. */
function differenceOf(edit: Edit): readonly string[] {
  return edit.isSame ? [] : difference(...edit.shown());
}

async function loadFormat({ form }: Client): Promise<ConfigFormat> {
  return form === "json" ? await loadJsonc() : await loadToml();
}

/** The text of a file that holds nothing but the entry. */
function pasteText(
  format: ConfigFormat,
  path: { readonly map: string; readonly name: string },
  entry: Entry,
): string {
  const empty = format.open("", path);
  return isBroken(empty) ? "" : empty.set(entry).trimEnd();
}

/** Where a client's file is: the first place that the client has made. */
async function locate(
  { locations }: Client,
  { files, machine }: ConnectDeps,
): Promise<{ readonly chosen: Location | undefined; readonly likeliest: Location | undefined }> {
  const all = locations(machine);
  for (const location of all) {
    for (const mark of location.marks) {
      if (await files.kind(mark) !== undefined) return { chosen: location, likeliest: location };
    }
  }
  return { chosen: undefined, likeliest: all.at(-1) };
}

/** The file to change. */
async function fileOf(request: EntryRequest, deps: ConnectDeps): Promise<string> {
  const { client, file } = request;
  if (file !== undefined) {
    const { folder } = split(file);
    if (await deps.files.kind(folder) === "directory") return file;
    throw new AppError("NOT_FOUND", `Cannot write "${file}": there is no such folder`, {
      hint: `Check the path of --config-file, or make ${folder}`,
    });
  }
  const { chosen, likeliest } = await locate(client, deps);
  if (chosen !== undefined) return chosen.file;
  const [mark] = likeliest?.marks ?? [];
  const why = mark === undefined ? "No home directory is known" : `There is no ${mark}`;
  throw new AppError("NOT_FOUND", `Cannot connect ${client.title}: it is not installed here`, {
    hint: `${why}. Start ${client.title} once, or name its file with --config-file`,
  });
}

/** Reads, changes and writes, anew where another program writes in between. */
async function change(
  { client, isDryRun, signal }: EntryRequest,
  { files, clock }: ConnectDeps,
  file: string,
  edited: (bytes: FileBytes) => Promise<Edit | Broken>,
): Promise<{ readonly edit: Edit; readonly backup: string | undefined }> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    throwIfAborted(signal);
    const before = await files.read(file, { maxBytes: MAX_FILE_BYTES });
    const edit = await edited(before);
    if (isBroken(edit)) {
      throw new AppError("BAD_RESPONSE", `Cannot change "${file}": it ${sentence(edit)}`, {
        hint: "The file was left as it is: mend it and try again, or change it by hand",
      });
    }
    if (edit.isSame || isDryRun) return { edit, backup: undefined };
    const backup = await backupName(file, { files, clock });
    if (await files.replace(file, { expected: before, bytes: edit.bytes, backup })) {
      return { edit, backup: before === undefined ? undefined : backup };
    }
  }
  throw new AppError("UNAVAILABLE", `Cannot change "${file}": another program keeps changing it`, {
    retryable: true,
    hint: `Close ${client.title} and try again`,
  });
}

function sentence({ problem, place }: Broken): string {
  return place === undefined ? problem : `${problem} at ${place.line}:${place.column}`;
}

/** A name beside the file that no file has. */
async function backupName(
  file: string,
  { files, clock }: Pick<ConnectDeps, "files" | "clock">,
): Promise<string> {
  const { folder, name } = split(file);
  const taken = await files.names(folder);
  const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
  let last = `${name}${BACKUP}${time}`;
  for (let count = 2; taken.includes(last); count++) last = `${name}${BACKUP}${time}-${count}`;
  return file.slice(0, file.length - name.length) + last;
}

/** The backups of a file, the newest first. */
async function backupsOf(
  file: string,
  files: ConfigFiles,
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const { folder, name } = split(file);
  const names = (await files.names(folder)).filter((one) => one.startsWith(`${name}${BACKUP}`));
  const collator = new Intl.Collator("en", { numeric: true });
  const newest = names.toSorted((one, two) => collator.compare(two, one)).slice(0, MAX_BACKUPS);
  const found = await Promise.all(
    newest.map((one) =>
      files.read(file.slice(0, file.length - name.length) + one, { maxBytes: MAX_FILE_BYTES })
    ),
  );
  return found.filter((bytes) => bytes !== undefined);
}

function split(file: string): { readonly folder: string; readonly name: string } {
  const at = Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\"));
  return { folder: file.slice(0, at) || "/", name: file.slice(at + 1) };
}

function noHttp({ title }: Client, connection: Connection): AppError {
  const url = connection.kind === "http" ? connection.url : "";
  return new AppError(
    "UNSUPPORTED",
    `Cannot connect ${title} to "${url}": its config file starts programs only`,
    {
      hint:
        "Leave --http out, so that it starts Wharf itself; or add the address in its settings " +
        `under Connectors, if the internet reaches it by https; or have it start: npx -y mcp-remote ${url}`,
    },
  );
}

/** Runs a change; its errors carry the file and the text to put in by hand. */
async function withDetails(
  action: (file: string) => Promise<ConnectResult>,
  { request, deps, paste }: {
    readonly request: EntryRequest;
    readonly deps: ConnectDeps;
    readonly paste: string | undefined;
  },
): Promise<ConnectResult> {
  let file: string | undefined;
  try {
    file = await fileOf(request, deps);
    return await action(file);
  } catch (thrown) {
    const { code, message, hint, retryable, cause } = toAppError(thrown);
    throw new AppError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      retryable,
      cause,
      details: {
        client: request.client.id,
        ...(file === undefined ? {} : { file }),
        ...(paste === undefined ? {} : { paste }),
      },
    });
  }
}
