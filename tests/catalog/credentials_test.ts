import assert from "node:assert/strict";
import { joinKeyNeeds, judgeKeyNeed, looksSecret } from "../../lib/catalog/credentials.ts";
import type { Setting } from "../../lib/catalog/entry.ts";

function setting(name: string, facts: Partial<Setting> = {}): Setting {
  return { name, kind: "env", required: false, secret: true, ...facts };
}

Deno.test("looksSecret() knows the names of credentials from their neighbours", () => {
  for (
    const name of [
      "API_KEY",
      "githubToken",
      "X-API-Key",
      "TOKEN_VALUE",
      "DB_PASSWORD",
      "apikey",
      "MY_ACCESSTOKEN",
      "Authorization",
    ]
  ) {
    assert.ok(looksSecret(name), name);
  }
  for (
    const name of ["MAX_TOKENS", "KEYWORDS", "PUBLIC_KEY", "TOKEN_LIMIT", "KEY_PATH", "PORT", ""]
  ) {
    assert.ok(!looksSecret(name), name);
  }
});

Deno.test("judgeKeyNeed() says yes for a required secret or a sign-in", () => {
  const none = { optional: new Set<string>(), silence: "nothing is named" };
  const required = judgeKeyNeed({ ...none, settings: [setting("A_KEY", { required: true })] });
  assert.deepEqual(required, { value: true, evidence: "A_KEY is a required secret" });
  const oauth = judgeKeyNeed({ ...none, settings: [], oauth: ["acme"] });
  assert.deepEqual(oauth, { value: true, evidence: "sign-in (OAuth) with acme" });
});

Deno.test("judgeKeyNeed() tells optional, unsaid and absent secrets apart", () => {
  const facts = { silence: "nothing is named" };
  const unsaid = judgeKeyNeed({ ...facts, optional: new Set(), settings: [setting("A_KEY")] });
  assert.equal(unsaid.value, "unknown");
  const optional = judgeKeyNeed({
    ...facts,
    optional: new Set(["A_KEY"]),
    settings: [setting("A_KEY")],
  });
  assert.deepEqual(optional, { value: false, evidence: "A_KEY is an optional secret" });
  const absent = { optional: new Set<string>(), settings: [setting("A_KEY", { value: "x" })] };
  assert.equal(judgeKeyNeed({ ...facts, ...absent }).evidence, "nothing is named");
  assert.equal(judgeKeyNeed({ ...absent, silence: undefined }).value, "unknown");
});

Deno.test("joinKeyNeeds() believes a yes before a no, and anything before unknown", () => {
  const [yes, no, unknown] = [true, false, "unknown" as const].map((value) => ({
    value,
    evidence: String(value),
  }));
  assert.ok(yes && no && unknown);
  assert.equal(joinKeyNeeds([unknown, no, yes]), yes);
  assert.equal(joinKeyNeeds([unknown, no]), no);
  assert.equal(joinKeyNeeds([]).value, "unknown");
});
