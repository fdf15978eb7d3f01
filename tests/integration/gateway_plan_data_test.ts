/**
 * Plans for every entry of real catalogues, which lie beside the repository and are no part of it
 * (see `catalog_data_test.ts`). Where they are absent the tests are skipped. Needs read permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openDisk } from "../../lib/host/disk.ts";
import { AppError } from "../../lib/core/errors.ts";
import type { Entry, Setting } from "../../lib/catalog/entry.ts";
import { mergeEntries } from "../../lib/catalog/merge.ts";
import { folderTree, type SourceDefinition } from "../../lib/catalog/source.ts";
import { awesomeSource } from "../../lib/catalog/sources/awesome.ts";
import { builtinEntries } from "../../lib/catalog/sources/builtin.ts";
import { dockerSource } from "../../lib/catalog/sources/docker.ts";
import { officialSource } from "../../lib/catalog/sources/official.ts";
import { planActivation } from "../../lib/gateway/plan.ts";
import { type Candidate, candidatesOf } from "../../lib/gateway/plan_candidates.ts";
import { renderParts } from "../../lib/gateway/plan_render.ts";
import type { ActivationPlan } from "../../lib/gateway/plan_types.ts";
import { viewPlan } from "../../lib/gateway/plan_view.ts";
import { parsePolicy } from "../../lib/gateway/policy.ts";
import { readValue } from "../../lib/gateway/stored_value.ts";
import type { GivenValue } from "../../lib/gateway/template.ts";
import { defaultPrefix } from "../../lib/gateway/names.ts";

const SHARED = new URL("../../../shared", import.meta.url);

function isThere(): boolean {
  try {
    return Deno.statSync(new URL(`${SHARED.href}/data`)).isDirectory;
  } catch {
    return false;
  }
}

function dataTest(name: string, body: () => Promise<void>): void {
  if (isThere()) Deno.test(name, body);
  else Deno.test.ignore(`${name} [../shared/data not found]`, body);
}

async function read(source: SourceDefinition, folder: string): Promise<readonly Entry[]> {
  const disk = openDisk(SHARED.pathname);
  const { entries } = await source.readTree(folderTree(disk, `data/${folder}`), {
    source: source.id,
  });
  return entries;
}

let loaded: Promise<readonly Entry[]> | undefined;

/** All servers, merged as Wharf merges them; read once. */
async function servers(): Promise<readonly Entry[]> {
  loaded ??= Promise.all([
    read(dockerSource, "docker-mcp-registry"),
    read(awesomeSource, "awesome-mcp-servers"),
    read(officialSource, "official-registry/pages-latest-2025-12-12"),
    builtinEntries({ source: "builtin" }),
  ]).then((lists) => mergeEntries(lists.flat()).entries);
  return await loaded;
}

/** How often each word occurs. */
function count(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** The plan of an entry, or the code of the `AppError` that there is none. */
function planOf(
  entry: Entry,
  policy: unknown,
  stored: Readonly<Record<string, string>> = {},
): ActivationPlan | string {
  try {
    return planActivation(entry, { by: "client" }, {
      policy: parsePolicy(policy),
      stored: new Map(Object.entries(stored).map(([name, text]) => [name, readValue(text)])),
    });
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown.code;
    throw new Error(`${entry.id}: ${thrown}`);
  }
}

/** What becomes of all servers under a policy: the verdict, and whether something is missing. */
async function verdicts(policy: unknown): Promise<Readonly<Record<string, number>>> {
  return count(
    (await servers()).map((entry) => {
      const plan = planOf(entry, policy);
      if (typeof plan === "string") return plan;
      const { verdict: { verdict, rule }, method, missing } = plan;
      const lacks = missing.length > 0 && verdict !== "refused" ? " lacks values" : "";
      return `${method}: ${rule ?? verdict}${lacks}`;
    }),
  );
}

dataTest(
  "every server is planned or refused in Wharf's words, under the usual policy",
  async () => {
    const found = await verdicts({});
    // The 8,995 servers of `catalog_data_test.ts`.
    assert.equal(Object.values(found).reduce((sum, number) => sum + number, 0), 8995);
    assert.deepEqual(found, {
      "podman: allowed": 10,
      "podman: allowed lacks values": 9,
      "podman: confirm": 103,
      "podman: confirm lacks values": 168,
      "remote-http: allowed": 20,
      "remote-http: allowed lacks values": 3,
      "remote-http: confirm": 348,
      "remote-http: confirm lacks values": 257,
      "source: confirm": 7349,
      "stdio-proxy: allowed": 7,
      "stdio-proxy: allowed lacks values": 1,
      "stdio-proxy: confirm": 496,
      "stdio-proxy: confirm lacks values": 136,
      UNSUPPORTED: 88,
    });
  },
);

dataTest("a strict policy leaves what is official and pinned", async () => {
  assert.deepEqual(await verdicts({ require_official: true, require_digest: true }), {
    "podman: policy.require_digest": 4,
    "podman: policy.require_official": 271,
    "remote-http: allowed": 20,
    "remote-http: allowed lacks values": 4,
    "remote-http: policy.require_official": 605,
    "source: policy.require_official": 7349,
    "stdio-proxy: allowed": 16,
    "stdio-proxy: allowed lacks values": 7,
    "stdio-proxy: policy.require_official": 631,
    UNSUPPORTED: 88,
  });
});

dataTest("a policy without network or builds leaves containers and packages", async () => {
  assert.deepEqual(await verdicts({ network: "none", build: false }), {
    "podman: allowed": 10,
    "podman: allowed lacks values": 13,
    "podman: confirm": 103,
    "podman: confirm lacks values": 171,
    "remote-http: policy.network": 586,
    "source: policy.build": 7349,
    "stdio-proxy: allowed": 8,
    "stdio-proxy: allowed lacks values": 4,
    "stdio-proxy: confirm": 525,
    "stdio-proxy: confirm lacks values": 138,
    UNSUPPORTED: 88,
  });
});

dataTest("every plan can be shown, and holds nothing hidden", async () => {
  for (const entry of await servers()) {
    const plan = planOf(entry, {});
    if (typeof plan === "string") continue;
    const shown = JSON.stringify(viewPlan(plan));
    assert.ok(shown.length < 64 * 1024, entry.id);
    assert.match(plan.prefix, /^[a-z0-9_-]{1,32}$/);
    assert.equal(plan.prefix, defaultPrefix(entry.id));
    assert.ok(plan.args.every((text) => !text.includes("\0")));
  }
});

dataTest("run arguments of catalogues are named and never passed on", async () => {
  const fates: string[] = [];
  for (const entry of await servers()) {
    for (const candidate of candidates(entry)) {
      const wanted = candidate.runtimeArgs;
      if (wanted.length === 0) continue;
      const plan = planActivation(
        {
          ...entry,
          packages: entry.packages.filter((item) => item.runtimeArgs === wanted),
          remotes: [],
        },
        { by: "client" },
        { policy: parsePolicy() },
      );
      for (const text of wanted) {
        const found = plan.runArguments.find((argument) => argument.text === text);
        fates.push(`${plan.method} ${found?.fate}: ${found?.why}`);
      }
    }
  }
  assert.deepEqual(count(fates), {
    "podman refused: Wharf gives a container its network": 1,
    "podman refused: a server that speaks on stdio needs no port": 2,
    "podman refused: it would share the network of this machine": 1,
    "stdio-proxy refused: Wharf starts packages with arguments of its own": 33,
  });
});

function candidates(entry: Entry): readonly Candidate[] {
  try {
    return candidatesOf(entry, { by: "client" });
  } catch (thrown) {
    if (thrown instanceof AppError) return [];
    throw thrown;
  }
}

/** Values that want to be options, lines, paths or hosts. */
const HOSTILE = [
  "--hostile",
  "-hostile",
  "--hostile=1\n--hostile",
  "../hostile",
  "/hostile:/etc",
  "hostile.example/#",
  "a\r\nX-Hostile: 1",
  '","hostile":"',
  "{hostile}",
  "\0",
] as const;

function valueFor({ format, choices }: Setting, hostile: string, isList: boolean): string {
  if (choices !== undefined) return choices[0] ?? hostile;
  if (format === "boolean") return "true";
  if (format === "number") return "-5";
  return format === "list" && isList ? JSON.stringify([hostile, hostile]) : hostile;
}

dataTest("no hostile value becomes an option, a header, a host or a mount of its own", async () => {
  let [rendered, refused, withValues] = [0, 0, 0];
  for (const entry of await servers()) {
    for (const candidate of candidates(entry)) {
      const { target, settings, args, run } = candidate;
      if (settings.length === 0) continue;
      for (const [index, hostile] of HOSTILE.entries()) {
        const given = new Map<string, GivenValue>(settings.map((setting) => [
          setting.name,
          { kind: "text", text: valueFor(setting, hostile, index % 2 === 0) },
        ]));
        const parts = {
          settings,
          args,
          ...(run === undefined ? {} : { run }),
          ...(target.kind === "remote" ? { url: target.url } : {}),
        };
        try {
          const shown = renderParts(target, parts, given);
          rendered += 1;
          withValues += Number(shown.args.some((text) => text.includes("hostile")));
          const own = args.flatMap(({ name, value }) => [name, value]);
          for (const text of shown.args) {
            assert.ok(!/^-+hostile/.test(text), `${entry.id}: ${text}`);
            // A negative number may follow its flag; all else with a dash is the catalogue's.
            const isOwn = own.some((word) =>
              word === text || text.startsWith((word ?? "\0").split("{")[0] || "\0")
            );
            assert.ok(!text.startsWith("-") || text === "-5" || isOwn, `${entry.id}: ${text}`);
          }
          for (const value of Object.values(shown.headers)) assert.doesNotMatch(value, /[\r\n\0]/);
          assert.ok(!shown.host?.includes("hostile"), `${entry.id}: ${shown.host}`);
          for (const { source } of shown.mounts) {
            assert.doesNotMatch(source, /:|\.\.|\n/, `${entry.id}: ${source}`);
          }
        } catch (thrown) {
          if (!(thrown instanceof AppError)) throw thrown;
          assert.ok(!`${thrown.message}${thrown.hint}`.includes("\0"));
          refused += 1;
        }
      }
    }
  }
  assert.deepEqual({ rendered, refused, withValues }, {
    rendered: 6697,
    refused: 1753,
    withValues: 108,
  });
});
