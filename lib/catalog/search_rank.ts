/**
 * How good a server is among those that fit a question equally well. Needs no permission.
 *
 * @module
 */

import type { Entry } from "./entry.ts";

/** Words of a catalogue are no measure of quality; these facts are, a little. */
const POINTS = {
  official: 0.3,
  featured: 0.3,
  severalSources: 0.15,
  launchable: 0.2,
  verified: 0.08,
  dockerBuilt: 0.1,
  knownTools: 0.05,
  stars: 0.2,
  inactive: -0.4,
  clone: -0.5,
  unverified: -0.1,
};

/** Stars beyond this say nothing more. */
const MANY_STARS = 50_000;

/**
 * Rates a server by what is known of it beside its words.
 *
 * @param entry The server.
 * @returns Below 0 for a clone or what nobody looks after, up to about 1.3.
 */
export function qualityOf(entry: Entry): number {
  const { official, featured, sources, launchMethods, verified, dockerBuilt, tools, stars } = entry;
  let points = 0;
  if (official) points += POINTS.official;
  if (featured) points += POINTS.featured;
  if (sources.some(({ source }) => source !== sources[0]?.source)) points += POINTS.severalSources;
  if (launchMethods.length > 0) points += POINTS.launchable;
  if (verified !== undefined) points += verified ? POINTS.verified : POINTS.unverified;
  if (dockerBuilt) points += POINTS.dockerBuilt;
  if (tools !== undefined) points += POINTS.knownTools;
  if (stars !== undefined && stars > 0) {
    points += POINTS.stars * Math.min(1, Math.log1p(stars) / Math.log1p(MANY_STARS));
  }
  if (entry.status !== "active") points += POINTS.inactive;
  if (entry.cloneRank !== undefined && entry.cloneRank > 0) points += POINTS.clone;
  return points;
}
