/**
 * A session with a remote server over the real network. Needs net permission for 127.0.0.1.
 *
 * @module
 */

import type { Clock } from "../../lib/core/host.ts";
import type { Launched } from "../../lib/gateway/launched.ts";
import type { Authorize, OAuth } from "../../lib/gateway/oauth.ts";
import { launchRemote, type RemoteSpec } from "../../lib/gateway/remote.ts";
import { UpstreamSession } from "../../lib/gateway/session.ts";
import type { SessionOptions } from "../../lib/gateway/session_types.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { openNet } from "../../lib/host/net.ts";
import { FakeLog } from "../fake_log.ts";

/** Real time. */
export const CLOCK: Clock = systemClock;

/** A connection and its session. */
export interface Connected extends AsyncDisposable {
  readonly launched: Launched;
  readonly session: UpstreamSession;
  readonly log: FakeLog;
}

/** How to connect. */
export interface ConnectOptions extends Partial<RemoteSpec>, SessionOptions {
  readonly oauth?: OAuth;
  readonly authorize?: Authorize;
}

/** A session with a server, which is not yet connected. */
async function reach(url: URL, options: ConnectOptions = {}): Promise<Connected> {
  const { oauth, authorize, startupTimeoutMs, ...spec } = options;
  const log = new FakeLog();
  const net = openNet({ userAgent: "wharf-test/1", clock: CLOCK });
  try {
    const launched = await launchRemote({ url, ...spec }, {
      net,
      clock: CLOCK,
      log,
      ...(oauth === undefined ? {} : { oauth }),
      ...(authorize === undefined ? {} : { authorize }),
    });
    const session = new UpstreamSession({ launched, clock: CLOCK, log, name: "remote" }, {
      ...(startupTimeoutMs === undefined ? {} : { startupTimeoutMs }),
    });
    return {
      launched,
      session,
      log,
      async [Symbol.asyncDispose]() {
        await session.close();
        await net[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await net[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** A connected session. */
export async function connect(url: URL, options: ConnectOptions = {}): Promise<Connected> {
  const connected = await reach(url, options);
  try {
    await connected.session.connect();
  } catch (thrown) {
    await connected[Symbol.asyncDispose]();
    throw thrown;
  }
  return connected;
}
