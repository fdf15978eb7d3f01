/**
 * What a person should know about a plan, one clause each. Needs no permission.
 *
 * @module
 */

import type { Entry } from "../catalog/mod.ts";
import { cleanText } from "../core/text.ts";
import type { Candidate } from "./plan_candidates.ts";
import type { ShownParts } from "./plan_render.ts";

/** What {@linkcode warningsOf} looks at. */
export interface WarningFacts {
  /** The way to start. */
  readonly candidate: Candidate;
  /** The entry, if there is one. */
  readonly entry: Entry | undefined;
  /** What the parts came to. */
  readonly shown: ShownParts;
  /** The network that it would get. */
  readonly network: "none" | "default";
  /** Variables that are left out. */
  readonly dropped: readonly string[];
}

/**
 * The warnings of a plan.
 *
 * @param facts What would run.
 * @returns Clauses without a closing period; none where there is nothing to say.
 */
export function warningsOf({ candidate, entry, shown, network, dropped }: WarningFacts): string[] {
  const { target, run } = candidate;
  const warnings: string[] = [];
  if (target.kind === "image" && target.image.digest === undefined) {
    const tag = target.image.tag ?? "latest";
    warnings.push(
      tag === "latest"
        ? "the tag latest is whatever was pushed last; the digest that runs first is kept"
        : `the tag ${tag} may be moved; the digest that runs first is kept`,
    );
  }
  if (target.kind === "package" && target.version === undefined) {
    warnings.push("no exact version is named; the newest is looked up and kept");
  }
  if (target.kind === "source" && !/^[0-9a-f]{40}$/.test(target.ref ?? "")) {
    warnings.push("no commit is named; the newest is built and kept");
  }
  if (target.kind === "remote" && isOpen(shown.url ?? target.url)) {
    warnings.push("its address is not encrypted");
  }
  if (entry !== undefined && entry.status !== "active") {
    const words = entry.statusMessage === undefined ? "" : `: ${entry.statusMessage}`;
    warnings.push(`its source calls it ${entry.status}${words}`);
  }
  if (entry?.verified === false) {
    warnings.push("its publisher's name is not that of the owner of its repository");
  }
  for (const name of shown.secretsInArgs) {
    warnings.push(
      `the secret ${name} becomes an argument, which programs of this machine can read`,
    );
  }
  for (const name of shown.secretsInUrl) {
    warnings.push(`the secret ${name} becomes a part of the address`);
  }
  for (const name of shown.refusedHeaders) {
    warnings.push(`the header ${name} is left out, since the connection sets it`);
  }
  for (const name of dropped) {
    warnings.push(`${name} is left out, since it steers what starts the server`);
  }
  const hosts = run?.allowHosts ?? [];
  if (network === "default" && hosts.length > 0 && !hosts.includes("*")) {
    const listed = cleanText(hosts.join(", "), { maxChars: 200 });
    warnings.push(`it is meant for ${listed}, but a container reaches any host`);
  }
  if (/^(?:0|root)(?::|$)/.test(shown.user ?? "")) {
    warnings.push("it runs as root inside of its container");
  }
  return warnings;
}

/** Plain http, and not on this machine. */
function isOpen(url: string): boolean {
  return /^http:/i.test(url) &&
    !/^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])[:/]/i.test(url);
}
