/**
 * What an image is, as tools and resources answer it: in the words of their schema, and within a
 * budget. Needs no permission.
 *
 * @module
 */

import type { ImageInfo } from "../oci/mod.ts";
import { fitting } from "./render.ts";

/** An {@linkcode ImageInfo} with its quota in the words of the other fields. */
export type ImageRecord = Omit<ImageInfo, "pull_quota"> & {
  /** Pull quota left, where the registry tells it. */
  readonly pull_quota?: {
    readonly limit?: number;
    readonly remaining?: number;
    readonly window_seconds?: number;
  };
};

/**
 * Makes the record. History, labels and annotations may each take the budget; of the history the
 * newest steps stay, since the oldest are those of a base image.
 *
 * @param info What an image is.
 * @param budgetTokens What each of the three may cost.
 * @returns The record; its notes tell what was left out.
 */
export function imageRecord(info: ImageInfo, budgetTokens: number): ImageRecord {
  const { pull_quota: quota, selected, annotations, notes, ...rest } = info;
  const dropped: string[] = [];
  const keep = (record: Readonly<Record<string, string>> | undefined, what: string) => {
    const entries = Object.entries(record ?? {});
    const count = fitting(entries.map((entry) => JSON.stringify(entry)), budgetTokens);
    if (count < entries.length) dropped.push(`${entries.length - count} ${what} are not shown`);
    return record === undefined ? undefined : Object.fromEntries(entries.slice(0, count));
  };
  const labels = keep(selected?.labels, "more labels");
  const kept = keep(annotations, "more annotations");
  const steps = selected?.history ?? [];
  const count = fitting(steps.toReversed().map((step) => JSON.stringify(step)), budgetTokens);
  if (count < steps.length) {
    dropped.push(
      `${steps.length - count} older steps of the history are not shown; ` +
        "get_image_config with path=/history has them",
    );
  }
  return {
    ...rest,
    ...(selected === undefined ? {} : {
      selected: {
        ...selected,
        ...(labels === undefined ? {} : { labels }),
        history: steps.slice(steps.length - count),
      },
    }),
    ...(kept === undefined ? {} : { annotations: kept }),
    ...(quota === undefined ? {} : {
      pull_quota: {
        ...(quota.limit === undefined ? {} : { limit: quota.limit }),
        ...(quota.remaining === undefined ? {} : { remaining: quota.remaining }),
        ...(quota.windowSeconds === undefined ? {} : { window_seconds: quota.windowSeconds }),
      },
    }),
    notes: [...notes, ...dropped],
  };
}
