import assert from "node:assert/strict";
import {
  CATEGORIES,
  mapCategory,
  mapKnownCategory,
  normaliseTags,
} from "../../lib/catalog/categories.ts";

Deno.test("mapCategory() brings the words of all sources to one vocabulary", () => {
  const cases: Record<string, string> = {
    "🗄️ Databases": "database",
    database: "database",
    "✈️ Travel & Transportation": "travel",
    "ai-ml": "ai",
    "AI": "ai",
    Fintech: "finance",
    "developer-tools": "developer-tools",
    devtools: "developer-tools",
    "file-system": "filesystem",
    "web-scraping": "browser",
    "🏗️ Infrastructure": "devops",
  };
  for (const [given, wanted] of Object.entries(cases)) assert.equal(mapCategory(given), wanted);
});

Deno.test("mapCategory() keeps a new word instead of losing it in a catch-all", () => {
  assert.equal(mapCategory("Quantum Computing"), "quantum-computing");
  assert.equal(mapKnownCategory("Quantum Computing"), undefined);
  assert.equal(mapKnownCategory("Security"), "security");
  assert.equal(mapCategory("🎉"), undefined);
});

Deno.test("CATEGORIES give each word to one category", () => {
  const words = CATEGORIES.flatMap(({ slug, names }) => [...new Set([slug, ...names])]);
  assert.equal(new Set(words).size, words.length);
});

Deno.test("normaliseTags() folds case and blanks, and drops doubles", () => {
  assert.deepEqual(normaliseTags(["Location Presence", "location-presence", "C++", "  ", "k8s."]), [
    "location-presence",
    "c++",
    "k8s",
  ]);
});
