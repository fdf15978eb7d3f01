/**
 * Changes to a config file as plain functions from bytes to bytes. Every result is read again
 * before it is used: it must mean what the old text meant, with the one entry changed, and nothing
 * else. Needs no permission.
 *
 * @module
 */

import {
  type ConfigFormat,
  type Entry,
  type EntryPath,
  isEntry,
  merged,
  type OpenedText,
} from "./format.ts";
import type { Broken } from "./place.ts";
import { sameValue } from "./same_value.ts";

/** A change of a file. */
export interface Edit {
  /** The new text in bytes, or `undefined` where the file goes. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Whether there was an entry of the name before. */
  readonly hadEntry: boolean;
  /** Whether the new text is the old one. */
  readonly isSame: boolean;
  /** The texts before and after, without what may be secret. */
  shown(): readonly [before: string, after: string];
}

/** What there is to know of a file. */
export interface Look {
  /** What the entry means, or `undefined` where there is none. */
  readonly entry: unknown;
}

/** Which entry, in which form of file. */
export interface Target {
  /** Form of the file. */
  readonly format: ConfigFormat;
  /** Where the entry stands. */
  readonly path: EntryPath;
}

/** Bytes of a file, or `undefined` where there is none. */
export type FileBytes = Uint8Array<ArrayBuffer> | undefined;

/** Longest entry whose trace is followed; a large file is not read for nothing. */
const MAX_ENTRY_BYTES = 64 * 1024;

const BOM = "\uFEFF";

/** Whether something is a reason to leave a file as it is. */
export function isBroken<T extends object>(value: T | Broken): value is Broken {
  return "problem" in value;
}

/**
 * Looks for the entry.
 *
 * @param bytes The file.
 * @param target The entry.
 */
export function look(bytes: FileBytes, target: Target): Look | Broken {
  const opened = openBytes(bytes, target);
  return isBroken(opened) ? opened : { entry: opened.text.entry };
}

/**
 * Puts an entry in; one of the same name says afterwards what is new and keeps the rest.
 *
 * @param bytes The file.
 * @param target Where the entry goes.
 * @param entry The entry.
 * @returns The change, or why the file has to stay as it is.
 */
export function connectEdit(bytes: FileBytes, target: Target, entry: Entry): Edit | Broken {
  const opened = openBytes(bytes, target);
  if (isBroken(opened)) return opened;
  const old = opened.text.entry;
  const hadEntry = old !== undefined;
  const meant = merged(old, entry);
  if (sameValue(old, meant)) return unchanged(opened, hadEntry);
  return checked(opened, target, { written: opened.text.set(entry), entry: meant, hadEntry });
}

/**
 * Takes an entry out.
 *
 * @param bytes The file.
 * @param target The entry.
 * @param options `backups`: earlier states of the file, the newest first. One from which putting
 *   the entry in makes the file as it is now is what the file was before, to the byte.
 * @returns The change, or why the file has to stay as it is.
 */
export function removeEdit(
  bytes: FileBytes,
  target: Target,
  options: { readonly backups?: readonly Uint8Array<ArrayBuffer>[] } = {},
): Edit | Broken {
  const opened = openBytes(bytes, target);
  if (isBroken(opened)) return opened;
  const { entry } = opened.text;
  if (entry === undefined || bytes === undefined) return unchanged(opened, false);
  // Last of all no file: without a backup Wharf may have made it.
  for (const origin of [...(options.backups ?? []), undefined]) {
    if (!leadsTo(origin, bytes, target, entry)) continue;
    return {
      bytes: origin,
      hadEntry: true,
      isSame: false,
      shown: () => [opened.text.conceal(), origin === undefined ? "" : concealed(origin, target)],
    };
  }
  return checked(opened, target, {
    written: opened.text.remove(),
    entry: undefined,
    hadEntry: true,
  });
}

/** Whether putting the entry into an earlier state makes the file as it is now. */
function leadsTo(
  origin: FileBytes,
  now: Uint8Array<ArrayBuffer>,
  target: Target,
  entry: unknown,
): boolean {
  const added = now.length - (origin?.length ?? 0);
  if (!isEntry(entry) || added < 0 || added > MAX_ENTRY_BYTES) return false;
  const edit = connectEdit(origin, target, entry);
  return !isBroken(edit) && !edit.hadEntry && edit.bytes !== undefined &&
    sameBytes(edit.bytes, now);
}

/** Whether two files hold the same. */
export function sameBytes(one: FileBytes, other: FileBytes): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

interface OpenedBytes {
  readonly bytes: FileBytes;
  /** What goes before the text. */
  readonly mark: string;
  readonly text: OpenedText;
}

function openBytes(bytes: FileBytes, target: Target): OpenedBytes | Broken {
  const whole = decode(bytes);
  if (typeof whole !== "string") return whole;
  const mark = whole.startsWith(BOM) ? BOM : "";
  const text = target.format.open(whole.slice(mark.length), target.path);
  return isBroken(text) ? text : { bytes, mark, text };
}

/** The text of a file. Windows' own editors write UTF-16 and other forms, which no client reads. */
function decode(bytes: FileBytes): string | Broken {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { problem: "is not text in UTF-8", place: undefined };
  }
}

function concealed(bytes: Uint8Array<ArrayBuffer>, target: Target): string {
  const opened = openBytes(bytes, target);
  return isBroken(opened) ? "" : opened.text.conceal();
}

function unchanged({ bytes, text }: OpenedBytes, hadEntry: boolean): Edit {
  return { bytes, hadEntry, isSame: true, shown: () => [text.conceal(), text.conceal()] };
}

/** A change, once its result was read and found to be what was meant. */
function checked(
  { mark, text }: OpenedBytes,
  target: Target,
  { written, entry, hadEntry }: {
    readonly written: string;
    readonly entry: unknown;
    readonly hadEntry: boolean;
  },
): Edit | Broken {
  const after = target.format.open(written, target.path);
  if (
    isBroken(after) || !sameValue(after.entry, entry) ||
    !sameValue(others(after.value, target.path), others(text.value, target.path))
  ) {
    return { problem: "has a form in which only a person can change it safely", place: undefined };
  }
  return {
    bytes: new TextEncoder().encode(mark + written),
    hadEntry,
    isSame: false,
    shown: () => [text.conceal(), after.conceal()],
  };
}

/** All but the entry; servers that are none and no servers are the same. */
function others(
  value: Readonly<Record<string, unknown>>,
  { map, name }: EntryPath,
): Readonly<Record<string, unknown>> {
  const servers = Object.hasOwn(value, map) ? value[map] : undefined;
  const left = Object.entries(servers ?? {}).filter(([key]) => key !== name);
  const rest = Object.entries(value).filter(([key]) => key !== map);
  return Object.fromEntries(left.length === 0 ? rest : [...rest, [map, Object.fromEntries(left)]]);
}
