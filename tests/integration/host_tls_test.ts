import assert from "node:assert/strict";
import { systemClock } from "../../lib/host/clock.ts";
import { type Certificates, openNet } from "../../lib/host/net.ts";
import { Authority, OPENSSL, type Pair } from "./certificates.ts";
import { integrationTest } from "./needs.ts";

const LIMITS = { maxBytes: 1024 * 1024 };

/** A TLS server that answers 200 to everything. */
function serveTls(pair: Pair): AsyncDisposable & { readonly host: string } {
  const options = { hostname: "127.0.0.1", port: 0, ...pair, onListen() {} };
  const server = Deno.serve(options, () => new Response("secure"));
  return {
    host: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Asks a host once, with certificates for some hosts. */
async function get(
  host: string,
  certs: Readonly<Record<string, Certificates>> = {},
): Promise<string> {
  await using net = openNet({
    userAgent: "wharf-test/1",
    clock: systemClock,
    certs: (name) => Promise.resolve(certs[name]),
  });
  const response = await net.fetch({ url: new URL(`https://${host}/v2/`) });
  return new TextDecoder().decode(await response.bytes(LIMITS));
}

integrationTest("fetch() trusts the CA that was given for the host", OPENSSL, async () => {
  await using authority = await Authority.create();
  await using server = serveTls(await authority.issue("IP:127.0.0.1"));
  assert.equal(await get(server.host, { [server.host]: { caCerts: [authority.cert] } }), "secure");
});

integrationTest("fetch() says where to put the CA that is not trusted", OPENSSL, async () => {
  await using authority = await Authority.create();
  await using server = serveTls(await authority.issue("IP:127.0.0.1"));
  const expected = {
    code: "UNREACHABLE",
    message: `Cannot reach "${server.host}": its certificate is not signed by a trusted authority`,
    hint: `Put its CA into /etc/containers/certs.d/${server.host}/ca.crt, or name it in DENO_CERT`,
    retryable: false,
    details: { speaks_tls: true },
  };
  await assert.rejects(get(server.host), expected);
  // A CA for one host is not trusted for another.
  const elsewhere = { "registry.example": { caCerts: [authority.cert] } };
  await assert.rejects(get(server.host, elsewhere), expected);
  await using other = await Authority.create();
  await assert.rejects(get(server.host, { [server.host]: { caCerts: [other.cert] } }), expected);
});

integrationTest(
  "fetch() says that trusting an authority's own certificate does not help",
  OPENSSL,
  async () => {
    await using authority = await Authority.create();
    const key = await Deno.readTextFile(`${authority.folder}/ca.key`);
    await using server = serveTls({ cert: authority.cert, key });
    const trusted = { [server.host]: { caCerts: [authority.cert] } };
    for (const certs of [{}, trusted]) {
      await assert.rejects(get(server.host, certs), {
        code: "UNREACHABLE",
        message:
          `Cannot reach "${server.host}": its certificate is an authority's own, which proves no server`,
        hint: "Ask its operator for one with basicConstraints CA:FALSE, or signed by a CA",
      });
    }
  },
);

integrationTest("fetch() says that a certificate is for another name", OPENSSL, async () => {
  await using authority = await Authority.create();
  await using server = serveTls(await authority.issue("DNS:registry.example"));
  await assert.rejects(get(server.host, { [server.host]: { caCerts: [authority.cert] } }), {
    code: "UNREACHABLE",
    message: `Cannot reach "${server.host}": its certificate is for another name`,
    retryable: false,
  });
});

integrationTest("fetch() says that a certificate has expired", OPENSSL, async () => {
  await using authority = await Authority.create();
  await using server = serveTls(await authority.issue("IP:127.0.0.1", -1));
  await assert.rejects(get(server.host, { [server.host]: { caCerts: [authority.cert] } }), {
    code: "UNREACHABLE",
    message: `Cannot reach "${server.host}": its certificate has expired`,
    retryable: false,
  });
});

integrationTest("fetch() shows a client certificate to a server that asks", OPENSSL, async () => {
  await using authority = await Authority.create();
  const pair = await authority.issue("IP:127.0.0.1");
  await Deno.writeTextFile(`${authority.folder}/server.crt`, pair.cert);
  await Deno.writeTextFile(`${authority.folder}/server.key`, pair.key);
  const client = await authority.issue("DNS:client");
  await using server = new Deno.Command("openssl", {
    args: [
      ...["s_server", "-accept", "127.0.0.1:0", "-www", "-Verify", "1", "-verify_return_error"],
      ...["-CAfile", "ca.crt", "-cert", "server.crt", "-key", "server.key"],
    ],
    cwd: authority.folder,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let port: string | undefined;
  for (let said = ""; port === undefined;) {
    const { value, done } = await output.read();
    assert.ok(!done, `openssl ended: ${said}`);
    said += value;
    port = /ACCEPT .*:(\d+)/.exec(said)?.[1];
  }
  const host = `127.0.0.1:${port}`;
  const caCerts = [authority.cert];
  assert.match(await get(host, { [host]: { caCerts, ...client } }), /Ciphers supported/);
  await assert.rejects(get(host, { [host]: { caCerts } }), {
    code: "UNREACHABLE",
    message: `Cannot reach "${host}": it refused the TLS handshake`,
    hint: new RegExp(`client.cert and client.key into /etc/containers/certs.d/${host}$`),
  });
  server.kill("SIGKILL");
  await output.cancel();
});

integrationTest(
  "fetch() says that a certificate file is broken, until it is mended",
  OPENSSL,
  async () => {
    await using authority = await Authority.create();
    await using server = serveTls(await authority.issue("IP:127.0.0.1"));
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let caCerts = [broken];
    await using net = openNet({
      userAgent: "wharf-test/1",
      clock: systemClock,
      certs: () => Promise.resolve({ caCerts }),
    });
    const request = { url: new URL(`https://${server.host}/v2/`) };
    await assert.rejects(net.fetch(request), {
      code: "INVALID_ARGUMENT",
      message: `Cannot use the certificates for "${server.host}": a file is not in PEM form`,
    });
    caCerts = [authority.cert];
    const response = await net.fetch(request);
    assert.equal(response.status, 200);
    await response.cancel();
  },
);

integrationTest("fetch() asks for the certificates of a host once", OPENSSL, async () => {
  await using authority = await Authority.create();
  await using server = serveTls(await authority.issue("IP:127.0.0.1"));
  const asked: string[] = [];
  await using net = openNet({
    userAgent: "wharf-test/1",
    clock: systemClock,
    certs: (host) => {
      asked.push(host);
      return Promise.resolve({ caCerts: [authority.cert] });
    },
  });
  const request = { url: new URL(`https://${server.host}/v2/`) };
  const responses = await Promise.all([1, 2, 3].map(() => net.fetch(request)));
  await Promise.all(responses.map((response) => response.cancel()));
  assert.deepEqual(asked, [server.host]);
});
