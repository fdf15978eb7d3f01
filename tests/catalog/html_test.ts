import assert from "node:assert/strict";
import { AppError } from "../../lib/core/errors.ts";
import { loadHtml, MAX_HTML_CHARS } from "../../lib/catalog/html.ts";

const readHtml = await loadHtml();

function codeOf(html: string): string {
  try {
    readHtml(html, { what: "page" });
    return "read";
  } catch (thrown) {
    assert.ok(thrown instanceof AppError);
    return thrown.code;
  }
}

Deno.test("loadHtml() reads elements, attributes and text", () => {
  const root = readHtml('<main><h1>A <b>b</b></h1><p>x &amp; y</p><a href="/q">q</a></main>', {
    what: "page",
  });
  const head = root.querySelector("h1");
  assert.equal(head?.textContent, "A b");
  assert.equal([...head?.childNodes ?? []][0]?.nodeType, 3);
  assert.equal(head?.nextElementSibling?.textContent, "x & y");
  assert.equal([...root.querySelectorAll("a[href]")][0]?.getAttribute("href"), "/q");
});

Deno.test("loadHtml() refuses pages that would cost too much", () => {
  assert.equal(codeOf("<div>".repeat(5000)), "TOO_LARGE");
  assert.equal(codeOf("<div></p>".repeat(5000)), "TOO_LARGE");
  assert.equal(codeOf(`<p>${"x".repeat(MAX_HTML_CHARS)}`), "TOO_LARGE");
});

Deno.test("loadHtml() does not count elements that close themselves", () => {
  assert.equal(codeOf(`<ul>${"<li><p>x<br>".repeat(5000)}</ul>`), "read");
  assert.equal(codeOf("<div><span></span></div>".repeat(5000)), "read");
});

Deno.test("loadHtml() refuses what is no page", () => {
  assert.equal(codeOf("just text"), "BAD_RESPONSE");
  assert.equal(codeOf(""), "BAD_RESPONSE");
});
