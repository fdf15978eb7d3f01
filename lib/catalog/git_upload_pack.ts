/**
 * Asks a git server for one commit with all that it needs, or only with what is new since an
 * earlier one, as a pack (gitprotocol-pack, "Packfile Negotiation", over gitprotocol-http, "Smart
 * Service git-upload-pack"). History is cut off after the commit, and where the server can, it
 * keeps back files that are too large. Needs `--allow-net` for the host.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { Net } from "../core/http.ts";
import { cleanText } from "../core/text.ts";
import { encodePkt, FLUSH, joinBytes, PktReader, pktText } from "./git_pkt.ts";
import { addressOf, GIT_AGENT, type GitRemote, statusError } from "./git_remote.ts";

/** What is asked for. */
export interface PackRequest {
  /** The server's offer; its commit is what is wanted. */
  readonly remote: GitRemote;
  /** A commit that is here already, without its history. */
  readonly have?: string;
  /** Files larger than this are not wanted. */
  readonly maxFileBytes: number;
  /** Most bytes of the answer. */
  readonly maxBytes: number;
  /** Ends the exchange early. */
  readonly signal?: AbortSignal;
  /** Told how many bytes have come, about once for each megabyte. */
  readonly received?: (bytes: number) => void;
}

/** What it is asked with. */
export interface PackDeps {
  /** The network. */
  readonly net: Net;
  /** Measures silence. */
  readonly clock: Clock;
}

/** A slow server is waited for, a silent one is not. */
const SILENCE_MS = 60_000;

/** Time for the whole exchange. */
const TIMEOUT_MS = 10 * 60_000;

/** How often `received` is called. */
const STEP_BYTES = 1024 * 1024;

/** The parts of an answer, by the first byte of a packet (gitprotocol-pack, "side-band-64k"). */
const BAND = { data: 1, progress: 2, error: 3 } as const;

/**
 * Fetches the pack.
 *
 * @param deps Network and clock.
 * @param request What is wanted.
 * @returns The pack as it came; nothing of it has been checked.
 * @throws {AppError} `UNSUPPORTED` for a server that cannot cut off history, `TOO_LARGE`,
 * `TIMEOUT` after a minute of silence, `BAD_RESPONSE` for a broken answer, `UNAVAILABLE` for the
 * server's own error, and what the network says.
 */
export async function fetchPack(deps: PackDeps, request: PackRequest): Promise<Uint8Array> {
  const { remote } = request;
  for (const needed of ["shallow", "side-band-64k", "ofs-delta"]) {
    if (!remote.capabilities.has(needed)) {
      throw new AppError(
        "UNSUPPORTED",
        `Cannot fetch "${remote.url.href}": the server lacks git's "${needed}"`,
        { hint: "Use a copy of the repository on another server" },
      );
    }
  }
  const silence = new AbortController();
  const signals = [silence.signal, ...(request.signal === undefined ? [] : [request.signal])];
  const timer = silenceTimer(deps.clock, silence);
  const response = await deps.net.fetch({
    url: new URL(`${addressOf(remote.url)}/git-upload-pack`),
    method: "POST",
    origin: remote.origin,
    headers: {
      accept: "application/x-git-upload-pack-result",
      "content-type": "application/x-git-upload-pack-request",
      "user-agent": GIT_AGENT,
    },
    body: requestBody(request),
    timeoutMs: TIMEOUT_MS,
    signal: AbortSignal.any(signals),
  }).finally(() => timer.abort());
  if (response.status !== 200) {
    await response.cancel();
    throw statusError(remote.url, response.status);
  }
  const chunks = response.stream({ maxBytes: request.maxBytes });
  return await packOf(new PktReader(watched(chunks, { ...deps, request, silence })), remote);
}

/** All of it is text, in the order that gitprotocol-pack, "upload-request", gives. */
function requestBody({ remote, have, maxFileBytes }: PackRequest): string {
  const filter = remote.capabilities.has("filter");
  // Without thin-pack, a server sends all files of a commit whose history is cut off.
  const words = ["ofs-delta", "side-band-64k", "thin-pack", "no-progress", "filter"]
    .filter((word) => remote.capabilities.has(word));
  return [
    encodePkt(`want ${remote.commit} ${words.join(" ")}\n`),
    ...(have === undefined ? [] : [encodePkt(`shallow ${have}\n`)]),
    encodePkt("deepen 1\n"),
    ...(filter ? [encodePkt(`filter blob:limit=${maxFileBytes + 1}\n`)] : []),
    FLUSH,
    ...(have === undefined ? [] : [encodePkt(`have ${have}\n`)]),
    encodePkt("done\n"),
  ].join("");
}

interface Watch {
  readonly clock: Clock;
  readonly request: PackRequest;
  readonly silence: AbortController;
}

/** Passes a stream on, but gives up on one that stays silent. */
async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  { clock, request, silence }: Watch,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  let told = 0;
  let timer = silenceTimer(clock, silence);
  try {
    for await (const chunk of chunks) {
      timer.abort();
      total += chunk.byteLength;
      if (total - told >= STEP_BYTES) {
        told = total;
        request.received?.(total);
      }
      yield chunk;
      timer = silenceTimer(clock, silence);
    }
  } finally {
    timer.abort();
  }
}

function silenceTimer(clock: Clock, silence: AbortController): AbortController {
  const heard = new AbortController();
  clock.sleep(SILENCE_MS, heard.signal).then(
    () => silence.abort(silent()),
    () => {
      // It was not silent for so long.
    },
  );
  return heard;
}

function silent(): AppError {
  return new AppError(
    "TIMEOUT",
    `Cannot fetch from git: the server sent nothing for ${SILENCE_MS / 1000} s`,
    { retryable: true, hint: "Try again later" },
  );
}

async function packOf(reader: PktReader, remote: GitRemote): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  try {
    for (let pkt = await reader.next(); pkt !== undefined; pkt = await reader.next()) {
      // One stands after the lines on shallow commits, one at the end.
      if (pkt === "flush") continue;
      if (pkt[0] === BAND.data) parts.push(pkt.subarray(1));
      else if (pkt[0] === BAND.error) throw serverError(remote, pktText(pkt.subarray(1)));
      else if (pkt[0] !== BAND.progress) checkLine(remote, pktText(pkt));
    }
  } finally {
    await reader.stop();
  }
  return joinBytes(parts);
}

/** Lines before the pack; of all of them only an error is news, since the commit was chosen here. */
function checkLine(remote: GitRemote, line: string): void {
  if (line.startsWith("ERR ")) throw serverError(remote, line.slice("ERR ".length));
  if (!/^(?:NAK$|ACK |shallow |unshallow )/.test(line)) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot fetch "${remote.url.href}": the answer is not what git's protocol allows`,
      { retryable: true, hint: "Try again later" },
    );
  }
}

function serverError(remote: GitRemote, text: string): AppError {
  const words = cleanText(text, { maxChars: 200 });
  return new AppError(
    "UNAVAILABLE",
    `Cannot fetch "${remote.url.href}": the git server says "${words}"`,
    { retryable: true, hint: "Try again later; the branch may have moved meanwhile" },
  );
}
