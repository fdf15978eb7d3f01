/**
 * The bar of a long command. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openProgressBar, progressLine } from "../../lib/cli/progress.ts";

Deno.test("progressLine() draws the share that is done", () => {
  const line = (done: number, total?: number) =>
    progressLine({ message: "docker: files", done, ...(total === undefined ? {} : { total }) }, 60);
  assert.equal(line(0, 4), "[--------------------]   0%  docker: files");
  assert.equal(line(1, 4), "[#####---------------]  25%  docker: files");
  assert.equal(line(9, 4), "[####################] 100%  docker: files");
  assert.equal(line(3), "docker: files");
});

Deno.test("progressLine() fits the terminal", () => {
  const progress = { message: "m".repeat(200), done: 1, total: 2 };
  assert.equal(progressLine(progress, 40).length, 39);
  assert.equal(progressLine(progress, 400).length, 78);
  assert.equal(progressLine({ message: "服务器".repeat(20), done: 1 }, 40).length <= 20, true);
});

Deno.test("openProgressBar() draws only what is new, and leaves the line empty", () => {
  const drawn: string[] = [];
  const terminal = {
    out: () => {},
    err: () => {},
    columns: 80,
    status: (line: string) => void drawn.push(line),
  };
  {
    using bar = openProgressBar(terminal);
    bar.show({ message: "a", done: 0 });
    bar.show({ message: "a", done: 0 });
    bar.clear();
    bar.show({ message: "b", done: 0 });
  }
  assert.deepEqual(drawn, ["a", "", "b", ""]);
});

Deno.test("openProgressBar() shows nothing where standard error is no terminal", () => {
  using bar = openProgressBar({ out: assert.fail, err: assert.fail, columns: undefined });
  bar.show({ message: "a", done: 1, total: 2 });
});
