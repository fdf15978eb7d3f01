/**
 * The workflows of CI and of a release, as far as they can be checked without running them: they
 * parse, their parts exist, and they give away no right. Needs read permission for the repository,
 * and bash.
 *
 * @module
 */

import assert from "node:assert/strict";
import { load } from "js-yaml";
import { z } from "zod";
import deno from "../../deno.json" with { type: "json" };
import { binaryName, TARGETS } from "../../tools/release.ts";

const ROOT = new URL("../../", import.meta.url);
const FOLDER = new URL(".github/workflows/", ROOT);

const STEP = z.union([
  z.strictObject({
    name: z.string().optional(),
    id: z.string().optional(),
    uses: z.string(),
    with: z.record(z.string(), z.unknown()).optional(),
  }),
  z.strictObject({
    name: z.string().optional(),
    id: z.string().optional(),
    run: z.string(),
    env: z.record(z.string(), z.string()).optional(),
  }),
]);

/** What is used of the language; a misspelt key is refused. */
const WORKFLOW = z.strictObject({
  name: z.string(),
  on: z.looseObject({}),
  permissions: z.strictObject({ contents: z.literal("read") }),
  concurrency: z.strictObject({ group: z.string(), "cancel-in-progress": z.boolean() }),
  jobs: z.record(
    z.string(),
    z.strictObject({
      needs: z.union([z.string(), z.array(z.string())]).optional(),
      "runs-on": z.string(),
      "timeout-minutes": z.number().max(60),
      strategy: z.strictObject({
        "fail-fast": z.literal(false),
        matrix: z.record(z.string(), z.array(z.unknown())),
      }).optional(),
      permissions: z.record(z.string(), z.enum(["read", "write"])).optional(),
      defaults: z.strictObject({ run: z.strictObject({ shell: z.literal("bash") }) }).optional(),
      env: z.record(z.string(), z.string()).optional(),
      steps: z.array(STEP).min(1),
    }),
  ),
});

type Workflow = z.infer<typeof WORKFLOW>;

interface Read {
  readonly file: string;
  readonly text: string;
  readonly workflow: Workflow;
}

async function readWorkflows(): Promise<readonly Read[]> {
  const names = await Array.fromAsync(Deno.readDir(FOLDER), ({ name }) => name);
  return await Promise.all(
    names.sort().map(async (file) => {
      const text = await Deno.readTextFile(new URL(file, FOLDER));
      return { file, text, workflow: WORKFLOW.parse(load(text)) };
    }),
  );
}

const WORKFLOWS = await readWorkflows();

function workflow(name: string): Workflow {
  return WORKFLOWS.find(({ file }) => file === name)?.workflow ?? assert.fail(name);
}

function steps({ workflow }: Read): readonly z.infer<typeof STEP>[] {
  return Object.values(workflow.jobs).flatMap((job) => job.steps);
}

function scripts(read: Read): readonly string[] {
  return steps(read).flatMap((step) => "run" in step ? [step.run] : []);
}

function needs({ jobs }: Workflow, job: string): readonly string[] {
  return [jobs[job]?.needs ?? []].flat();
}

/** All that a job waits for. */
function before(flow: Workflow, job: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (name: string) => {
    for (const need of needs(flow, name)) {
      assert.ok(need in flow.jobs, `${name} needs ${need}, which is no job`);
      assert.notEqual(need, job, `${job} waits for itself`);
      if (found.has(need)) continue;
      found.add(need);
      visit(need);
    }
  };
  visit(job);
  return found;
}

Deno.test("every workflow parses, and waits for jobs that are there", () => {
  assert.deepEqual(WORKFLOWS.map(({ file }) => file), ["ci.yml", "release.yml"]);
  for (const { workflow } of WORKFLOWS) {
    for (const job of Object.keys(workflow.jobs)) before(workflow, job);
  }
});

Deno.test("every action is pinned to a commit, with its version beside it", () => {
  for (const read of WORKFLOWS) {
    const used = steps(read).flatMap((step) => "uses" in step ? [step.uses] : []);
    assert.ok(used.length > 0);
    for (const action of used) {
      assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, read.file);
      const [, version] = read.text.split(`${action} # `);
      assert.match(version ?? "", /^v\d+\.\d+\.\d+\n/, `${read.file}: ${action}`);
    }
    const checkouts = steps(read).flatMap((step) =>
      "uses" in step && step.uses.startsWith("actions/checkout@") ? [step.with] : []
    );
    for (const options of checkouts) assert.equal(options?.["persist-credentials"], false);
  }
});

Deno.test("no script has words of the event in it; they come as variables", () => {
  for (const read of WORKFLOWS) {
    for (const script of scripts(read)) assert.doesNotMatch(script, /\$\{\{/, read.file);
  }
});

Deno.test("every script is bash, and calls tasks, tools and files that are there", async () => {
  for (const read of WORKFLOWS) {
    for (const script of scripts(read)) {
      const child = new Deno.Command("bash", {
        args: ["-n"],
        stdin: "piped",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(script));
      await writer.close();
      const { success, stderr } = await child.output();
      assert.ok(success, `${script}\n${new TextDecoder().decode(stderr)}`);
      for (const [, task = ""] of script.matchAll(/deno task ([\w:]+)/g)) {
        assert.ok(Object.hasOwn(deno.tasks, task), task);
      }
      for (const [path] of script.matchAll(/(?:tools|tests|\.ci)\/[\w./]+/g)) {
        assert.ok((await Deno.stat(new URL(path, ROOT))).isFile, path);
      }
    }
  }
});

Deno.test("every workflow uses the Deno that the tests are run with", async () => {
  const [, version = ""] = /deno@([\d.]+)/.exec(
    await Deno.readTextFile(new URL(".ci/run", ROOT)),
  ) ?? [];
  for (const read of WORKFLOWS) {
    for (const step of steps(read)) {
      if (!("uses" in step) || !step.uses.startsWith("denoland/setup-deno@")) continue;
      assert.equal(step.with?.["deno-version"], `v${version}`, read.file);
    }
  }
});

Deno.test("a release waits for the gate and for every binary that ran", () => {
  const release = workflow("release.yml");
  for (const job of ["release", "jsr", "image"]) {
    const first = before(release, job);
    for (const need of ["gate", "build", "run"]) assert.ok(first.has(need), `${job}: ${need}`);
  }
});

Deno.test("a release runs and attests each of the binaries, by its name", () => {
  const names = Object.keys(TARGETS).map(binaryName).sort();
  const { run, build } = workflow("release.yml").jobs;
  const Row = z.object({ os: z.string(), binary: z.string() });
  const rows = (run?.strategy?.matrix["include"] ?? []).map((row) => Row.parse(row));
  assert.deepEqual(rows.map(({ binary }) => binary).sort(), names);
  assert.equal(new Set(rows.map(({ os }) => os)).size, names.length);
  const attested = build?.steps.flatMap((step) =>
    "uses" in step && step.uses.startsWith("actions/attest-build-provenance@")
      ? String(step.with?.["subject-path"]).trim().split("\n")
      : []
  );
  assert.deepEqual(attested?.sort(), names.map((name) => `dist/${name}`));
});

Deno.test("a version to try becomes nobody's latest", async () => {
  const { release, image } = workflow("release.yml").jobs;
  const script = (steps: readonly z.infer<typeof STEP>[] | undefined, what: string) =>
    (steps ?? []).flatMap((step) => "run" in step && step.run.includes(what) ? [step.run] : [])
      .join("\n");
  /** What the script would run, with programs that only say how they were called. */
  const calls = async (text: string, tag: string) => {
    const folder = await Deno.makeTempDir({ prefix: "wharf-workflow-" });
    try {
      const { success, stdout, stderr } = await new Deno.Command("bash", {
        args: [
          "-euo",
          "pipefail",
          "-c",
          `podman() { echo "podman $*"; }; gh() { echo "gh $*"; }
cat() { echo sha256:0; }\n${text}`,
        ],
        clearEnv: true,
        cwd: folder,
        env: {
          PATH: Deno.env.get("PATH") ?? "",
          HOME: folder,
          TAG: tag,
          REPOSITORY: "wharf/wharf",
          IMAGE: "ghcr.io/wharf/wharf",
          ACTOR: "me",
          PASSWORD: "none",
          GITHUB_OUTPUT: `${folder}/output`,
        },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  const push = script(image?.steps, "manifest push");
  const whole = await calls(push, "v1.2.3");
  assert.match(whole, /docker:\/\/ghcr\.io\/wharf\/wharf:1\.2\.3\n.*wharf:latest\n/);
  const early = await calls(push, "v1.2.3-rc.1");
  assert.match(early, /docker:\/\/ghcr\.io\/wharf\/wharf:1\.2\.3-rc\.1\n/);
  assert.doesNotMatch(early, /latest/);
  const create = script(release?.steps, "gh release create");
  assert.match(await calls(create, "v1.2.3"), /^gh release create v1\.2\.3 .*--latest /m);
  assert.match(await calls(create, "v1.2.3-rc.1"), /^gh release create .*--prerelease /m);
});

Deno.test("a job has no more rights than its work needs", () => {
  const rights = Object.fromEntries(
    Object.entries(workflow("release.yml").jobs).map(([name, { permissions }]) => [
      name,
      Object.keys(permissions ?? {}).filter((right) => permissions?.[right] === "write").sort(),
    ]),
  );
  assert.deepEqual(rights, {
    gate: [],
    build: ["attestations", "id-token"],
    run: [],
    release: ["contents"],
    jsr: ["id-token"],
    image: ["attestations", "id-token", "packages"],
  });
});

Deno.test("the image of a release stands on the base that the Containerfile names", async () => {
  const text = await Deno.readTextFile(new URL("Containerfile", ROOT));
  const [, base] = /^ARG BASE=(\S+)$/m.exec(text) ?? [];
  assert.equal(workflow("release.yml").jobs["image"]?.env?.["BASE"], base);
  assert.match(base ?? "", /\/distroless\/.*:nonroot$/);
  // Every build argument of the workflow is one that the file takes.
  const script = scripts({ file: "", text: "", workflow: workflow("release.yml") }).join("\n");
  for (const [, name = ""] of script.matchAll(/--build-arg (\w+)=/g)) {
    assert.match(text, new RegExp(`^ARG ${name}=`, "m"), name);
  }
});
