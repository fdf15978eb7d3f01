/**
 * Values that want to be something else than a value, for property tests. Needs no permission.
 *
 * @module
 */

import fc from "fast-check";
import type { Setting } from "../../lib/catalog/mod.ts";
import { type GivenValue, Values } from "../../lib/gateway/template.ts";

/** Texts that are options, templates, paths, header breaks, or anything at all. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "",
    "-",
    "--",
    "-v/:/host",
    "--privileged",
    "--network=host",
    "-5",
    "{other}",
    "{name}{name}",
    "<name>",
    "$(id)",
    "`id`",
    "a\r\nX-Evil: 1",
    "a\0b",
    "..",
    ".",
    "../../etc",
    "/etc",
    "/var/run/docker.sock",
    "/a:/b",
    "/a,readonly=false",
    "evil.example/",
    "evil.example#",
    "evil.example?",
    "user@evil.example",
    "evil.example:80",
    "%2e%2e",
    "\\\\evil.example\\x",
    "a&b=c",
    '["--privileged", "-v"]',
    "[1]",
    "\ud800",
    "true",
    "__proto__",
  ),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.tuple(fc.constantFrom("-", "--", "/", "{", "\n"), fc.string({ maxLength: 20 })).map(([a, b]) =>
    a + b
  ),
);

/**
 * A setting for a test.
 *
 * @param name Its name.
 * @param facts What differs from an optional, public variable.
 */
export function setting(name: string, facts: Partial<Setting> = {}): Setting {
  return { name, kind: "variable", required: false, secret: false, ...facts };
}

/**
 * Values of settings.
 *
 * @param settings The settings.
 * @param given Texts by name.
 */
export function valuesOf(
  settings: readonly Setting[],
  given: Readonly<Record<string, string | GivenValue>> = {},
): Values {
  return new Values(
    settings,
    new Map(
      Object.entries(given).map(([name, value]) => [
        name,
        typeof value === "string" ? { kind: "text", text: value } : value,
      ]),
    ),
  );
}
