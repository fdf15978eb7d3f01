/**
 * A real git server on a free loopback port: git's own `http-backend` behind Deno.serve, with
 * switches for what goes wrong in a network. Needs run permission for git, net, read and write.
 *
 * @example
 * ```ts ignore
 * await using server = await startGitServer();
 * const repository = await server.create("catalogue");
 * server.fault = { on: "pack", kind: "cut", afterBytes: 1000 };
 * ```
 *
 * @module
 */

import { TestRepository } from "./git_repository.ts";

/** What goes wrong. */
export type Fault =
  & {
    /** The list of references, the pack, or each request. */
    readonly on: "refs" | "pack" | "all";
  }
  & (
    /** The connection ends in the middle of the answer. */
    | { readonly kind: "cut"; readonly afterBytes: number }
    /** The answer ends early, but as if it were whole. */
    | { readonly kind: "short"; readonly afterBytes: number }
    /** Some bytes of the answer are others. */
    | { readonly kind: "garble"; readonly afterBytes: number }
    /** An answer without git. */
    | { readonly kind: "answer"; readonly make: (request: Request) => Response }
    /** No answer at all. */
    | { readonly kind: "hang" }
    /** The answer stops after some bytes, and the connection stays open. */
    | { readonly kind: "stall"; readonly afterBytes: number }
  );

/** One request that came. */
export interface GitAccess {
  /** Method, path and query. */
  readonly line: string;
  /** The program's name. */
  readonly agent: string;
  /** Bytes of the answer's body that were sent. */
  sentBytes: number;
}

/** Starts a server without a repository. */
export async function startGitServer(): Promise<GitServer> {
  const root = await Deno.makeTempDir({ prefix: "wharf-git-server-" });
  return new GitServer(root);
}

/** A server that runs until it is disposed. */
export class GitServer implements AsyncDisposable {
  /** What goes wrong from now on. */
  fault: Fault | undefined;
  /** All requests, in order. */
  readonly requests: GitAccess[] = [];
  #hangs = false;
  readonly #root: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #released = Promise.withResolvers<void>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #children = new Set<Deno.ChildProcess>();

  /** @param root Temporary folder of the repositories, removed with the server. */
  constructor(root: string) {
    this.#root = root;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => failed() },
      (request) => this.#handle(request),
    );
  }

  /** For example `http://127.0.0.1:41234/`. */
  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#server.addr.port}/`);
  }

  /** The address of a repository. */
  repositoryUrl(name: string): URL {
    return new URL(`${name}.git`, this.url);
  }

  /** Makes an empty repository that anybody may fetch, with filters where `filter` is not false. */
  async create(name: string, options: { readonly filter?: boolean } = {}): Promise<TestRepository> {
    const repository = await TestRepository.create(`${this.#root}/${name}.git`);
    if (options.filter !== false) {
      await repository.git(["config", "uploadpack.allowFilter", "true"]);
    }
    return repository;
  }

  /** A repository that was made. */
  repository(name: string): TestRepository {
    return new TestRepository(`${this.#root}/${name}.git`);
  }

  /** Whether a request waits for an answer that does not come. */
  get hangs(): boolean {
    return this.#hangs;
  }

  /** Forgets the requests so far. */
  forget(): void {
    this.requests.length = 0;
  }

  /** Bytes of all answers since the last {@linkcode GitServer.forget}. */
  get sentBytes(): number {
    return this.requests.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  }

  /** Ends the server and removes its repositories. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#released.resolve();
    for (const child of this.#children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
    }
    await this.#server.shutdown();
    await Promise.allSettled([...this.#running]);
    await Deno.remove(this.#root, { recursive: true });
  }

  async #handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const access: GitAccess = {
      line: `${request.method} ${url.pathname}${url.search}`,
      agent: request.headers.get("user-agent") ?? "",
      sentBytes: 0,
    };
    this.requests.push(access);
    const body = new Uint8Array(await request.arrayBuffer());
    const part = url.pathname.endsWith("/info/refs") ? "refs" : "pack";
    const fault = this.fault?.on === "all" || this.fault?.on === part ? this.fault : undefined;
    if (fault?.kind === "answer") return fault.make(request);
    if (fault?.kind === "hang") {
      this.#hangs = true;
      await this.#released.promise;
      return failed();
    }
    const { head, output } = await this.#backend(request, body);
    const stream = output.pipeThrough(this.#wire(access, fault));
    return new Response(stream, head);
  }

  /** Counts what is sent, and does the harm that is wanted. */
  #wire(
    access: GitAccess,
    fault: Fault | undefined,
  ): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
    const at = fault !== undefined && "afterBytes" in fault ? fault.afterBytes : Infinity;
    return new TransformStream({
      transform: async (chunk, controller) => {
        const left = at - access.sentBytes;
        if (chunk.byteLength <= left || fault === undefined) {
          access.sentBytes += chunk.byteLength;
          controller.enqueue(chunk);
          return;
        }
        if (fault.kind === "garble") {
          const other = chunk.slice();
          other[Math.max(0, left)] = (other[Math.max(0, left)] ?? 0) ^ 0xff;
          access.sentBytes += chunk.byteLength;
          controller.enqueue(other);
          return;
        }
        if (left > 0) controller.enqueue(chunk.slice(0, left));
        access.sentBytes = at;
        if (fault.kind === "cut") controller.error(new Error("cut"));
        else if (fault.kind === "short") controller.terminate();
        else await this.#released.promise;
      },
    });
  }

  /** The common gateway interface (RFC 3875) of git-http-backend. */
  async #backend(
    request: Request,
    body: Uint8Array<ArrayBuffer>,
  ): Promise<{ head: ResponseInit; output: ReadableStream<Uint8Array<ArrayBuffer>> }> {
    const url = new URL(request.url);
    const header = (name: string) => request.headers.get(name) ?? "";
    const child = new Deno.Command("git", {
      args: ["http-backend"],
      env: {
        GIT_PROJECT_ROOT: this.#root,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_PROTOCOL: header("git-protocol"),
        HTTP_CONTENT_ENCODING: header("content-encoding"),
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: header("content-type"),
        CONTENT_LENGTH: String(body.byteLength),
        REMOTE_ADDR: "127.0.0.1",
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#children.add(child);
    const writer = child.stdin.getWriter();
    const written = writer.write(body).then(() => writer.close()).catch(() => {});
    this.#track(Promise.all([written, child.status]).finally(() => this.#children.delete(child)));
    return await splitHead(child.stdout);
  }

  #track(work: Promise<unknown>): void {
    this.#running.add(work);
    work.finally(() => this.#running.delete(work)).catch(() => {});
  }
}

/** Takes the header lines off a program's output. */
async function splitHead(
  output: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<{ head: ResponseInit; output: ReadableStream<Uint8Array<ArrayBuffer>> }> {
  const reader = output.getReader();
  let bytes = new Uint8Array(0);
  while (true) {
    const text = new TextDecoder("latin1").decode(bytes);
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) {
      const headers = new Headers();
      let status = 200;
      for (const line of text.slice(0, end).split("\r\n")) {
        const colon = line.indexOf(":");
        const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
        if (name.toLowerCase() === "status") status = parseInt(value);
        else headers.append(name, value);
      }
      return { head: { status, headers }, output: rest(reader, bytes.slice(end + 4)) };
    }
    const { done, value } = await reader.read();
    if (done) throw new Error("git http-backend gave no header");
    const joined = new Uint8Array(bytes.byteLength + value.byteLength);
    joined.set(bytes);
    joined.set(value, bytes.byteLength);
    bytes = joined;
  }
}

function rest(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  first: Uint8Array<ArrayBuffer>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      if (first.byteLength > 0) controller.enqueue(first);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await reader.cancel().catch(() => {});
    },
  });
}

function failed(): Response {
  return new Response("Internal error\n", { status: 500 });
}
