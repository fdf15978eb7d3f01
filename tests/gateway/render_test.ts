/**
 * What settings come to as arguments, environment, headers, volumes and user, also where values
 * are hostile. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Volume } from "../../lib/catalog/mod.ts";
import { AppError } from "../../lib/core/errors.ts";
import { isPlainAbsolute } from "../../lib/gateway/policy.ts";
import {
  renderArgs,
  renderEnv,
  renderHeaders,
  renderUser,
  renderVolumes,
} from "../../lib/gateway/render.ts";
import { hostileText, setting, valuesOf } from "./hostile.ts";

const RUNS = { seed: 42, numRuns: 1000 } as const;

/** The result of a call, or `undefined` where it refuses its input in Wharf's words. */
function unlessRefused<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return undefined;
  }
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown.message;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("renderArgs() follows the rules of the catalogue's model", () => {
  const settings = [
    setting("port", { format: "number" }),
    setting("verbose", { format: "boolean" }),
    setting("quiet", { format: "boolean", default: "true" }),
    setting("mode", { default: "fast" }),
    setting("absent"),
    setting("empty"),
    setting("paths", { format: "list" }),
  ];
  const values = valuesOf(settings, {
    port: "80",
    verbose: "false",
    paths: '["/a", "/b c"]',
    empty: "",
  });
  const { args } = renderArgs([
    { value: "serve" },
    { value: "--stdio" },
    { name: "--flag" },
    { name: "--port", value: "{port}" },
    { name: "--verbose", value: "{verbose}" },
    { name: "--quiet", value: "{quiet}" },
    { value: "--mode={mode}" },
    { name: "--absent", value: "{absent}" },
    { name: "--empty", value: "{empty}" },
    { name: "--both", value: "{port}:{absent}" },
    { name: "--dir", value: "{paths}", each: "paths" },
    { value: "{paths}", each: "paths" },
    { name: "--none", value: "{nothing}", each: "nothing" },
    { value: "{unknown}" },
    { name: "--offset", value: "{port}" },
  ], values);
  assert.deepEqual(args, [
    "serve",
    "--stdio",
    "--flag",
    "--port",
    "80",
    "--quiet",
    "--mode=fast",
    "--dir",
    "/a",
    "--dir",
    "/b c",
    "/a",
    "/b c",
    "{unknown}",
    "--offset",
    "80",
  ]);
});

Deno.test("renderArgs() refuses a value that would be an option, and takes the catalogue's own", () => {
  const settings = [
    setting("x"),
    setting("flag", { default: "--from-the-catalogue" }),
    setting("n", { format: "number" }),
    setting("paths", { format: "list" }),
  ];
  const args = (value: string, given: Record<string, string>) =>
    renderArgs([{ value }], valuesOf(settings, given)).args;
  const message =
    'Cannot use the value of "x": it would be read as an option, since it begins with -';
  assert.equal(refusal(() => args("{x}", { x: "--privileged" })), message);
  assert.equal(refusal(() => args("--{x}", { x: "exec" })), message);
  assert.equal(refusal(() => args("-{x}", { x: "e" })), message);
  assert.match(refusal(() => args("{n}", { n: "-5" })), /read as an option/);
  assert.match(
    refusal(() => renderArgs([{ name: "--port", value: "{x}" }], valuesOf(settings, { x: "-v" }))),
    /read as an option/,
  );
  assert.match(
    refusal(() =>
      renderArgs(
        [{ value: "{paths}", each: "paths" }],
        valuesOf(settings, { paths: '["/a", "-v"]' }),
      )
    ),
    /Cannot use the value of "paths": it would be read as an option/,
  );
  assert.deepEqual(args("{flag}", {}), ["--from-the-catalogue"]);
  assert.deepEqual(args("--opt={x}", { x: "--y" }), ["--opt=--y"]);
  assert.deepEqual(args("a{x}", { x: "-b" }), ["a-b"]);
  assert.deepEqual(
    renderArgs([{ name: "--offset", value: "{n}" }], valuesOf(settings, { n: "-5" })).args,
    ["--offset", "-5"],
  );
});

Deno.test("renderArgs() makes no option of a hostile value, wherever it stands", () => {
  const template = fc.constantFrom(
    "{x}",
    "{x}{y}",
    "-{x}",
    "--{x}{y}",
    "{y}{x}",
    "{fixed}",
    "-{fixed}",
  );
  const named = fc.constantFrom(undefined, "--name");
  const settings = [setting("x"), setting("y"), setting("fixed", { value: "{x}{y}" })];
  fc.assert(
    fc.property(template, named, hostileText, hostileText, (value, name, x, y) => {
      const rendered = unlessRefused(() =>
        renderArgs([{ value, ...(name && { name }) }], valuesOf(settings, { x, y })).args
      );
      for (const element of rendered ?? []) {
        assert.ok(element === "--name" || !element.startsWith("-"), JSON.stringify(element));
        assert.ok(!element.includes("\0"));
      }
      assert.ok((rendered ?? []).length <= 2);
    }),
    RUNS,
  );
  const list = [setting("paths", { format: "list" })];
  fc.assert(
    fc.property(
      fc.oneof(hostileText, fc.array(hostileText).map((all) => JSON.stringify(all))),
      (paths) => {
        const rendered = unlessRefused(() =>
          renderArgs([{ value: "{paths}", each: "paths" }], valuesOf(list, { paths })).args
        );
        assert.ok((rendered ?? []).every((element) => !element.startsWith("-")));
      },
    ),
    RUNS,
  );
});

Deno.test("renderArgs() names the secrets that become arguments, and shows hidden ones by name", () => {
  const settings = [setting("key", { secret: true })];
  const shown = renderArgs(
    [{ name: "--key", value: "{key}" }],
    valuesOf(settings, { key: { kind: "hidden" } }),
  );
  assert.deepEqual(shown, { args: ["--key", "<key>"], isHidden: true, secrets: ["key"] });
  assert.deepEqual(renderArgs([{ value: "{key}" }], valuesOf(settings, { key: "v" })), {
    args: ["v"],
    isHidden: false,
    secrets: ["key"],
  });
  assert.match(
    refusal(() =>
      renderArgs(
        [{ value: "{key}" }],
        valuesOf(settings, { key: { kind: "podman-secret", name: "k" } }),
      )
    ),
    /podman secret can only become a whole variable/,
  );
});

Deno.test("renderEnv() gives variables that have a value", () => {
  const settings = [
    setting("TOKEN", { kind: "env", secret: true }),
    setting("URL", { kind: "env", value: "http://{host}/" }),
    setting("host", { default: "h" }),
    setting("NONE", { kind: "env" }),
    setting("EMPTY", { kind: "env" }),
    setting("VAULT", { kind: "env", secret: true }),
    setting("X-Header", { kind: "header", default: "no" }),
  ];
  const rendered = renderEnv(
    settings,
    valuesOf(settings, {
      TOKEN: "-multi\nline",
      EMPTY: "",
      VAULT: { kind: "podman-secret", name: "vault" },
    }),
  );
  assert.deepEqual(rendered, {
    env: { TOKEN: "-multi\nline", URL: "http://h/", EMPTY: "" },
    engineSecrets: [{ name: "vault", target: "VAULT" }],
    isHidden: false,
    secrets: ["TOKEN"],
  });
});

Deno.test("renderEnv() keeps a value inside of the JSON that it stands in", () => {
  const template = '{"Authorization": "Bearer {token}", "Version": "1"}';
  const settings = [setting("H", { kind: "env", value: template }), setting("token")];
  fc.assert(
    fc.property(hostileText, (token) => {
      const env = unlessRefused(() => renderEnv(settings, valuesOf(settings, { token })).env);
      if (env === undefined) return;
      assert.deepEqual(JSON.parse(env["H"] ?? ""), {
        Authorization: `Bearer ${token}`,
        Version: "1",
      });
    }),
    RUNS,
  );
  const broken = [setting("H", { kind: "env", value: '{"a" {token}' }), setting("token")];
  assert.equal(renderEnv(broken, valuesOf(broken, { token: '"' })).env["H"], '{"a" "');
});

Deno.test("renderHeaders() refuses what would end a header, and headers that are not for a catalogue", () => {
  const settings = [
    setting("Authorization", { kind: "header", value: "Bearer {token}" }),
    setting("token", { secret: true }),
    setting("Host", { kind: "header", default: "evil.example" }),
    setting("X-None", { kind: "header" }),
    setting("E", { kind: "env", default: "no" }),
  ];
  assert.deepEqual(renderHeaders(settings, valuesOf(settings, { token: "t" })), {
    headers: { Authorization: "Bearer t" },
    refused: ["Host"],
    isHidden: false,
    secrets: ["token"],
  });
  assert.equal(
    refusal(() => renderHeaders(settings, valuesOf(settings, { token: "a\r\nX: 1" }))),
    'Cannot use the value of "Authorization": a header cannot hold its characters',
  );
  fc.assert(
    fc.property(hostileText, (token) => {
      const headers = unlessRefused(() =>
        renderHeaders(settings, valuesOf(settings, { token })).headers
      );
      const names = headers === undefined ? [] : [...new Headers({ ...headers }).keys()];
      assert.ok(headers === undefined || names.join() === "authorization", names.join());
    }),
    RUNS,
  );
});

const HOST: Volume = { source: "{dir}", target: "/data", kind: "host", readOnly: true };

Deno.test("renderVolumes() mounts what has a value, list elements one by one", () => {
  const settings = [setting("dir"), setting("dirs", { format: "list" }), setting("none")];
  const values = valuesOf(settings, { dir: "/srv/a", dirs: '["/x", "/y"]' });
  const { mounts } = renderVolumes([
    HOST,
    { source: "cache", target: "/cache", kind: "named", readOnly: false },
    { source: "{dirs}", target: "{dirs}", kind: "host", readOnly: false, each: "dirs" },
    { source: "{none}", target: "/none", kind: "host", readOnly: false },
    { source: "{nothing}", target: "/none", kind: "host", readOnly: false, each: "nothing" },
  ], values);
  assert.deepEqual(mounts, [
    { source: "/srv/a", target: "/data", kind: "host", readOnly: true },
    { source: "cache", target: "/cache", kind: "named", readOnly: false },
    { source: "/x", target: "/x", kind: "host", readOnly: false },
    { source: "/y", target: "/y", kind: "host", readOnly: false },
  ]);
  const hidden = renderVolumes([HOST], valuesOf(settings, { dir: { kind: "hidden" } }));
  assert.deepEqual([hidden.mounts[0]?.source, hidden.isHidden], ["<dir>", true]);
});

Deno.test("renderVolumes() refuses sockets of engines, and paths that are more than a path", () => {
  const mount = (source: string, volume: Partial<Volume> = {}) => () =>
    renderVolumes([{ ...HOST, ...volume }], valuesOf([setting("dir")], { dir: source }));
  assert.match(refusal(mount("/run/podman/podman.sock")), /opens the container engine/);
  for (const source of ["data", "/a/../b", "/a:/b", "/a,rw", "~/x", "/a\n", "-v", ""]) {
    assert.match(refusal(mount(source)), /it is no absolute path$/, source);
  }
  for (const target of ["data", "/", "//", "/a:ro", "/a/..", "/a,b", "C:\\x"]) {
    assert.match(refusal(mount("/a", { target })), /no absolute path below the root$/, target);
  }
  for (const source of ["-v", "/host", "a:b", "."]) {
    assert.match(refusal(mount(source, { kind: "named" })), /it is no name of a volume$/, source);
  }
  // The catalogue's own words are no fault of the caller's.
  const own = renderVolumes([
    { ...HOST, source: "~/data" },
    { ...HOST, source: "/run/docker.sock" },
    { ...HOST, source: "/srv", target: "data" },
    { ...HOST, source: "/srv" },
  ], valuesOf([]));
  assert.deepEqual(own.refused.map(({ source }) => source), ["~/data", "/run/docker.sock", "/srv"]);
  assert.deepEqual(own.mounts.map(({ source }) => source), ["/srv"]);
  assert.equal(mount("C:\\data")().mounts[0]?.source, "C:\\data");
});

Deno.test("renderVolumes() mounts plain absolute paths alone, whatever the value", () => {
  fc.assert(
    fc.property(
      hostileText,
      fc.constantFrom("{dir}", "/base/{dir}", "{dir}/sub"),
      (dir, source) => {
        const rendered = unlessRefused(() =>
          renderVolumes([{ ...HOST, source }], valuesOf([setting("dir")], { dir })).mounts
        );
        for (const mount of rendered ?? []) {
          assert.ok(isPlainAbsolute(mount.source));
          assert.ok(!/[,\n]/.test(mount.source) && !/:.*:|^\/.*:/.test(mount.source), mount.source);
          assert.ok(source !== "/base/{dir}" || mount.source.startsWith("/base/"));
        }
      },
    ),
    RUNS,
  );
});

Deno.test("renderUser() takes names and numbers only", () => {
  const values = (user: string) => valuesOf([setting("user")], { user });
  assert.equal(renderUser("{user}", values("1000:1000")), "1000:1000");
  assert.equal(renderUser("node", values("")), "node");
  assert.equal(renderUser(undefined, values("x")), undefined);
  assert.equal(renderUser("{user}", values("")), undefined);
  assert.equal(renderUser("{user}", valuesOf([setting("user")])), undefined);
  const hidden = valuesOf([setting("user")], { user: { kind: "hidden" } });
  assert.equal(renderUser("{user}", hidden), "<user>");
  for (const user of ["-x", "a b", "a:b:c", "--privileged", "a\n"]) {
    assert.match(refusal(() => renderUser("{user}", values(user))), /neither user nor user:group/);
  }
});
