/**
 * The door of MCP over HTTP. It loads the MCP SDK. Needs no permission by itself.
 *
 * @module
 */

export { createHttpApp, type HttpApp, type HttpAppOptions, type HttpExchange } from "./app.ts";
