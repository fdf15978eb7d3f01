/**
 * The SDK's transport over the streams of a child, for the bench. Needs env permission, which unit
 * tests lack.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/client/stdio"
export { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
