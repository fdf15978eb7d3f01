/**
 * The sources that Wharf knows by itself, in the order in which they are shown.
 * Needs no permission.
 *
 * @module
 */

import type { SourceDefinition } from "../source.ts";
import { awesomeSource } from "./awesome.ts";
import { builtinSource } from "./builtin.ts";
import { dockerSource } from "./docker.ts";
import { mcpserversSource } from "./mcpservers.ts";
import { officialSource } from "./official.ts";

/** Built-in, Docker, official, mcpservers.org, TensorBlock. */
export const SOURCES: readonly SourceDefinition[] = [
  builtinSource,
  dockerSource,
  officialSource,
  mcpserversSource,
  awesomeSource,
];
