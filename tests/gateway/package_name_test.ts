import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError, type ErrorCode } from "../../lib/core/errors.ts";
import { isPinned, packageName, pinnedPackage } from "../../lib/gateway/package_name.ts";

function throwsApp(action: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(action, (thrown) => {
    assert.ok(thrown instanceof AppError);
    assert.equal(thrown.code, code);
    assert.match(thrown.message, message);
    return true;
  });
}

Deno.test("pinnedPackage() takes the parts of packages apart", () => {
  const npm = pinnedPackage({
    type: "npm",
    identifier: "@scope/Some.Server",
    version: "1.2.3-rc.1",
    registryUrl: "https://registry.npmjs.org",
    program: "serve",
  });
  assert.deepEqual({ ...npm, folder: "" }, {
    type: "npm",
    name: "@scope/Some.Server",
    extras: "",
    version: "1.2.3-rc.1",
    program: "serve",
    label: "npm:@scope/Some.Server@1.2.3-rc.1",
    folder: "",
  });
  assert.match(npm.folder, /^npm-some_server-[0-9a-f]{12}$/);
  const pypi = pinnedPackage({
    type: "pypi",
    identifier: "mcp-server[cli,x]",
    version: "1!2.0rc1",
  });
  assert.deepEqual({ ...pypi, folder: "" }, {
    type: "pypi",
    name: "mcp-server",
    extras: "[cli,x]",
    version: "1!2.0rc1",
    label: "pypi:mcp-server[cli,x]@1!2.0rc1",
    folder: "",
  });
});

Deno.test("pinnedPackage() gives every package a folder of its own", () => {
  const folders = [
    ["npm", "a", "1.0.0"],
    ["npm", "a", "1.0.1"],
    ["pypi", "a", "1.0.0"],
    ["npm", "@s/a", "1.0.0"],
    ["npm", "@t/a", "1.0.0"],
  ].map(([type = "", identifier = "", version = ""]) =>
    pinnedPackage({ type, identifier, version }).folder
  );
  assert.equal(new Set(folders).size, folders.length);
});

Deno.test("isPinned() takes one exact version only", () => {
  for (const version of ["1.0.0", "2026.8.31", "0.0.1-alpha.1+build.5"]) {
    assert.ok(isPinned({ type: "npm", identifier: "a", version }), version);
  }
  for (
    const version of [
      "latest",
      "^1.0.0",
      "1.x",
      "1",
      ">=1.0.0",
      "",
      "1.0.0 ",
      "file:../a",
      "-1.0.0",
    ]
  ) {
    assert.ok(!isPinned({ type: "npm", identifier: "a", version }), version);
  }
  for (
    const version of ["1", "1.0", "2025.7.1", "1.0.post1", "1.0rc1", "1.0.dev3", "1!1.0", "1.0+cu1"]
  ) {
    assert.ok(isPinned({ type: "pypi", identifier: "a", version }), version);
  }
  for (
    const version of ["", ">=1", "1.*", "==1.0", "latest", "1.0;x", "@ file:///a", "1".repeat(300)]
  ) {
    assert.ok(!isPinned({ type: "pypi", identifier: "a", version }), version);
  }
  assert.ok(!isPinned({ type: "npm", identifier: "a" }));
  assert.ok(!isPinned({ type: "pypi", identifier: "a", version: `1${"a".repeat(200)}!` }));
});

Deno.test("packageName() refuses what is no name", () => {
  for (
    const identifier of [
      "-y",
      "--package=evil",
      "@-scope/a",
      "@scope/-a",
      "../a",
      "/abs",
      ".",
      "a b",
      "a@1.0.0",
      "https://evil.example/a.tgz",
      "git+ssh://x",
      "file:a",
      "",
      "a/b",
      "a\u200b",
      "a".repeat(215),
    ]
  ) {
    throwsApp(() => packageName({ type: "npm", identifier }), "INVALID_ARGUMENT", /no name/);
    throwsApp(() => packageName({ type: "pypi", identifier }), "INVALID_ARGUMENT", /no name/);
  }
  throwsApp(
    () => packageName({ type: "pypi", identifier: "a[b] @ file:///x" }),
    "INVALID_ARGUMENT",
    /^Cannot run "pypi:a\[b\] @ file:\/\/\/x": it is no name of a package$/,
  );
});

Deno.test("packageName() takes only names that no command reads as a flag, a path or a URL", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom("npm", "pypi"),
      (identifier, type) => {
        try {
          const { name } = packageName({ type, identifier });
          assert.match(name, /^[@A-Za-z0-9_~]/);
          assert.doesNotMatch(
            name,
            /[^!-~]|[:\\?#%&|;<>$`"'!*(){}]|\/.*\//u,
          );
        } catch (thrown) {
          assert.ok(thrown instanceof AppError);
        }
      },
    ),
    { seed: 20260103, numRuns: 2000 },
  );
});

Deno.test("packageName() runs no other kinds, and no other registries", () => {
  throwsApp(
    () => packageName({ type: "cargo", identifier: "a" }),
    "UNSUPPORTED",
    /^Cannot run "cargo:a": Wharf runs npm and PyPI packages$/,
  );
  throwsApp(
    () =>
      packageName({
        type: "npm",
        identifier: "a",
        registryUrl: "https://registry.npmjs.org.evil.example",
      }),
    "UNSUPPORTED",
    /another registry/,
  );
  for (const registryUrl of ["https://pypi.org", "https://pypi.org/simple/"]) {
    assert.equal(packageName({ type: "pypi", identifier: "a", registryUrl }).name, "a");
  }
});

Deno.test("pinnedPackage() refuses a range, and a program that is a path or a flag", () => {
  throwsApp(
    () => pinnedPackage({ type: "npm", identifier: "a", version: "^1.0.0" }),
    "INVALID_ARGUMENT",
    /^Cannot run "npm:a": its version must be resolved first$/,
  );
  throwsApp(
    () => pinnedPackage({ type: "pypi", identifier: "a" }),
    "INVALID_ARGUMENT",
    /resolved first/,
  );
  for (const program of ["../x", "-c", "a b", ""]) {
    throwsApp(
      () => pinnedPackage({ type: "npm", identifier: "a", version: "1.0.0", program }),
      "INVALID_ARGUMENT",
      /is no name of a program$/,
    );
  }
});
