/**
 * The tour of the README, played again. Needs all permissions, podman and a real registry.
 *
 * @module
 */

import assert from "node:assert/strict";
import { playTour, TOUR_NEEDS, tourOf, withoutChance } from "../../tools/tour.ts";
import { integrationTest } from "./needs.ts";

integrationTest("the tour of the README is what is printed", { needs: TOUR_NEEDS }, async () => {
  const written = tourOf(await Deno.readTextFile(new URL("../../README.md", import.meta.url)));
  // The formatter breaks the lines of sentences.
  const joined = (text: string) => withoutChance(text).replaceAll(/\s+/g, " ");
  assert.equal(joined(written), joined(await playTour()), "run: deno task tour");
});

Deno.test("withoutChance() leaves out what differs, and nothing else", () => {
  assert.equal(
    withoutChance("size  1.1 MB, sha256:0123abcd linux/arm64 2026-01-02T03:04:05Z 4 words"),
    "size …, sha256:… linux/… 2026-01-02T03:04:05Z 4 words",
  );
});
