/**
 * The commands that look at Wharf itself and at this machine, as data. Needs no permission.
 *
 * @module
 */

import type { CommandSpec } from "./commands.ts";

/** Commands for setting Wharf up. */
export const SETUP_COMMANDS: readonly CommandSpec[] = [
  {
    name: "doctor",
    about: "Say what works here and what does not, with the next step",
    positionals: [],
    flags: [
      { name: "flags", about: "Only the smallest set of Deno flags, on one line" },
      {
        name: "registry",
        value: "HOST",
        about: "Registries to look at and to grant, by comma (default: the usual ones)",
      },
      { name: "transport", value: "KIND", about: "As for serve: stdio or http (default stdio)" },
      { name: "host", value: "ADDRESS", about: "As for serve: address to listen on" },
      { name: "port", value: "PORT", about: "As for serve: port to listen on" },
      { name: "output", value: "FORMAT", about: "table or json (default table)" },
    ],
    examples: [
      "doctor",
      "doctor --toolsets oci,hub --output json",
      "doctor --flags --toolsets oci --registry ghcr.io",
    ],
  },
];
