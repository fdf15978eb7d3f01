/**
 * A process that refreshes a catalogue over and over until it is killed: a folder of servers that
 * grows and shrinks with each reading. Prints a line when the first refresh is done. Needs read and
 * write of the folder that its argument names.
 *
 * @module
 */

import { Catalog, type Gather, placeSources } from "../../lib/catalog/mod.ts";
import { openDisk } from "../../lib/host/disk.ts";
import { systemClock } from "../../lib/host/clock.ts";
import { makeEntry } from "../catalog/make.ts";
import { FakeLog } from "../fake_log.ts";

/** Entries that the readings give, by turns. */
export const COUNTS: readonly number[] = [400, 500];

/** The catalogue in a folder, over a source whose readings differ. */
export function openCatalog(folder: string): Catalog {
  let turn = 0;
  const gather: Gather = () => {
    const count = COUNTS[turn++ % COUNTS.length] ?? 0;
    return Promise.resolve({
      entries: Array.from(
        { length: count },
        (_, number) =>
          makeEntry(`ours/server-${number}`, {
            description: `Server number ${number} of ${count}. ${
              "It does many things. ".repeat(8)
            }`,
          }),
      ),
      problems: [],
      skipped: 0,
    });
  };
  return new Catalog({
    disk: openDisk(folder, systemClock),
    log: new FakeLog(),
    clock: systemClock,
    random: () => 0,
    gather,
  }, {
    sources: placeSources({ none: "none", builtin: "none", ours: "/srv/ours" }),
    intervalMs: 3_600_000,
  });
}

if (import.meta.main) {
  const [folder = ""] = Deno.args;
  const catalog = openCatalog(folder);
  await catalog.refresh({});
  Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
  while (true) await catalog.refresh({});
}
