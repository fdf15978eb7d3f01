/**
 * What a failed connection means and what to do next. Needs no permission.
 *
 * @module
 */

import { abortError } from "../core/deadline.ts";
import { AppError } from "../core/errors.ts";

/** A kind of failure, known by the words that Deno, hyper and rustls use for it. */
interface Failure {
  readonly words: RegExp;
  /** Ends the sentence `Cannot reach "host": …`. */
  readonly state: string;
  readonly hint: (url: URL) => string;
  /** The same call would meet it again. */
  readonly lasting: boolean;
  /** The other side speaks TLS, only not with us. */
  readonly tls?: true;
}

const checkHost = () => "Check that the host is up and that no firewall or proxy is in the way";

/** The first match decides: the precise ones stand first. */
const FAILURES: readonly Failure[] = [
  {
    // A CA that was made anew under its old name has another key: BadSignature.
    words: /UnknownIssuer|UnknownCA|BadSignature|self.?signed/i,
    state: "its certificate is not signed by a trusted authority",
    hint: ({ host }) =>
      `Put its CA into /etc/containers/certs.d/${host}/ca.crt, or name it in DENO_CERT`,
    lasting: true,
    tls: true,
  },
  {
    // What `openssl req -x509` makes by default; trusting it does not help.
    words: /CaUsedAsEndEntity/i,
    state: "its certificate is an authority's own, which proves no server",
    hint: () => "Ask its operator for one with basicConstraints CA:FALSE, or signed by a CA",
    lasting: true,
    tls: true,
  },
  {
    words: /certificate.*expired/i,
    state: "its certificate has expired",
    hint: () => "Ask its operator to renew the certificate; check this machine's clock too",
    lasting: true,
    tls: true,
  },
  {
    words: /NotValidForName|not valid for (any )?name/i,
    state: "its certificate is for another name",
    hint: () => "Use the name that the certificate is for",
    lasting: true,
    tls: true,
  },
  {
    words: /CertificateRequired|HandshakeFailure|peer.*alert.*certificate/i,
    state: "it refused the TLS handshake",
    hint: ({ host }) =>
      `If it asks for a client certificate, put client.cert and client.key into /etc/containers/certs.d/${host}`,
    lasting: true,
    tls: true,
  },
  {
    words: /invalid peer certificate/i,
    state: "its certificate is not valid",
    hint: () => "Ask its operator to check the certificate",
    lasting: true,
    tls: true,
  },
  {
    words: /InvalidContentType|wrong version number/i,
    state: "it does not speak TLS",
    hint: ({ host }) => `If it serves plain http, start Wharf with --insecure-registry ${host}`,
    lasting: true,
  },
  {
    words: /invalid HTTP|parsed/i,
    state: "it does not speak HTTP",
    hint: () => "Check the port; what serves TLS needs https",
    lasting: true,
  },
  {
    words: /Requests to port \d+ are blocked/,
    state: "its port is not one for HTTP",
    hint: () => "Check the port",
    lasting: true,
  },
  {
    words: /temporary failure in name resolution/i,
    state: "name resolution does not work at the moment",
    hint: () => "Check the network connection of this machine",
    lasting: false,
  },
  {
    words: /dns error|failed to lookup|no such host/i,
    state: "the name does not resolve",
    hint: () => "Check the spelling of the host, and that this machine is online",
    lasting: true,
  },
  {
    words: /connection refused/i,
    state: "the connection was refused",
    hint: checkHost,
    lasting: false,
  },
  {
    words: /reset|closed before|unexpected (eof|end)|incomplete|reading a body|broken pipe/i,
    state: "the connection broke off",
    hint: () => "Try again",
    lasting: false,
  },
  {
    words: /unreachable/i,
    state: "the network is unreachable",
    hint: checkHost,
    lasting: false,
  },
];

const UNKNOWN: Failure = {
  words: /^/,
  state: "the connection failed",
  hint: checkHost,
  lasting: false,
};

/** The exchange that failed. */
export interface FailedExchange {
  /** What was asked. */
  readonly url: URL;
  /** Time that the exchange had, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborts with the deadline or with the caller. */
  readonly signal: AbortSignal;
  /** The caller's own signal. */
  readonly callerSignal: AbortSignal | undefined;
}

/**
 * Turns what an exchange threw into an error that says what is wrong and what to do.
 *
 * @param thrown Whatever `fetch`, or reading its body, threw.
 * @param exchange What was asked, and under which limits.
 * @returns `PERMISSION_MISSING`, `ADDRESS_REFUSED`, `TIMEOUT`, `CANCELLED` or `UNREACHABLE`; an
 * `AppError` of another kind stays as it is.
 */
export function networkError(thrown: unknown, exchange: FailedExchange): AppError {
  const { url, signal } = exchange;
  if (signal.aborted) {
    const error = abortError(signal);
    if (error.code !== "TIMEOUT" || exchange.callerSignal?.aborted === true) return error;
    const seconds = exchange.timeoutMs / 1000;
    return new AppError("TIMEOUT", `Cannot get an answer from "${url.host}" in ${seconds} s`, {
      cause: thrown,
      retryable: true,
      hint: "Try again, or allow more time with --timeout",
    });
  }
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof Deno.errors.NotCapable) {
    return new AppError(
      "PERMISSION_MISSING",
      `Cannot reach "${url.host}": Deno was started without net permission for it`,
      { cause: thrown, hint: `Start Wharf with --allow-net=${url.host}` },
    );
  }
  const text = chain(thrown);
  // Deno checks --deny-net again with the address that a name resolved to.
  if (/Requires net access to/.test(text)) {
    return new AppError(
      "ADDRESS_REFUSED",
      `Cannot connect to "${url.host}": its address is one that --deny-net refuses`,
      { cause: thrown, hint: "Start Wharf without that --deny-net if the address is right" },
    );
  }
  const failure = FAILURES.find(({ words }) => words.test(text)) ?? UNKNOWN;
  return new AppError("UNREACHABLE", `Cannot reach "${url.host}": ${failure.state}`, {
    cause: thrown,
    hint: failure.hint(url),
    retryable: !failure.lasting,
    ...(failure.tls === true ? { details: { speaks_tls: true } } : {}),
  });
}

/** Deno keeps the useful part in the causes. */
function chain(thrown: unknown): string {
  const parts: string[] = [];
  let current = thrown;
  while (current instanceof Error && parts.length < 8) {
    parts.push(current.message);
    current = current.cause;
  }
  return parts.join(": ");
}
