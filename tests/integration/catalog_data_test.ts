/**
 * The catalogue over real data: Docker's registry (2026-07-08), TensorBlock's list (2026-08-22) and
 * the official registry (2025-12-12), which lie beside the repository and are no part of it. Where
 * they are absent the tests are skipped. Needs read permission.
 *
 * The figures are those of the design notes: 328 + 7,799 + 1,055 = 9,182 entries are 8,998 servers.
 * They are reached with the notes' five rules. How the 184 joins spread over the rules differs from
 * the notes (repository 142, package 15, remote 13, image 10, folder 4) by one: here images,
 * packages and remotes are looked at before repositories, so that one pair which shares a remote
 * and a repository counts as a remote. What joins, and the servers by source, are the same.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openDisk } from "../../lib/host/disk.ts";
import { hasHiddenCharacters } from "../../lib/core/text.ts";
import { mergeEntries } from "../../lib/catalog/merge.ts";
import { folderTree, type SourceDefinition, type SourceRead } from "../../lib/catalog/source.ts";
import { packEntries, storedEntriesSchema, unpackEntries } from "../../lib/catalog/stored.ts";
import { awesomeSource } from "../../lib/catalog/sources/awesome.ts";
import { builtinEntries } from "../../lib/catalog/sources/builtin.ts";
import { customSource } from "../../lib/catalog/sources/custom.ts";
import { dockerSource } from "../../lib/catalog/sources/docker.ts";
import { officialSource } from "../../lib/catalog/sources/official.ts";
import type { Entry } from "../../lib/catalog/entry.ts";

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

/** Reads a source from a folder of the data. */
async function read(source: SourceDefinition, folder: string): Promise<SourceRead> {
  const disk = openDisk(SHARED.pathname);
  return await source.readTree(folderTree(disk, `data/${folder}`), { source: source.id });
}

const readDocker = () => read(dockerSource, "docker-mcp-registry");
const readAwesome = () => read(awesomeSource, "awesome-mcp-servers");
const readOfficial = () => read(officialSource, "official-registry/pages-latest-2025-12-12");

async function readAll(): Promise<readonly Entry[]> {
  const reads = await Promise.all([readDocker(), readAwesome(), readOfficial()]);
  return reads.flatMap(({ entries }) => entries);
}

/** How often each word occurs. */
function count(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** The sources of an entry, each once. */
function knownTo(entry: Entry): string {
  return [...new Set(entry.sources.map(({ source }) => source))].sort().join(" + ");
}

dataTest("Docker's registry gives 328 entries and no problem", async () => {
  const { entries, problems, skipped } = await readDocker();
  assert.equal(entries.length, 328);
  assert.deepEqual(problems, []);
  assert.equal(skipped, 0);
  assert.deepEqual(count(entries.map(({ launchMethods }) => launchMethods.join() || "none")), {
    podman: 249,
    "remote-http": 76,
    none: 3,
  });
  // 203 by secrets or sign-in, 3 by variables that cannot be left out; 7 have a variable that looks
  // like a key and is not said to be needed.
  assert.deepEqual(count(entries.map(({ requiresApiKey }) => String(requiresApiKey.value))), {
    true: 206,
    false: 115,
    unknown: 7,
  });
  assert.equal(entries.filter(({ status }) => status === "archived").length, 9);
  assert.equal(entries.filter(({ tools }) => tools !== undefined).length, 31);
  assert.equal(entries.filter(({ dockerBuilt }) => dockerBuilt).length, 224);
});

dataTest("TensorBlock's list gives 7,799 entries and one line that is none", async () => {
  const { entries, problems, skipped } = await readAwesome();
  assert.equal(entries.length, 7799);
  assert.deepEqual(problems, [{
    where: "docs/gaming.md:25",
    reason: "Cannot read the line: it is no list item with a link",
  }]);
  assert.equal(skipped, 0);
  assert.equal(entries.filter(({ repoUrl }) => repoUrl === undefined).length, 104);
  assert.equal(entries.filter(({ repoFolder }) => repoFolder !== undefined).length, 12);
  assert.equal(entries.filter(({ description }) => description === "").length, 0);
  assert.equal(new Set(entries.flatMap(({ categories }) => categories)).size, 34);
});

dataTest(
  "the official registry gives 1,055 entries, from pages and from the dump alike",
  async () => {
    const { entries, problems, skipped } = await readOfficial();
    assert.equal(entries.length, 1055);
    assert.deepEqual([problems, skipped], [[], 0]);
    const dump = await read(officialSource, "official-registry");
    assert.equal(dump.skipped, 2628 - 1055);
    const byId = (list: readonly Entry[]) => [...list].sort((a, b) => a.id < b.id ? -1 : 1);
    assert.deepEqual(byId(dump.entries), byId(entries));
    assert.deepEqual(count(entries.map(({ launchMethods: [first] }) => first ?? "none")), {
      podman: 73,
      "stdio-proxy": 441,
      "remote-http": 465,
      none: 76,
    });
    // 27 of 496 io.github name spaces do not own the repository that they name.
    assert.deepEqual(count(entries.map(({ verified }) => String(verified))), {
      true: 907,
      false: 27,
      undefined: 121,
    });
  },
);

dataTest("invented and single records of the official registry are read too", async () => {
  const synthetic = await read(officialSource, "official-registry/synthetic");
  assert.equal(synthetic.entries.length, 104);
  assert.equal(synthetic.entries.filter(({ status }) => status === "deprecated").length, 1);
  assert.equal(synthetic.skipped, 2);
  const single = await read(officialSource, "official-registry/server-json");
  assert.deepEqual(single.entries.map(({ name }) => name).sort(), [
    "chrome-devtools-mcp",
    "context7",
    "github-mcp-server",
    "mcpproxy-go",
    "playwright-mcp",
  ]);
  const github = single.entries.find(({ name }) => name === "github-mcp-server");
  assert.equal(github?.containerImage, "ghcr.io/github/github-mcp-server");
  assert.deepEqual(github?.packages[0]?.runtimeArgs, ["-p 127.0.0.1:8085:8085"]);
});

dataTest("9,182 entries are 8,998 servers", async () => {
  const entries = await readAll();
  assert.equal(entries.length, 9182);
  const merge = mergeEntries(entries);
  assert.equal(merge.entries.length, 8998);
  assert.deepEqual(merge.joins, {
    image: 10,
    package: 15,
    remote: 14,
    folder: 4,
    repository: 141,
  });
  assert.deepEqual(count(merge.entries.map(knownTo)), {
    awesome: 7686,
    official: 943,
    docker: 214,
    "awesome + docker": 58,
    "docker + official": 42,
    "awesome + official": 42,
    "awesome + docker + official": 13,
  });
  const several = merge.entries.filter((entry) =>
    new Set(entry.sources.map(({ source }) => source)).size < entry.sources.length
  );
  assert.equal(several.length, 16);
});

dataTest("servers of one mono-repository stay apart", async () => {
  const { entries } = mergeEntries(await readAll());
  const of = (repository: string) =>
    entries.filter(({ repoUrl }) => repoUrl?.toLowerCase() === `https://github.com/${repository}`);
  assert.equal(of("awslabs/mcp").length, 36);
  assert.equal(of("neo4j-contrib/mcp-neo4j").length, 4);
  assert.ok(of("neo4j-contrib/mcp-neo4j").every(({ sources }) => sources.length === 2));
});

dataTest("the built-in servers find their records in the other sources", async () => {
  const builtin = builtinEntries({ source: "builtin" });
  const { entries } = mergeEntries([...await readAll(), ...builtin]);
  assert.equal(entries.length, 8995);
  const known = entries.filter(({ featured }) => featured);
  assert.equal(known.length, builtin.length);
  assert.ok(known.filter(({ sources }) => sources.length > 1).length >= 55);
  const memory = entries.find(({ id }) => id === "reference/memory");
  assert.deepEqual(memory?.sources.map(({ id }) => id), ["reference/memory", "docker/memory"]);
  assert.deepEqual(memory?.launchMethods, ["podman", "stdio-proxy"]);
  const github = entries.find(({ id }) => id === "builtin/github");
  assert.deepEqual(github?.sources.map(({ id }) => id), [
    "builtin/github",
    "official/io.github.github/github-mcp-server",
    "docker/github-official",
    "awesome/github/github-mcp-server",
  ]);
});

dataTest("the merge does not depend on the order of the sources or entries", async () => {
  const entries = await readAll();
  const turned = [...entries].reverse();
  const middle = Math.floor(turned.length / 3);
  const rotated = [...turned.slice(middle), ...turned.slice(0, middle)];
  assert.deepEqual(mergeEntries(rotated), mergeEntries(entries));
});

dataTest("clones of templates are ranked down, originals and known servers are not", async () => {
  const { entries } = mergeEntries(await readAll());
  assert.equal(entries.filter(({ cloneRank = 0 }) => cloneRank > 0).length, 591);
  const remote = entries.filter(({ id }) => /^awesome\/[^/]+\/remote-mcp-server$/i.test(id));
  assert.equal(remote.length, 184);
  assert.equal(remote.filter(({ cloneRank = 0 }) => cloneRank > 0).length, 179);
  assert.ok(entries.every(({ sources, cloneRank = 0 }) => sources.length === 1 || cloneRank === 0));
});

dataTest("every entry is safe to show and to store", async () => {
  const { entries } = mergeEntries(await readAll());
  const folded = new Set<string>();
  for (const entry of entries) {
    assert.match(entry.id, /^[a-z]+\/[A-Za-z0-9._/@-]+$/);
    assert.ok(!entry.id.split("/").some((part) => part === "" || part === ".."), entry.id);
    folded.add(entry.id.toLowerCase());
    for (const text of [entry.name, entry.title, entry.description, entry.license ?? ""]) {
      assert.ok(!hasHiddenCharacters(text) && !text.includes("\n"), entry.id);
    }
    for (const url of [entry.repoUrl, entry.homepage, ...entry.remotes.map((item) => item.url)]) {
      assert.match(url ?? "https://", /^https?:\/\//, entry.id);
    }
    assert.equal(entry.launchMethods.length === 0, entry.notLaunchable !== undefined, entry.id);
  }
  assert.equal(folded.size, entries.length);
  const stored = JSON.stringify(packEntries(entries));
  assert.deepEqual(unpackEntries(storedEntriesSchema.parse(JSON.parse(stored))), entries);
});

dataTest("an operator's own folder of server.yaml is read as a source of its own", async () => {
  const ours = customSource({ id: "ours", location: "/srv/servers" });
  const { entries, problems } = await read(ours, "docker-mcp-registry");
  assert.equal(entries.length, 328);
  assert.deepEqual(problems, []);
  assert.ok(
    entries.every(({ id, sources }) => id.startsWith("ours/") && sources[0]?.url === undefined),
  );
  // Pointed at the folders themselves it finds the same.
  const direct = await read(ours, "docker-mcp-registry/servers");
  assert.equal(direct.entries.length, 328);
});
