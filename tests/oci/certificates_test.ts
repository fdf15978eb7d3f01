/**
 * Tests of lib/oci/certificates.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import type { Files, Log } from "../../lib/core/host.ts";
import { openCertificates } from "../../lib/oci/certificates.ts";

function filesOf(contents: Readonly<Record<string, string | AppError>>): Files {
  return {
    read(path) {
      const content = contents[path];
      if (content instanceof AppError) return Promise.reject(content);
      return Promise.resolve(content === undefined ? undefined : new TextEncoder().encode(content));
    },
  };
}

function recordingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const add = (message: string) => void lines.push(message);
  return { lines, debug: add, info: add, warn: add, error: add };
}

Deno.test("openCertificates() prefers the user's folder, then podman's, then Docker's", async () => {
  const log = recordingLog();
  const all = {
    "/home/u/.config/containers/certs.d/r.example:5000/ca.crt": "user",
    "/etc/containers/certs.d/r.example:5000/ca.crt": "podman",
    "/etc/docker/certs.d/r.example:5000/ca.crt": "docker",
    "/etc/docker/certs.d/other.example/ca.crt": "other",
  };
  const lookup = openCertificates({ files: filesOf(all), env: { HOME: "/home/u" }, log });
  assert.deepEqual(await lookup("r.example:5000"), { caCerts: ["user"] });
  assert.deepEqual(await lookup("other.example"), { caCerts: ["other"] });
  assert.equal(await lookup("r.example"), undefined);
  const homeless = openCertificates({ files: filesOf(all), env: {}, log });
  assert.deepEqual(await homeless("r.example:5000"), { caCerts: ["podman"] });
});

Deno.test("openCertificates() gives a client certificate only with its key", async () => {
  const folder = "/etc/docker/certs.d/r.example";
  const lookup = (contents: Record<string, string>) =>
    openCertificates({ files: filesOf(contents), env: {}, log: recordingLog() })("r.example");
  assert.equal(await lookup({ [`${folder}/client.cert`]: "c" }), undefined);
  assert.deepEqual(
    await lookup({ [`${folder}/client.cert`]: "c", [`${folder}/client.key`]: "k" }),
    { caCerts: [], cert: "c", key: "k" },
  );
});

Deno.test("openCertificates() warns once of an unreadable file and never of a missing permission", async () => {
  const log = recordingLog();
  const files = filesOf({
    "/etc/containers/certs.d/big.example/ca.crt": new AppError(
      "TOO_LARGE",
      "Cannot read it: too large",
    ),
    "/etc/containers/certs.d/denied.example/ca.crt": new AppError(
      "PERMISSION_MISSING",
      "Cannot read it",
    ),
  });
  const lookup = openCertificates({ files, env: {}, log });
  assert.equal(await lookup("big.example"), undefined);
  assert.equal(await lookup("big.example"), undefined);
  assert.equal(await lookup("denied.example"), undefined);
  assert.equal(log.lines.length, 1);
});

Deno.test("openCertificates() never leaves its folders", async () => {
  const files: Files = { read: (path) => Promise.reject(new Error(`read ${path}`)) };
  const lookup = openCertificates({ files, env: {}, log: recordingLog() });
  for (const host of ["../../etc", "a/../b", "..", "a b", "a\0"]) {
    assert.equal(await lookup(host), undefined, host);
  }
});
