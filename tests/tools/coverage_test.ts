/** Tests of the coverage report. @module */

import assert from "node:assert/strict";
import { coverageByFolder, formatCoverage, isTooLow, percent } from "../../tools/coverage.ts";

const LCOV = `TN:
SF:/home/lib/wharf/lib/oci/tags.ts
DA:1,1
LH:80
LF:100
end_of_record
SF:/home/lib/wharf/lib/app.ts
LH:5
LF:10
end_of_record
SF:/home/lib/wharf/lib/catalog/sources/one.ts
LH:10
LF:10
end_of_record
SF:/home/lib/wharf/lib/host/net.ts
LH:0
LF:100
end_of_record
SF:/home/lib/wharf/tests/fake_clock.ts
LH:1
LF:50
end_of_record
`;

Deno.test("coverageByFolder() adds files up by folder of lib, and leaves the host out of the sum", () => {
  assert.deepEqual(coverageByFolder(LCOV, "/home/lib/wharf/"), [
    { folder: "lib", hit: 5, found: 10 },
    { folder: "lib/catalog", hit: 10, found: 10, leastPercent: 90 },
    { folder: "lib/host", hit: 0, found: 100 },
    { folder: "lib/oci", hit: 80, found: 100, leastPercent: 90 },
    { folder: "all", hit: 95, found: 120, leastPercent: 85 },
  ]);
});

Deno.test("formatCoverage() names the folders that are too low", () => {
  const rows = coverageByFolder(LCOV, "/home/lib/wharf/");
  assert.deepEqual(rows.filter(isTooLow).map(({ folder }) => folder), ["lib/oci", "all"]);
  assert.equal(
    formatCoverage(rows).at(3),
    "lib/oci         80.0 % of   100 lines  least 90 %  TOO LOW",
  );
  assert.equal(formatCoverage(rows).at(0), "lib             50.0 % of    10 lines");
});

Deno.test("percent() takes a folder with nothing to cover as covered", () => {
  assert.equal(percent({ hit: 0, found: 0 }), 100);
  assert.equal(percent({ hit: 1, found: 3 }).toFixed(2), "33.33");
});
