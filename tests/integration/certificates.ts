/**
 * A certificate authority of a test's own. Needs run permission for openssl, and write permission
 * for a temporary directory.
 *
 * @module
 */

import assert from "node:assert/strict";

/** What a test needs that makes certificates. */
export const OPENSSL = { needs: ["openssl"] } as const;

/** A certificate and its key, as PEM. */
export interface Pair {
  /** The certificate. */
  readonly cert: string;
  /** Its private key. */
  readonly key: string;
}

/** A certificate authority in a directory that goes with the test. */
export class Authority implements AsyncDisposable {
  /** Where its files are. */
  readonly folder: string;
  /** Its own certificate, as PEM. */
  readonly cert: string;

  private constructor(folder: string, cert: string) {
    this.folder = folder;
    this.cert = cert;
  }

  /** Makes one. */
  static async create(): Promise<Authority> {
    const folder = await Deno.makeTempDir({ prefix: "wharf-tls-" });
    await openssl(folder, [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=Wharf test CA"],
      ...["-addext", "keyUsage=critical,keyCertSign"],
    ]);
    return new Authority(folder, await Deno.readTextFile(`${folder}/ca.crt`));
  }

  /** Signs a certificate for one name, such as `IP:127.0.0.1`, for some days from now on. */
  async issue(subjectAltName: string, days = 2): Promise<Pair> {
    const { folder } = this;
    await openssl(folder, [
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf"],
    ]);
    await Deno.writeTextFile(
      `${folder}/leaf.ext`,
      `subjectAltName=${subjectAltName}\nbasicConstraints=critical,CA:false\n`,
    );
    await openssl(folder, [
      ...["x509", "-req", "-in", "leaf.csr", "-CA", "ca.crt", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-days", String(days), "-out", "leaf.crt", "-extfile", "leaf.ext"],
    ]);
    return {
      cert: await Deno.readTextFile(`${folder}/leaf.crt`),
      key: await Deno.readTextFile(`${folder}/leaf.key`),
    };
  }

  /** Removes its files. */
  [Symbol.asyncDispose](): Promise<void> {
    return Deno.remove(this.folder, { recursive: true });
  }
}

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args], cwd }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
