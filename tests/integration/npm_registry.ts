/**
 * An npm registry on loopback for tests that start packages: metadata and archives of packages
 * that are given as texts. Needs net permission for loopback.
 *
 * @module
 */

/** A package to serve. */
export interface ServedPackage {
  /** Its name, without a scope. */
  readonly name: string;
  /** Its one version. */
  readonly version: string;
  /** The ES module that its program, of the package's name, is. */
  readonly program: string;
}

/** A registry that runs. */
export interface NpmRegistry extends AsyncDisposable {
  /** Its base URL, with the final slash. */
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Adds a package, or puts another in its place. */
  serve(served: ServedPackage): Promise<void>;
}

/**
 * Starts a registry on a free port.
 *
 * @param packages What it has; anything else is 404.
 */
export async function startNpmRegistry(packages: readonly ServedPackage[]): Promise<NpmRegistry> {
  interface Offer {
    readonly served: ServedPackage;
    readonly archive: Uint8Array<ArrayBuffer>;
  }
  const offers = new Map<string, Offer>();
  const serve = async (served: ServedPackage) => {
    offers.set(served.name, { served, archive: await archiveOf(served) });
  };
  for (const served of packages) await serve(served);
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    asked.push(url.pathname);
    const [, name = "", rest = ""] = url.pathname.split("/");
    const offer = offers.get(name);
    if (offer === undefined) return new Response("{}", { status: 404 });
    const { served, archive } = offer;
    if (rest !== "") return new Response(archive);
    return Response.json({
      name,
      "dist-tags": { latest: served.version },
      versions: {
        [served.version]: {
          ...manifestOf(served),
          dist: {
            tarball: `${url.origin}/${name}/${name}-${served.version}.tgz`,
            integrity: `sha512-${await hashOf(archive)}`,
          },
        },
      },
    });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    asked,
    serve,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function manifestOf({ name, version }: ServedPackage): Record<string, unknown> {
  return { name, version, type: "module", bin: { [name]: "index.js" } };
}

async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
  return btoa(String.fromCharCode(...digest));
}

/** A gzipped tar archive (POSIX ustar) with `package/package.json` and `package/index.js`. */
async function archiveOf(served: ServedPackage): Promise<Uint8Array<ArrayBuffer>> {
  const files = {
    "package/package.json": JSON.stringify(manifestOf(served)),
    "package/index.js": `#!/usr/bin/env node\n${served.program}`,
  };
  const blocks = Object.entries(files).flatMap(([path, text]) => {
    const content = new TextEncoder().encode(text);
    const padding = new Uint8Array((512 - content.length % 512) % 512);
    return [headerOf(path, content.length), content, padding];
  });
  const tar = new Blob([...blocks, new Uint8Array(1024)]).stream();
  const zipped = tar.pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}

function headerOf(path: string, size: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(512);
  const put = (text: string, at: number) => header.set(new TextEncoder().encode(text), at);
  put(path, 0);
  put("0000755\0", 100);
  put("0000000\0", 108);
  put("0000000\0", 116);
  put(`${size.toString(8).padStart(11, "0")}\0`, 124);
  put("00000000000\0", 136);
  put("        ", 148);
  put("0", 156);
  put("ustar\0" + "00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
