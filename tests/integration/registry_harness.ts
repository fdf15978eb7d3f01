/**
 * A real registry (distribution's `docker-registry`) on a free loopback port, plain or with TLS
 * from its own CA, open or with passwords, in a temporary directory; and what pushes to it without
 * Docker. Needs run, net, read, write and env permission.
 *
 * @example
 * ```ts ignore
 * await using registry = await startRegistry({ tls: true });
 * await registry.push("team/app", await buildEightPlatforms(), ["1.0"]);
 * ```
 *
 * @module
 */

import type { Built, Content } from "./images.ts";

/** How the registry is set up. */
export interface RegistryOptions {
  /** The one user; anybody may read and write where none is given. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Whether it speaks https, with a certificate of its own CA. @default {false} */
  readonly tls?: boolean;
}

/** One request, as the registry's access log has it. */
export interface AccessEntry {
  /** The method. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Status of the answer. */
  readonly status: number;
}

const START_TIMEOUT_MS = 20_000;

/**
 * Starts a registry and waits until it answers.
 *
 * @param options How it is set up.
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<LocalRegistry> {
  const directory = await makeDirectory();
  try {
    const tls = options.tls === true ? await makeCertificates(directory) : undefined;
    if (options.user !== undefined) await writeHtpasswd(`${directory}/htpasswd`, options.user);
    await Deno.writeTextFile(`${directory}/config.yml`, configOf(directory, options));
    const child = new Deno.Command("docker-registry", {
      args: ["serve", `${directory}/config.yml`],
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const registry = new LocalRegistry(directory, child, { ...options, ca: tls?.ca });
    try {
      await registry.listening();
      return registry;
    } catch (thrown) {
      await registry[Symbol.asyncDispose]();
      throw thrown;
    }
  } catch (thrown) {
    await Deno.remove(directory, { recursive: true }).catch(() => {});
    throw thrown;
  }
}

/** A registry that runs until it is disposed. */
export class LocalRegistry implements AsyncDisposable {
  /** Temporary directory, removed with the registry; tests may keep files in it. */
  readonly directory: string;
  /** The CA's certificate in PEM form, where the registry speaks https. */
  readonly ca: string | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #client: Deno.HttpClient | undefined;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tls: boolean;
  readonly #entries: AccessEntry[] = [];
  readonly #address = Promise.withResolvers<string>();
  readonly #readers: Promise<unknown>;
  #host = "";
  #marks = 0;

  /**
   * @param directory Where everything of it is.
   * @param child The started process.
   * @param options How it is set up, and its CA.
   */
  constructor(
    directory: string,
    child: Deno.ChildProcess,
    options: RegistryOptions & { readonly ca: string | undefined },
  ) {
    const { user, ca } = options;
    this.directory = directory;
    this.ca = ca;
    this.#child = child;
    this.#tls = options.tls === true;
    this.#client = ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [ca] });
    this.#headers = user === undefined ? {} : { authorization: `Basic ${basic(user)}` };
    this.#readers = Promise.all([this.#readAccessLog(), this.#readLog()]);
    // Where nobody waits for the address any more, nobody wants to know that there is none.
    this.#address.promise.catch(() => {});
  }

  /** For example `127.0.0.1:41234`: the registry's name in references. */
  get host(): string {
    return this.#host;
  }

  /** For example `http://127.0.0.1:41234`. */
  get url(): string {
    return `${this.#tls ? "https" : "http"}://${this.#host}`;
  }

  /** Waits until the registry listens. */
  async listening(): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`Cannot start docker-registry: not ready in ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    );
    try {
      this.#host = await Promise.race([this.#address.promise, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Pushes an image, index or artifact with all its parts.
   *
   * @param repository The repository's path.
   * @param built What to push.
   * @param tags Its tags; by digest alone where there are none.
   */
  async push(repository: string, built: Built, tags: readonly string[] = []): Promise<void> {
    const blobs = new Map(built.blobs.map((blob) => [blob.digest, blob]));
    for (const blob of blobs.values()) await this.#pushBlob(repository, blob);
    for (const child of built.children) await this.putManifest(repository, child, child.digest);
    for (const name of tags.length === 0 ? [built.root.digest] : tags) {
      await this.putManifest(repository, built.root, name);
    }
  }

  /**
   * Stores a manifest whose parts are there.
   *
   * @param repository The repository's path.
   * @param manifest The manifest.
   * @param name Tag or digest.
   */
  async putManifest(repository: string, manifest: Content, name: string): Promise<void> {
    await this.#send(`${this.url}/v2/${repository}/manifests/${name}`, {
      method: "PUT",
      headers: { "content-type": manifest.mediaType },
      body: manifest.bytes,
    });
  }

  /**
   * Gives a manifest many tags at once by writing what the registry reads: a directory per tag
   * with a file that names the digest. Ten thousand requests would take minutes on a busy machine.
   *
   * @param repository The repository's path.
   * @param manifest A manifest that the repository has.
   * @param tags The tags.
   */
  tagMany(repository: string, manifest: Content, tags: readonly string[]): void {
    const storage = `${this.directory}/data/docker/registry/v2`;
    for (const tag of tags) {
      const directory = `${storage}/repositories/${repository}/_manifests/tags/${tag}/current`;
      // Not asynchronous: the queue of tens of thousands of small operations would cost more than they do.
      Deno.mkdirSync(directory, { recursive: true });
      Deno.writeTextFileSync(`${directory}/link`, manifest.digest);
    }
  }

  /**
   * Adds empty repositories, as {@linkcode tagMany} adds tags.
   *
   * @param repositories Their paths.
   */
  addRepositories(repositories: readonly string[]): void {
    for (const repository of repositories) {
      Deno.mkdirSync(
        `${this.directory}/data/docker/registry/v2/repositories/${repository}/_layers`,
        { recursive: true },
      );
    }
  }

  /**
   * The requests that `action` causes, in the order of their answers.
   *
   * @param action What to watch.
   * @returns The action's result and the entries of the access log.
   */
  async watch<T>(
    action: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly requests: readonly AccessEntry[] }> {
    const before = await this.#mark();
    const result = await action();
    const after = await this.#mark();
    return { result, requests: this.#entries.slice(before + 1, after) };
  }

  /** Stops the registry and removes what it stored. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#readers;
    this.#client?.close();
    await Deno.remove(this.directory, { recursive: true });
  }

  /** Sends a request of its own and waits for its entry: all earlier ones are there then. */
  async #mark(): Promise<number> {
    const path = `/v2/?mark=${++this.#marks}`;
    await this.#send(`${this.url}${path}`, {});
    for (let tries = 0; tries < 500; tries++) {
      const index = this.#entries.findIndex((entry) => entry.path === path);
      if (index !== -1) return index;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`Cannot find "${path}" in the access log of docker-registry`);
  }

  async #pushBlob(repository: string, blob: Content): Promise<void> {
    const location = await this.#send(`${this.url}/v2/${repository}/blobs/uploads/`, {
      method: "POST",
    });
    const target = new URL(location ?? "", this.url);
    target.searchParams.set("digest", blob.digest);
    await this.#send(target.href, {
      method: "PUT",
      headers: { "content-type": "application/octet-stream" },
      body: blob.bytes,
    });
  }

  /** Sends a request that must succeed. */
  async #send(url: string, init: RequestInit): Promise<string | null> {
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(this.#headers)) headers.set(name, value);
    const response = await fetch(url, {
      ...init,
      headers,
      ...(this.#client === undefined ? {} : { client: this.#client }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`Cannot ${init.method ?? "GET"} "${url}": ${response.status} ${text}`);
    }
    return response.headers.get("location");
  }

  async #readAccessLog(): Promise<void> {
    for await (const line of lines(this.#child.stdout)) {
      const [, method, path, status] = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d+)/.exec(line) ?? [];
      if (method !== undefined && path !== undefined) {
        this.#entries.push({ method, path, status: Number(status) });
      }
    }
  }

  async #readLog(): Promise<void> {
    const last: string[] = [];
    for await (const line of lines(this.#child.stderr)) {
      last.push(line);
      if (last.length > 5) last.shift();
      const [, address] = /listening on ([^\s",]+)/.exec(line) ?? [];
      if (address !== undefined) this.#address.resolve(address);
    }
    this.#address.reject(new Error(`Cannot start docker-registry:\n${last.join("\n")}`));
  }
}

/** A temporary directory, in memory where Linux offers that: ten thousand tags are many files. */
async function makeDirectory(): Promise<string> {
  const prefix = "wharf-registry-";
  try {
    return await Deno.makeTempDir({ prefix, dir: "/dev/shm" });
  } catch {
    return await Deno.makeTempDir({ prefix });
  }
}

/** A year of validity is more than a test needs. */
const CERTIFICATE_DAYS = "365";

/** Makes a CA and a certificate for loopback, signed by it. */
async function makeCertificates(directory: string): Promise<{ readonly ca: string }> {
  const file = (name: string) => `${directory}/${name}`;
  await openssl([
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", CERTIFICATE_DAYS],
    ...["-subj", "/CN=Wharf test CA", "-keyout", file("ca.key"), "-out", file("ca.crt")],
  ]);
  await openssl([
    ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"],
    ...["-keyout", file("server.key"), "-out", file("server.csr")],
  ]);
  await Deno.writeTextFile(file("server.ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  await openssl([
    ...["x509", "-req", "-in", file("server.csr"), "-CA", file("ca.crt"), "-CAkey", file("ca.key")],
    ...["-CAcreateserial", "-days", CERTIFICATE_DAYS, "-extfile", file("server.ext")],
    ...["-out", file("server.crt")],
  ]);
  return { ca: await Deno.readTextFile(file("ca.crt")) };
}

async function openssl(args: readonly string[]): Promise<void> {
  await output("openssl", { args, stdin: undefined });
}

/** Hashes the password with bcrypt, the only form that the registry takes. */
async function writeHtpasswd(
  path: string,
  user: { readonly name: string; readonly password: string },
): Promise<void> {
  const line = await output("htpasswd", { args: ["-niB", user.name], stdin: user.password });
  await Deno.writeTextFile(path, line);
}

async function output(
  command: string,
  options: { readonly args: readonly string[]; readonly stdin: string | undefined },
): Promise<string> {
  await using child = new Deno.Command(command, {
    args: [...options.args],
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin));
    await writer.close();
  }
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run "${command}": ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Credentials in UTF-8 and base64 (RFC 7617). */
function basic(user: { readonly name: string; readonly password: string }): string {
  return new TextEncoder().encode(`${user.name}:${user.password}`).toBase64();
}

function configOf(directory: string, options: RegistryOptions): string {
  const quoted = (name: string) => JSON.stringify(`${directory}/${name}`);
  return [
    "version: 0.1",
    "log: { level: info, formatter: text, accesslog: { disabled: false } }",
    "storage:",
    `  filesystem: { rootdirectory: ${quoted("data")} }`,
    "  delete: { enabled: true }",
    "  maintenance: { uploadpurging: { enabled: false } }",
    "http:",
    // Port 0 takes a free one, which the log names.
    '  addr: "127.0.0.1:0"',
    "  secret: not-shared-with-anybody",
    ...(options.tls === true
      ? [`  tls: { certificate: ${quoted("server.crt")}, key: ${quoted("server.key")} }`]
      : []),
    ...(options.user === undefined
      ? []
      : [`auth: { htpasswd: { realm: wharf-tests, path: ${quoted("htpasswd")} } }`]),
    "",
  ].join("\n");
}

async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}
