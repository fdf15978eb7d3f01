/**
 * The client of the official conformance suite: `wharf call --url` with the tool and arguments that
 * a scenario wants, and a browser that allows whatever the page of a sign-in asks. The last argument
 * is the server's address; `MCP_CONFORMANCE_SCENARIO` and `MCP_CONFORMANCE_CONTEXT` say the rest.
 * Needs env for these, run permission for deno, net permission for the pages, and write permission
 * for a temporary directory.
 *
 * @module
 */

import { denoArgs } from "../../tools/deno.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** Words after `wharf call --url URL`, by scenario. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  "initialize": [],
  "tools_call": ["add_numbers", "a=5", "b=3"],
  "elicitation-sep1034-client-defaults": [
    "test_client_elicitation_defaults",
    "--elicit",
    "defaults",
  ],
  "sse-retry": ["test_reconnection"],
};

/** The document that the suite's authorization server knows. */
const METADATA_URL = "https://conformance-test.local/client-metadata.json";

interface Context {
  readonly "client_id"?: string;
  readonly "client_secret"?: string;
  readonly "private_key_pem"?: string;
  readonly "idp_client_id"?: string;
  readonly "idp_id_token"?: string;
  readonly "idp_token_endpoint"?: string;
}

/** Flags that name the client of a scenario, and the variables with its secrets. */
function clientOf(scenario: string, context: Context) {
  const { client_id: id, client_secret: secret, private_key_pem: key } = context;
  const { idp_client_id: idpId, idp_id_token: idToken, idp_token_endpoint: tokenUrl } = context;
  const flags = [
    ...(id === undefined ? [] : ["--client-id", id]),
    ...(secret === undefined ? [] : ["--client-secret", "env:SUITE_SECRET"]),
    ...(key === undefined ? [] : ["--client-key", "env:SUITE_KEY"]),
    ...(idpId === undefined ? [] : ["--idp-client-id", idpId]),
    ...(tokenUrl === undefined ? [] : ["--idp-token-url", tokenUrl]),
    ...(idToken === undefined ? [] : ["--id-token", "env:SUITE_ID_TOKEN"]),
    ...(scenario.startsWith("auth/client-credentials") ? ["--grant", "client_credentials"] : []),
    ...(scenario === "auth/basic-cimd" ? ["--client-metadata-url", METADATA_URL] : []),
  ];
  const env = Object.fromEntries(
    Object.entries({ SUITE_SECRET: secret, SUITE_KEY: key, SUITE_ID_TOKEN: idToken })
      .filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return { flags, env };
}

/** Opens the pages that Wharf prints, each once, and passes its words on. */
async function browse(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  let rest = "";
  for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
    await Deno.stderr.write(new TextEncoder().encode(text));
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const page = /^ {2}(https?:\/\/\S+)$/.exec(line)?.[1];
      if (page !== undefined) await (await fetch(page)).body?.cancel();
    }
  }
}

const scenario = Deno.env.get("MCP_CONFORMANCE_SCENARIO") ?? "";
const context: Context = JSON.parse(Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}");
const { flags, env } = clientOf(scenario, context);
const state = await Deno.makeTempDir({ prefix: "wharf-conformance-" });
const child = new Deno.Command(Deno.execPath(), {
  args: await denoArgs([
    "run",
    "-A",
    "-q",
    "--no-check",
    "--no-prompt",
    MAIN,
    "call",
    "--url",
    Deno.args.at(-1) ?? "",
    ...(WORDS[scenario] ?? ["test-tool"]),
    ...flags,
    "--state-dir",
    state,
  ]),
  env: { ...env, NO_COLOR: "1" },
  stdin: "null",
  stdout: "inherit",
  stderr: "piped",
}).spawn();
await browse(child.stderr);
const { code } = await child.status;
await Deno.remove(state, { recursive: true });
Deno.exit(code);
