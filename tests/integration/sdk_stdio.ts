/**
 * The parts of the MCP SDK that start processes, for tests: unit tests, which may read no
 * environment, cannot load them. Needs run and env permission.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/client/stdio"
export { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
