/**
 * A part of the internet on loopback: names such as `docker.io` answer from this process, over
 * https with a certificate of its own authority, for programs that go through its proxy. So
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

import { Authority } from "./certificates.ts";

/** Answers the requests to one name. */
export type Site = (request: Request, url: URL) => Response | Promise<Response>;

/** Names with what answers for them. */
export class Internet implements AsyncDisposable {
  /** Variables for programs that shall use it. */
  readonly env: Readonly<Record<string, string>>;
  /** Names that were asked for and are not there. */
  readonly missed: string[] = [];
  readonly #authority: Authority;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #proxy: Deno.Listener<Deno.NetAddr>;
  readonly #connections = new Set<Deno.Conn>();
  readonly #tasks = new Set<Promise<unknown>>();
  readonly #names: ReadonlySet<string>;

  private constructor(
    authority: Authority,
    server: Deno.HttpServer<Deno.NetAddr>,
    names: ReadonlySet<string>,
  ) {
    this.#authority = authority;
    this.#server = server;
    this.#names = names;
    this.#proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const proxy = `http://127.0.0.1:${this.#proxy.addr.port}`;
    const ca = `${authority.folder}/ca.crt`;
    this.env = {
      HTTPS_PROXY: proxy,
      // What is asked for in plain http is on this machine.
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
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, ...pair, onListen() {} },
      async (request) => {
        const url = new URL(request.url);
        return await sites[url.hostname]?.(request, url) ?? new Response(null, { status: 421 });
      },
    );
    return new Internet(authority, server, new Set(names));
  }

  /** Closes everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#proxy.close();
    for (const connection of this.#connections) close(connection);
    await Promise.all(this.#tasks);
    await this.#server.shutdown();
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

  /** Answers `CONNECT host:port` (RFC 9110, 9.3.6), and passes on what follows. */
  async #tunnel(client: Deno.TcpConn): Promise<void> {
    const head = await readHead(client);
    const name = /^CONNECT ([^:\s]+):443 /.exec(head)?.[1] ?? head.split("\r\n")[0] ?? "";
    const answer = (text: string) => client.write(new TextEncoder().encode(text));
    if (!this.#names.has(name)) {
      this.missed.push(name);
      await answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      close(client);
      return;
    }
    const { hostname, port } = this.#server.addr;
    const server = await Deno.connect({ hostname, port });
    this.#connections.add(server);
    await answer("HTTP/1.1 200 OK\r\n\r\n");
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
