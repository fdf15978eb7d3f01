import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError, type ErrorCode } from "../../lib/core/errors.ts";
import {
  planProcess,
  type ProcessOptions,
  type ProcessPlan,
} from "../../lib/gateway/process_plan.ts";
import type { ServerPart } from "../../lib/gateway/process_argv.ts";
import type { Runtimes, RuntimeState } from "../../lib/gateway/runtimes.ts";

const READY: RuntimeState = { state: "ready", version: "2.9.6" };
const MISSING: RuntimeState = {
  state: "missing",
  reason: "it is not installed",
  hint: "Install it",
};
const REFUSED: RuntimeState = {
  state: "not_permitted",
  reason: "Wharf may not run deno",
  hint: "Start Wharf with --allow-run=deno",
};

const ALL: Runtimes = { deno: READY, npx: READY, uvx: READY };
const NPM = { type: "npm", identifier: "@scope/server", version: "1.2.3" };
const PYPI = { type: "pypi", identifier: "mcp-server", version: "0.4" };
const NOTHING: ServerPart = { args: [], env: {} };

function options(changes: Partial<ProcessOptions> = {}): ProcessOptions {
  return {
    runtimes: ALL,
    policy: { unsandboxed: false },
    engineAvailable: false,
    network: "default",
    stateDirectory: "/state",
    pid: 4242,
    env: { PATH: "/bin", HTTPS_PROXY: "http://proxy:3128", OCI_TOKEN: "hidden", HOME: "/home/ann" },
    ...changes,
  };
}

function throwsApp(action: () => unknown, code: ErrorCode, message: RegExp): AppError {
  try {
    action();
  } catch (thrown) {
    assert.ok(thrown instanceof AppError);
    assert.equal(thrown.code, code);
    assert.match(thrown.message, message);
    return thrown;
  }
  return assert.fail("nothing was thrown");
}

function flags(plan: ProcessPlan, name: string): string[] {
  return plan.args.filter((arg) => arg === name || arg.startsWith(`${name}=`));
}

Deno.test("planProcess() puts npm packages into Deno's sandbox", async (t) => {
  await t.assertSnapshot(planProcess(
    { ...NPM, program: "serve" },
    { args: ["--root", "/data", "-A"], env: { API_KEY: "hidden", MODE: "x" } },
    options({ allowHosts: ["api.example.com:443", "*.example.org"], engineAvailable: true }),
  ));
});

Deno.test("planProcess() puts packages into a container", async (t) => {
  const rendered = { args: ["-v"], env: { API_KEY: "hidden" } };
  await t.assertSnapshot(
    planProcess(NPM, rendered, options({ engineAvailable: true, sandbox: "container" })),
  );
  await t.assertSnapshot(planProcess(
    { ...PYPI, identifier: "mcp-server[cli]" },
    rendered,
    options({
      engineAvailable: true,
      allowHosts: ["example.com"],
      folders: { read: ["/data"], write: ["/out,put"] },
      images: { npm: "registry.test/node:1", pypi: "registry.test/uv:1" },
    }),
  ));
});

Deno.test("planProcess() runs packages plainly where the operator allows it", async (t) => {
  const policy = { unsandboxed: true };
  const rendered = { args: ["--flag"], env: { MODE: "x" } };
  const plain = options({ policy, sandbox: "none" });
  await t.assertSnapshot(planProcess(NPM, rendered, plain));
  await t.assertSnapshot(planProcess({ ...PYPI, program: "serve" }, rendered, plain));
  assert.deepEqual(
    planProcess({ ...NPM, program: "serve" }, rendered, plain).args,
    ["--yes", "--package=@scope/server@1.2.3", "--", "serve", "--flag"],
  );
});

Deno.test("planProcess() takes the safest way that is possible, and says why", () => {
  const policy = { unsandboxed: true };
  const noDeno = { ...ALL, deno: MISSING };
  const chosen = (pkg: typeof NPM, changes: Partial<ProcessOptions>) => {
    const { sandbox, why } = planProcess(pkg, NOTHING, options(changes));
    return `${sandbox}: ${why}`;
  };
  const held = "deno: Deno 2.9.6 holds npm packages by its permissions";
  assert.equal(chosen(NPM, { policy, engineAvailable: true }), held);
  const engine = "container: a container engine is there";
  assert.equal(chosen(NPM, { policy, engineAvailable: true, runtimes: noDeno }), engine);
  assert.equal(chosen(PYPI, { policy, engineAvailable: true }), engine);
  const plain = "none: the operator allows processes without a sandbox";
  assert.equal(chosen(NPM, { policy, runtimes: noDeno }), plain);
  assert.equal(chosen(PYPI, { policy }), plain);
  assert.equal(chosen(NPM, { policy, sandbox: "none" }), "none: it was asked for");
});

Deno.test("planProcess() never falls back to less than was asked for or allowed", () => {
  throwsApp(
    () => planProcess(NPM, NOTHING, options({ sandbox: "none" })),
    "FORBIDDEN",
    /^Cannot run "npm:@scope\/server@1.2.3": the operator allows no process without a sandbox$/,
  );
  throwsApp(
    () => planProcess(PYPI, NOTHING, options({ sandbox: "deno", engineAvailable: true })),
    "UNSUPPORTED",
    /Deno runs no Python packages$/,
  );
  throwsApp(
    () => planProcess(NPM, NOTHING, options({ sandbox: "container" })),
    "NOT_FOUND",
    /there is no container engine$/,
  );
});

Deno.test("planProcess() gives every obstacle, and the next step", () => {
  const refused = throwsApp(
    () => planProcess(NPM, NOTHING, options({ runtimes: { ...ALL, deno: REFUSED } })),
    "PERMISSION_MISSING",
    /: Wharf may not run deno; there is no container engine; the operator allows no process/,
  );
  assert.equal(refused.hint, "Start Wharf with --allow-run=deno");
  const missing = throwsApp(
    () =>
      planProcess(
        PYPI,
        NOTHING,
        options({ runtimes: { ...ALL, uvx: MISSING }, policy: { unsandboxed: true } }),
      ),
    "NOT_FOUND",
    /Deno runs no Python packages; there is no container engine; it is not installed$/,
  );
  assert.match(missing.hint ?? "", /Podman/);
});

Deno.test("planProcess() keeps a server from the network, or does not run it", () => {
  const plan = planProcess(NPM, NOTHING, options({ network: "none", allowHosts: ["example.com"] }));
  assert.equal(plan.sandbox, "deno");
  assert.deepEqual(flags(plan, "--allow-net"), []);
  assert.ok(plan.notes.includes("no network"));
  throwsApp(
    () =>
      planProcess(
        PYPI,
        NOTHING,
        options({ network: "none", engineAvailable: true, policy: { unsandboxed: true } }),
      ),
    "FORBIDDEN",
    /it must not use the network, and a container fetches.*, and nothing keeps a plain process/,
  );
});

Deno.test("planProcess() gives Deno the hosts and folders that were allowed, and no more", () => {
  const any = planProcess(NPM, NOTHING, options({ allowHosts: ["*", "example.com"] }));
  assert.deepEqual(flags(any, "--allow-net"), ["--allow-net"]);
  assert.deepEqual(flags(any, "--deny-net"), [
    "--deny-net=169.254.0.0/16,100.100.100.200,192.0.0.192",
  ]);
  assert.deepEqual(flags(any, "--allow-write"), []);
  const some = planProcess(
    NPM,
    NOTHING,
    options({ folders: { read: ["/data"], write: ["/out", "C:\\out"] }, heapBytes: 2 ** 20 + 1 }),
  );
  assert.ok(some.sandbox === "deno");
  assert.deepEqual(flags(some, "--allow-read"), [
    `--allow-read=/state/deno/npm,${some.cwd},/data,/out,C:\\out`,
  ]);
  assert.deepEqual(flags(some, "--allow-write"), ["--allow-write=/out,C:\\out"]);
  assert.deepEqual(flags(some, "--v8-flags"), ["--v8-flags=--max-old-space-size=2"]);
  assert.ok(some.notes.includes("writes only in /out, C:\\out"));
  for (const flag of ["-A", "--allow-all", "--allow-run", "--allow-ffi", "--allow-import"]) {
    assert.deepEqual(flags(some, flag), []);
  }
});

Deno.test("planProcess() refuses what would read as another grant", () => {
  const folders = (path: string) => options({ folders: { read: [path], write: [] } });
  throwsApp(
    () => planProcess(NPM, NOTHING, folders("/a,/etc")),
    "INVALID_ARGUMENT",
    /^Cannot give Deno's sandbox the path "\/a,\/etc": it holds a comma$/,
  );
  throwsApp(() => planProcess(NPM, NOTHING, folders("a")), "INVALID_ARGUMENT", /is not absolute$/);
  for (const host of ["a,b", "-a", "a b", "a:b", "https://a", "a/b", "", "*.", "a,*", "[::1]x"]) {
    throwsApp(
      () => planProcess(NPM, NOTHING, options({ allowHosts: [host] })),
      "INVALID_ARGUMENT",
      /it is no host:port$/,
    );
  }
  for (const host of ["a", "a.b:1", "127.0.0.1:80", "[::1]:443", "*.a.b", "a_b"]) {
    assert.deepEqual(
      flags(planProcess(NPM, NOTHING, options({ allowHosts: [host] })), "--allow-net"),
      [`--allow-net=${host}`],
    );
  }
  throwsApp(
    () => planProcess(NPM, { args: [], env: { "A,B": "" } }, options()),
    "INVALID_ARGUMENT",
    /^Cannot set "A,B": it is no name of a variable$/,
  );
});

Deno.test("planProcess() passes on nothing that steers the runtime", () => {
  const env = {
    API_KEY: "k",
    NODE_OPTIONS: "--require=/tmp/evil.js",
    LD_PRELOAD: "/tmp/evil.so",
    "npm_config_registry": "https://evil.example",
    DENO_DIR: "/etc",
    PYTHONPATH: "/tmp",
    PYTHONUNBUFFERED: "1",
    PATH: "/tmp",
    HOME: "/",
    Path: "/tmp",
  };
  const plans = [
    planProcess(NPM, { args: [], env }, options()),
    planProcess(
      NPM,
      { args: [], env },
      options({ policy: { unsandboxed: true }, sandbox: "none" }),
    ),
  ];
  for (const plan of plans) {
    assert.ok(plan.sandbox !== "container");
    assert.equal(plan.env.API_KEY, "k");
    assert.equal(plan.env.PYTHONUNBUFFERED, "1");
    assert.equal(plan.env.PATH, "/bin");
    assert.equal(plan.env.HOME, plan.cwd);
    assert.ok(!JSON.stringify(plan.env).includes("evil"));
    assert.equal(plan.env.Path, undefined);
    assert.equal(plan.notes.filter((note) => note.includes("steers the runtime")).length, 8);
  }
});

Deno.test("planProcess() gives a process nothing of Wharf's but what it needs", () => {
  const policy = { unsandboxed: true };
  for (const pkg of [NPM, PYPI]) {
    const plan = planProcess(pkg, NOTHING, options({ policy }));
    assert.ok(plan.sandbox !== "container");
    assert.equal(plan.env.OCI_TOKEN, undefined);
    assert.equal(plan.env.HTTPS_PROXY, "http://proxy:3128");
    assert.equal(plan.env.HOME, `/state/${plan.folder}/home`);
  }
});

Deno.test("planProcess() keeps values out of argv, and the server's arguments behind the package", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary" }), { maxLength: 4 }),
      fc.constantFrom("deno", "container", "none"),
      (args, sandbox) => {
        const secret = "s3cr3t-value";
        const plan = planProcess(
          NPM,
          { args, env: { API_KEY: secret } },
          options({ sandbox, engineAvailable: true, policy: { unsandboxed: true } }),
        );
        assert.ok(!plan.args.some((arg) => arg.includes(secret)));
        assert.equal(plan.env.API_KEY, secret);
        const at = plan.args.findIndex((arg) => /^(?:npm:)?@scope\/server@1\.2\.3$/.test(arg));
        assert.deepEqual(plan.args.slice(at + 1), args);
      },
    ),
    { seed: 20260104, numRuns: 200 },
  );
});
