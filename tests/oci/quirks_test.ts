/**
 * Plays the ways of real registries inside the process.
 *
 * @module
 */

import { QUIRKS } from "./quirks.ts";
import { play } from "./scripted_registry.ts";

for (const { name, script } of QUIRKS) Deno.test(`RegistryClient with ${name}`, () => play(script));
