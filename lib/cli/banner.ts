/**
 * What `wharf serve` tells the operator at its start. Needs no permission.
 *
 * @module
 */

/** What the banner shows. */
export interface BannerFacts {
  /** Version of Wharf. */
  readonly version: string;
  /** Where HTTP is served, or `undefined` for stdio. */
  readonly url: URL | undefined;
  /** Names of the toolsets on offer. */
  readonly toolsets: readonly string[];
  /** How many tools they hold. */
  readonly toolCount: number;
  /** The permissions that Deno granted. */
  readonly granted: readonly string[];
  /** Where the cache is kept, or `undefined` for memory. */
  readonly cacheDirectory: string | undefined;
  /** What clients must send: nothing, the operator's bearer token, or a token of the issuer. */
  readonly access: "anyone" | "token" | "oauth";
}

/**
 * The lines for standard error; standard output belongs to the protocol.
 *
 * @param facts What to show.
 * @returns Lines without a line feed.
 */
export function banner(facts: BannerFacts): string[] {
  const tools = `${facts.toolsets.join(", ")} (${facts.toolCount} tools)`;
  const common = [
    `  toolsets  ${tools}`,
    `  granted   ${facts.granted.join(", ") || "nothing; tools say which flag they lack"}`,
    `  cache     ${facts.cacheDirectory ?? "in memory"}`,
  ];
  if (facts.url === undefined) {
    return [
      `Wharf ${facts.version} serves MCP on standard input and output`,
      ...common,
      "  This is for an MCP client to start. For HTTP: --transport http; for people: wharf --help",
    ];
  }
  const mcp = new URL("/mcp", facts.url).href;
  const header = facts.access === "anyone"
    ? ""
    : ` --header "Authorization: Bearer $${
      facts.access === "oauth" ? "ACCESS_TOKEN" : "MCP_AUTH_TOKEN"
    }"`;
  return [
    `Wharf ${facts.version} serves MCP at ${mcp}`,
    ...common,
    `  older     ${new URL("/sse", facts.url).href} for clients of HTTP+SSE`,
    `  health    ${new URL("/healthz", facts.url).href}, ${new URL("/readyz", facts.url).href}`,
    `  try       npx -y @modelcontextprotocol/inspector --cli ${mcp}${header} \\`,
    "              --method tools/call --tool-name get_image_info --tool-arg image_ref=alpine",
    "  stop      Ctrl+C",
  ];
}
