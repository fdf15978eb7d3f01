/**
 * A part of the internet on loopback: names such as `docker.io` answer from this process, over
 * http, and over https with a certificate of its own authority, for programs that go through its proxy. So
 * commands can be run as they are written in documents. Needs run permission for openssl, and net
 * permission for 127.0.0.1.
 *
 * @example
 * ```ts ignore
 * await using internet = await Internet.open({ "example.com": () => new Response("hello") });
 * new Deno.Command("curl", { args: ["https://example.com/"], env: internet.env });
 * ```
 *
 * @module
 */

import { Authority, type Pair } from "./certificates.ts";

/** Answers the requests to one name. */
export type Site = (request: Request, url: URL) => Response | Promise<Response>;

/** Names with what answers for them. */
export class Internet implements AsyncDisposable {
  /** Variables for programs that shall use it. */
  readonly env: Readonly<Record<string, string>>;
  /** Names that were asked for and are not there. */
  readonly missed: string[] = [];
  readonly #authority: Authority;
  readonly #secure: Deno.HttpServer<Deno.NetAddr>;
  readonly #plain: Deno.HttpServer<Deno.NetAddr>;
  readonly #proxy: Deno.TcpListener;
  readonly #connections = new Set<Deno.Conn>();
  readonly #tasks = new Set<Promise<unknown>>();
  readonly #names: ReadonlySet<string>;

  private constructor(
    authority: Authority,
    pair: Pair,
    sites: Readonly<Record<string, Site>>,
  ) {
    this.#authority = authority;
    const local = { hostname: "127.0.0.1", port: 0, onListen() {} };
    const answer: Deno.ServeHandler = async (request) => {
      const url = new URL(request.url);
      return await sites[url.hostname]?.(request, url) ?? new Response(null, { status: 421 });
    };
    this.#secure = Deno.serve({ ...local, ...pair }, answer);
    this.#plain = Deno.serve(local, answer);
    this.#names = new Set(Object.keys(sites));
    this.#proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const proxy = `http://127.0.0.1:${this.#proxy.addr.port}`;
    const ca = `${authority.folder}/ca.crt`;
    this.env = {
      HTTPS_PROXY: proxy,
      HTTP_PROXY: proxy,
      NO_PROXY: "127.0.0.1,localhost",
      DENO_CERT: ca,
      NODE_EXTRA_CA_CERTS: ca,
      SSL_CERT_FILE: ca,
    };
    this.#track(this.#accept());
  }

  /**
   * Opens it.
   *
   * @param sites What answers, by name.
   */
  static async open(sites: Readonly<Record<string, Site>>): Promise<Internet> {
    const authority = await Authority.create();
    const names = Object.keys(sites);
    const pair = await authority.issue(names.map((name) => `DNS:${name}`).join(","));
    return new Internet(authority, pair, sites);
  }

  /** Closes everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#proxy.close();
    for (const connection of this.#connections) close(connection);
    await Promise.all(this.#tasks);
    await Promise.all([this.#secure.shutdown(), this.#plain.shutdown()]);
    await this.#authority[Symbol.asyncDispose]();
  }

  #track(task: Promise<unknown>): void {
    this.#tasks.add(task);
    task.finally(() => this.#tasks.delete(task));
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#proxy) {
        this.#connections.add(connection);
        this.#track(this.#tunnel(connection).catch(() => close(connection)));
      }
    } catch (thrown) {
      // Closed while it waited.
      if (!(thrown instanceof Deno.errors.BadResource)) throw thrown;
    }
  }

  /** Answers `CONNECT host:443` (RFC 9110, 9.3.6) or an address in full, and passes on the rest. */
  async #tunnel(client: Deno.TcpConn): Promise<void> {
    const head = await readHead(client);
    const line = head.split("\r\n")[0] ?? "";
    const tunnelled = /^CONNECT ([^:\s]+):443 /.exec(line)?.[1];
    const name = tunnelled ?? /^[A-Z]+ http:\/\/([^/:\s]+)\//.exec(line)?.[1] ?? line;
    if (!this.#names.has(name)) {
      this.missed.push(name);
      await say(
        client,
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
      );
      close(client);
      return;
    }
    const { hostname, port } = (tunnelled === undefined ? this.#plain : this.#secure).addr;
    const server = await Deno.connect({ hostname, port });
    this.#connections.add(server);
    if (tunnelled === undefined) await say(server, head);
    else await say(client, "HTTP/1.1 200 OK\r\n\r\n");
    // Each pipe closes what it writes to; a side that is gone ends the other.
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
    for (const connection of [client, server]) {
      close(connection);
      this.#connections.delete(connection);
    }
  }
}

async function say(connection: Deno.Conn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

/** Reads to the empty line; a client says nothing further before it has an answer. */
async function readHead(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) break;
    head += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return head;
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (thrown) {
    // A pipe has closed it already.
    if (!(thrown instanceof Deno.errors.BadResource)) throw thrown;
  }
}
