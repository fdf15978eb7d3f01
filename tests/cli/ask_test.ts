/**
 * Answering servers' questions at a terminal, and without one. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type AnswererDeps, openAnswerer } from "../../lib/cli/ask.ts";

const FORM = {
  message: "Who are\u202e you?",
  requestedSchema: {
    properties: {
      name: { type: "string", description: "Your name" },
      age: { type: "integer", minimum: 18, default: 30 },
      note: { type: "string" },
      plan: { type: "string", enum: ["free", "paid"], default: "free" },
      agreed: { type: "boolean", default: true },
    },
    required: ["name"],
  },
};

const SIGNAL = new AbortController().signal;

/** A person who types lines, and what they see. */
function person(lines: readonly (string | undefined)[], elicit: AnswererDeps["elicit"] = "ask") {
  const shown: string[] = [];
  const typed = lines.values();
  const answer = openAnswerer({
    terminal: {
      out: () => assert.fail("standard output is for results"),
      err: (line) => void shown.push(line),
      columns: 80,
      question: (prompt) => {
        shown.push(prompt);
        const { done, value } = typed.next();
        assert.ok(done !== true, `nobody answers ${prompt}`);
        return Promise.resolve(value);
      },
    },
    server: "mcp.example",
    elicit,
    clear: () => {},
  });
  return { answer, shown };
}

Deno.test("openAnswerer() asks for a form field by field, with its defaults", async (t) => {
  const { answer, shown } = person(["", "", " Ann ", "17", "42", "", "2", "n"]);
  assert.deepEqual(await answer(FORM, SIGNAL), {
    action: "accept",
    content: { name: "Ann", age: 42, plan: "paid", agreed: false },
  });
  await t.assertSnapshot(shown);
});

Deno.test("openAnswerer() takes the defaults of fields that are left empty", async () => {
  const { answer } = person(["y", "Ann", "", "", "", ""]);
  assert.deepEqual(await answer(FORM, SIGNAL), {
    action: "accept",
    content: { name: "Ann", age: 30, plan: "free", agreed: true },
  });
});

Deno.test("openAnswerer() lets a person decline and cancel, at any field", async () => {
  assert.deepEqual(await person(["n"]).answer(FORM, SIGNAL), { action: "decline" });
  assert.deepEqual(await person(["c"]).answer(FORM, SIGNAL), { action: "cancel" });
  assert.deepEqual(await person([undefined]).answer(FORM, SIGNAL), { action: "cancel" });
  assert.deepEqual(await person(["y", "Ann", undefined]).answer(FORM, SIGNAL), {
    action: "cancel",
  });
  const tired = person(["y", ...Array.from({ length: 10 }, () => "")]);
  assert.deepEqual(await tired.answer(FORM, SIGNAL), { action: "cancel" });
});

Deno.test("openAnswerer() shows a page's host and address before the person agrees", async () => {
  const page = {
    mode: "url",
    message: "Pay",
    url: "https://pay.example/x?y=1",
    elicitationId: "1",
  };
  const agreed = person(["y"]);
  assert.deepEqual(await agreed.answer(page, SIGNAL), { action: "accept" });
  assert.deepEqual(agreed.shown, [
    "mcp.example wants a page of pay.example to be opened: Pay",
    "  https://pay.example/x?y=1",
    "Do you open it in a browser? (y)es, (n)o, (c)ancel [y]: ",
  ]);
  assert.deepEqual(await person(["n"]).answer(page, SIGNAL), { action: "decline" });
  for (const url of ["javascript:alert(1)", "file:///etc/passwd", "nothing", 5]) {
    assert.deepEqual(await person([]).answer({ ...page, url }, SIGNAL), { action: "decline" });
  }
  assert.deepEqual(await person([], "defaults").answer(page, SIGNAL), { action: "decline" });
});

Deno.test("openAnswerer() declines without a person, and says so", async () => {
  const { answer, shown } = person([], "decline");
  assert.deepEqual(await answer(FORM, SIGNAL), { action: "decline" });
  assert.deepEqual(shown, [
    "mcp.example asks: Who are you?",
    "Declined: nobody is asked; --elicit defaults takes a form's defaults, --elicit ask asks at a terminal",
  ]);
});

Deno.test("openAnswerer() takes a form's defaults where it is told to, or declines", async () => {
  const { answer, shown } = person([], "defaults");
  assert.deepEqual(await answer(FORM, SIGNAL), { action: "decline" });
  assert.deepEqual(shown.at(-1), "Declined: a field that it needs has no default");
  const { name: _, ...properties } = FORM.requestedSchema.properties;
  assert.deepEqual(await answer({ requestedSchema: { properties } }, SIGNAL), {
    action: "accept",
    content: { age: 30, plan: "free", agreed: true },
  });
});

Deno.test("openAnswerer() declines a form with a needed field of no known kind", async () => {
  const schema = { properties: { o: { type: "object" } }, required: ["o"] };
  const { answer, shown } = person([]);
  assert.deepEqual(await answer({ requestedSchema: schema }, SIGNAL), { action: "decline" });
  assert.match(shown.at(-1) ?? "", /"o" is no field that can be filled in here/);
});

Deno.test("openAnswerer() asks one question at a time", async () => {
  const { answer } = person(["n", "c"]);
  assert.deepEqual(await Promise.all([answer(FORM, SIGNAL), answer(FORM, SIGNAL)]), [
    { action: "decline" },
    { action: "cancel" },
  ]);
});
