/**
 * Runs a deno subcommand with `@std` from JSR or, where JSR cannot be reached, from the npm
 * package `deno-std`. What is used from `@std` is listed in deno.json and nowhere else: the
 * import map is made from its `imports`. Needs all permissions; development only.
 *
 * @example
 * ```sh
 * deno run -A tools/deno.ts run -P=full main.ts --version
 * ```
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };

/** The npm package that carries the `@std` modules as plain JavaScript, where JSR is out of reach. */
const STD_ON_NPM = "npm:deno-std@1.4.0";

/** Modules of `@std` that the code imports beside a package's main module. */
const STD_SUBPATHS = ["@std/cli/parse-args", "@std/path/join"];

/** Subcommands that take `--import-map`. */
const MAPPED = new Set(["run", "test", "check", "bench", "bundle", "compile", "cache", "doc"]);

/** Subcommands that resolve imports but take no import map: they run in a mirror of the tree. */
const MIRRORED = new Set(["publish"]);

const root = new URL("../", import.meta.url);

/**
 * Whether JSR answers. Where it does not, the name does not resolve or the connection fails at once.
 *
 * @returns `false` when the packages of deno.json cannot be had from JSR.
 */
export async function jsrReachable(): Promise<boolean> {
  const registry = Deno.env.get("JSR_URL") ?? "https://jsr.io";
  try {
    const response = await fetch(new URL("/@std/path/meta.json", registry), {
      signal: AbortSignal.timeout(5000),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * The imports of deno.json, with every `jsr:@std/` package replaced by the same module of npm.
 *
 * @returns An import map's `imports`.
 */
export function npmImports(): Record<string, string> {
  const imports: Record<string, string> = {};
  for (const [name, specifier] of Object.entries<string>(config.imports)) {
    if (!specifier.startsWith("jsr:@std/")) {
      imports[name] = specifier;
      // Import maps, unlike deno.json, do not add the entry for sub-paths.
      if (specifier.startsWith("npm:")) {
        imports[`${name}/`] = specifier.replace("npm:", "npm:/") + "/";
      }
      continue;
    }
    const unit = name.slice("@std/".length);
    imports[name] = `${STD_ON_NPM}/${unit}/mod.js`;
    for (const subpath of STD_SUBPATHS) {
      if (!subpath.startsWith(`${name}/`)) continue;
      const file = subpath.slice(name.length + 1).replaceAll("-", "_");
      imports[subpath] = `${STD_ON_NPM}/${unit}/${file}.js`;
    }
  }
  return imports;
}

/**
 * The arguments that make `deno` run a subcommand on this machine.
 *
 * @param args Subcommand and its arguments.
 * @returns The same, with an import map where JSR cannot be reached.
 */
export async function denoArgs(args: readonly string[]): Promise<string[]> {
  const [subcommand = "", ...rest] = args;
  if (!MAPPED.has(subcommand) || await jsrReachable()) return [...args];
  const map = JSON.stringify({ imports: npmImports() });
  return [
    subcommand,
    `--import-map=data:application/json;base64,${btoa(map)}`,
    ...rest,
  ];
}

/**
 * A copy of the tracked tree whose deno.json names npm instead of JSR, for subcommands that take
 * no import map.
 */
async function mirror(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "wharf-mirror-" });
  const listed = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: root,
  }).output();
  for (const path of new TextDecoder().decode(listed.stdout).split("\0").filter(Boolean)) {
    if (path === "deno.json" || path === "deno.lock") continue;
    const target = `${directory}/${path}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(new URL(path, root), target);
  }
  const imports = Object.fromEntries(
    Object.entries(npmImports()).filter(([name]) => !name.endsWith("/")),
  );
  await Deno.writeTextFile(
    `${directory}/deno.json`,
    JSON.stringify({ ...config, imports, lock: false }, null, 2),
  );
  return directory;
}

if (import.meta.main) {
  const [subcommand = ""] = Deno.args;
  const mirrored = MIRRORED.has(subcommand) && !(await jsrReachable()) ? await mirror() : undefined;
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: mirrored === undefined ? await denoArgs(Deno.args) : [...Deno.args],
      ...(mirrored === undefined ? {} : { cwd: mirrored }),
    }).spawn();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => {
        try {
          child.kill(signal);
        } catch {
          // The child has ended already.
        }
      });
    }
    const { code } = await child.status;
    Deno.exitCode = code;
  } finally {
    if (mirrored !== undefined) await Deno.remove(mirrored, { recursive: true });
  }
  Deno.exit();
}
