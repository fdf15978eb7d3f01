/**
 * The flags of `wharf serve`, as data. Needs no permission.
 *
 * @module
 */

import type { FlagSpec } from "./commands.ts";

/** Flags beside the global ones, in the order of help. */
export const SERVE_FLAGS: readonly FlagSpec[] = [
  { name: "transport", value: "KIND", about: "stdio or http (default stdio)" },
  { name: "host", value: "ADDRESS", about: "Address to listen on (default 127.0.0.1)" },
  { name: "port", value: "PORT", about: "Port to listen on (default 8080, 0 for a free one)" },
  {
    name: "auth-token",
    value: "TOKEN",
    about: "Bearer token for HTTP; better: MCP_AUTH_TOKEN",
  },
  { name: "auth-token-file", value: "FILE", about: "File whose first line is the bearer token" },
  {
    name: "oauth-issuer",
    value: "URL",
    about: "OAuth 2.1 server whose access tokens let callers in, with scopes read and write",
  },
  {
    name: "oauth-audience",
    value: "URL",
    about: "What those tokens name as their audience: the address of this server",
    repeats: true,
  },
  { name: "tls-cert", value: "FILE", about: "Certificate chain in PEM form, to serve https" },
  { name: "tls-key", value: "FILE", about: "Its private key in PEM form" },
  {
    name: "allow-unauthenticated",
    about: "Listen beyond loopback without a token or an issuer",
  },
  {
    name: "allowed-host",
    value: "NAME",
    about: "Further host name that clients may use",
    repeats: true,
  },
  {
    name: "allowed-origin",
    value: "ORIGIN",
    about: "Further origin that browsers may call from",
    repeats: true,
  },
  {
    name: "audit-log",
    value: "FILE",
    about: "Write who called which tool to this file, not to the log",
  },
  { name: "audit-arguments", about: "With what tools were called with, but no values of settings" },
  { name: "metrics-public", about: "Serve /metrics without a token" },
  {
    name: "rate-limit",
    value: "COUNT",
    about: "Requests of one caller in a minute (default 3000; 0, as on loopback: any number)",
  },
  { name: "max-request", value: "MIB", about: "Largest request (default 4)" },
  { name: "max-sessions", value: "COUNT", about: "Most sessions at once (default 1000)" },
  {
    name: "session-idle",
    value: "MINUTES",
    about: "End a session that nobody uses for so long (default 30)",
  },
  { name: "isolate-sessions", about: "Give each HTTP session servers and settings of its own" },
];
