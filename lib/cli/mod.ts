/**
 * The door of the command line: from argv to what is asked for, and from answers to text. Needs
 * no permission.
 *
 * @module
 */

export { type Invocation, parseArguments, wantedOutput } from "./arguments.ts";
export { banner, type BannerFacts } from "./banner.ts";
export { runConnect } from "./connect.ts";
export { checkHealth, healthUrl } from "./health.ts";
export { callRemote, type RemoteDeps } from "./remote.ts";
export { namedVariables } from "./remote_flags.ts";
export { printDiagnosis, printFlags } from "./doctor.ts";
export { completionScript } from "./completions.ts";
export { helpText } from "./help.ts";
export { allowsColours } from "./paint.ts";
export { printError, printTools, runTool } from "./run.ts";
export type { Terminal } from "./terminal.ts";
export { type BuildFacts, versionText } from "./version.ts";
