/**
 * How good the answers of the search are, over the real catalogue and queries with judged answers.
 * Needs read permission, and the data beside the repository.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SearchIndex } from "../../lib/catalog/mod.ts";
import { measureQuality } from "../catalog/judged.ts";
import { REPORTING_QUERIES } from "../catalog/queries_reporting.ts";
import { TUNING_QUERIES } from "../catalog/queries_tuning.ts";
import { hasRealData, readRealCatalog } from "./real_catalog.ts";

Deno.test({
  name: `the search answers well over the real catalogue${
    hasRealData() ? "" : " [../shared/data not found]"
  }`,
  ignore: !hasRealData(),
  async fn(t) {
    const entries = await readRealCatalog();
    const index = SearchIndex.build(entries);
    const find = (query: string) => index.find(query, { limit: 5 }).hits.map(({ entry }) => entry);
    await t.step("no query is in both sets, and enough are reported", () => {
      const tuning = new Set(TUNING_QUERIES.map(({ query }) => query));
      assert.deepEqual(REPORTING_QUERIES.filter(({ query }) => tuning.has(query)), []);
      assert.ok(REPORTING_QUERIES.length >= 60);
    });
    await t.step("on the queries that it is reported on", () => {
      const { precisionAt5, reciprocalRank, wrong } = measureQuality(
        REPORTING_QUERIES,
        entries,
        find,
      );
      assert.ok(precisionAt5 >= 0.93, `${precisionAt5}: ${JSON.stringify(wrong)}`);
      assert.ok(reciprocalRank >= 0.97, `${reciprocalRank}: ${JSON.stringify(wrong)}`);
    });
    await t.step("on the queries that it is tuned on", () => {
      const { precisionAt5 } = measureQuality(TUNING_QUERIES, entries, find);
      assert.ok(precisionAt5 >= 0.95, String(precisionAt5));
    });
  },
});
