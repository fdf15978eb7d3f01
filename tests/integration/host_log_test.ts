import assert from "node:assert/strict";
import fc from "fast-check";
import { hasHiddenCharacters } from "../../lib/core/text.ts";
import { appendTo, type LogOptions, openLog } from "../../lib/host/log.ts";
import { FakeClock } from "../fake_clock.ts";

const TIME = "2026-01-01T00:00:00.000Z";

/** A log that writes into a list. */
function logLines(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = openLog(
    { format: "text", level: "debug", clock: new FakeClock(), ...options },
    (line) => lines.push(line),
  );
  return { log, lines };
}

Deno.test("openLog() writes a line for people", () => {
  const { log, lines } = logLines();
  log.info("listening", {
    url: "http://127.0.0.1:8080/",
    sessions: 3,
    ready: true,
    none: undefined,
  });
  log.warn("slow");
  assert.deepEqual(lines, [
    `${TIME} info  listening url="http://127.0.0.1:8080/" sessions=3 ready=true\n`,
    `${TIME} warn  slow\n`,
  ]);
});

Deno.test("openLog() writes a line for machines", () => {
  const { log, lines } = logLines({ format: "json" });
  log.error("failed", { code: "TIMEOUT", tries: 3, none: undefined });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    { time: TIME, level: "error", message: "failed", code: "TIMEOUT", tries: 3 },
  ]);
});

Deno.test("openLog() leaves out what is less severe than its level", () => {
  const levels = ["debug", "info", "warn", "error"] as const;
  for (const [index, level] of levels.entries()) {
    const { log, lines } = logLines({ level });
    for (const each of levels) log[each](each);
    assert.deepEqual(lines.map((line) => line.trim().split(" ").at(-1)), levels.slice(index));
  }
});

const HOSTILE = "a\r\nb\u001B[2J\u0085\u009B\u202Ec\u2028d\u200Be\u{E0041}f\u0000\uD83D";

Deno.test("openLog() keeps a record on one line and shows what is hidden", () => {
  const { log, lines } = logLines();
  log.info(HOSTILE, { name: HOSTILE });
  const shown = "a\\u000d\\u000ab\\u001b[2J\\u0085\\u009b\\u202ec\\u2028d\\u200be\\udb40\\udc41f" +
    "\\u0000\\ud83d";
  const [line = ""] = lines;
  assert.equal(lines.length, 1);
  assert.ok(line.startsWith(`${TIME} info  ${shown} name="a\\r\\nb`), line);
  assert.ok(!hasHiddenCharacters(line));
  assert.equal(line.indexOf("\n"), line.length - 1);
});

Deno.test("openLog() stays one line of valid JSON whatever it is told", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 50 }),
      fc.string({ unit: "binary", maxLength: 50 }),
      (message, value) => {
        for (const format of ["json", "text"] as const) {
          const { log, lines } = logLines({ format });
          log.info(message, { value });
          const [line = ""] = lines;
          assert.equal(line.indexOf("\n"), line.length - 1);
          assert.ok(!hasHiddenCharacters(line.slice(0, -1)));
          if (format === "json") {
            const record = JSON.parse(line);
            assert.equal(record.message, message);
            assert.equal(record.value, value);
          }
        }
      },
    ),
    { seed: 20260101, numRuns: 300 },
  );
});

Deno.test("openLog() replaces secrets wherever they stand", () => {
  const secrets = ["hunter2", "hunter2-and-more", 'quo"te\\slash', "line\nbreak"];
  for (const format of ["text", "json"] as const) {
    const { log, lines } = logLines({ format, redact: secrets });
    for (const secret of secrets) {
      log.info(`Bearer ${secret}!`, { url: `https://x/?t=${secret}&y` });
    }
    for (const line of lines) {
      assert.ok(!/hunter2|quo|slash|break|more/.test(line), line);
      assert.match(line, /Bearer \*\*\*!/);
      assert.match(line, /\?t=\*\*\*&y/);
    }
  }
});

Deno.test("openLog() does not take ordinary letters for a secret", () => {
  const { log, lines } = logLines({ redact: ["", "a", "abc"] });
  log.info("abc a banana");
  assert.match(lines[0] ?? "", /abc a banana/);
});

Deno.test("openLog() cuts long texts, after secrets were replaced", () => {
  const secret = "s".repeat(100);
  const { log, lines } = logLines({ redact: [secret] });
  log.info("x".repeat(4090) + secret, { body: "y".repeat(100_000) });
  const [line = ""] = lines;
  assert.ok(line.length < 9000);
  assert.ok(!line.includes("sss"));
});

Deno.test("openLog() writes to standard error, and only there", async () => {
  const script = `
    import { openLog } from ${JSON.stringify(new URL("../../lib/host/log.ts", import.meta.url))};
    const clock = { now: () => 0, sleep: () => Promise.resolve() };
    const log = openLog({ format: "text", level: "info", clock });
    log.debug("left out");
    log.info("héllo");
  `;
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--no-lock", script],
  }).output();
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout), "");
  assert.equal(new TextDecoder().decode(stderr), "1970-01-01T00:00:00.000Z info  héllo\n");
});

Deno.test("openLog() does not mind that nobody reads standard error", async () => {
  const script = `
    import { openLog } from ${JSON.stringify(new URL("../../lib/host/log.ts", import.meta.url))};
    const clock = { now: () => 0, sleep: () => Promise.resolve() };
    const log = openLog({ format: "text", level: "info", clock });
    for (let line = 0; line < 5000; line++) log.info("x".repeat(100));
    console.log("end");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--no-lock", script],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stderr.cancel();
  assert.equal(await new Response(child.stdout).text(), "end\n");
  assert.equal((await child.status).code, 0);
});

Deno.test("appendTo() goes on elsewhere while its file cannot be written, and says so once", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/log/calls.jsonl`;
  assert.throws(() => appendTo(path), { code: "UNAVAILABLE" });
  await Deno.mkdir(`${folder}/log`);
  const elsewhere: string[] = [];
  const write = appendTo(path, (line) => elsewhere.push(line));
  write("1\n");
  await Deno.rename(`${folder}/log`, `${folder}/away`);
  write("2\n");
  write("3\n");
  await Deno.mkdir(`${folder}/log`);
  write("4\n");
  assert.deepEqual(elsewhere, [`cannot write ${path}; its lines come here\n`, "2\n", "3\n"]);
  assert.equal(await Deno.readTextFile(`${folder}/away/calls.jsonl`), "1\n");
  assert.equal(await Deno.readTextFile(path), "4\n");
  await Deno.remove(folder, { recursive: true });
});
