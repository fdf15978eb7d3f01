/** Tests of the registry client against a real registry, cross-checked with skopeo. @module */

import assert from "node:assert/strict";
import { inspectImage, parsePlatform, parseReference, parseRepository } from "../../lib/oci/mod.ts";
import {
  buildEightPlatforms,
  buildEmptyConfigArtifact,
  buildHelmChart,
  buildImage,
  EIGHT_PLATFORMS,
} from "./images.ts";
import { integrationTest } from "./needs.ts";
import { openClient } from "./registry_client.ts";
import { startRegistry } from "./registry_harness.ts";
import { dockerUrl, skopeo, skopeoJson } from "./skopeo.ts";

const PLAIN = "--tls-verify=false";
const PLATFORMS = EIGHT_PLATFORMS.map(({ os, architecture, variant }) =>
  [os, architecture, variant].filter((part) => part !== undefined).join("/")
);

integrationTest(
  "tags() lists the same 10,000 tags as skopeo list-tags",
  { needs: ["docker-registry", "skopeo"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    const image = await buildImage({ os: "linux", architecture: "amd64" });
    await registry.push("team/app", image, ["latest"]);
    const tags = Array.from({ length: 10_000 }, (_, n) => `1.${Math.floor(n / 100)}.${n % 100}`);
    registry.tagMany("team/app", image.root, tags);
    const listing = await opened.client.tags(parseRepository(`${registry.host}/team/app`));
    // JSON of another program; the fields below are all that is used.
    const peer = await skopeoJson(["list-tags", PLAIN, dockerUrl(registry, "team/app")]) as {
      Tags: string[];
    };
    assert.equal(listing.tags.length, 10_001);
    assert.ok(!listing.truncated);
    assert.deepEqual([...listing.tags].sort(), [...peer.Tags].sort());
    assert.deepEqual([...listing.tags].sort(), ["latest", ...tags].sort());
  },
);

integrationTest(
  "catalog() follows the pages of a registry with 1,500 repositories",
  { needs: ["docker-registry"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    const names = Array.from({ length: 1500 }, (_, n) => `team/app-${String(n).padStart(4, "0")}`);
    registry.addRepositories(names);
    const { result, requests } = await registry.watch(() =>
      opened.client.catalog(registry.host, { limit: 5000, filter: () => true })
    );
    assert.deepEqual([...result.repositories].sort(), names);
    assert.ok(!result.truncated);
    assert.equal(requests.filter(({ path }) => path.startsWith("/v2/_catalog")).length, 2);
  },
);

integrationTest(
  "manifest() and blob() give the bytes that skopeo inspect gives, for an index and each platform",
  { needs: ["docker-registry", "skopeo"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    const built = await buildEightPlatforms();
    await registry.push("team/app", built, ["1.0"]);
    const name = `${registry.host}/team/app`;
    const { document } = await opened.client.manifest(parseReference(`${name}:1.0`));
    assert.equal(document.digest, built.root.digest);
    assert.deepEqual(
      document.bytes,
      await skopeo(["inspect", "--raw", PLAIN, dockerUrl(registry, "team/app:1.0")]),
    );
    assert.ok(document.kind === "index");
    assert.equal(document.index.manifests.length, 9);
    for (const child of document.index.manifests) {
      const one = `team/app@${child.digest}`;
      const answer = await opened.client.manifest(parseReference(`${registry.host}/${one}`));
      assert.deepEqual(
        answer.document.bytes,
        await skopeo(["inspect", "--raw", PLAIN, dockerUrl(registry, one)]),
      );
      assert.ok(answer.document.kind === "manifest");
      const { config } = answer.document.image;
      assert.ok(config !== undefined);
      assert.deepEqual(
        await opened.client.blob(parseRepository(name), config),
        await skopeo(["inspect", "--config", "--raw", PLAIN, dockerUrl(registry, one)]),
      );
    }
  },
);

integrationTest(
  "inspectImage() shows every platform with the sizes and digests that skopeo inspect shows",
  { needs: ["docker-registry", "skopeo"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    await registry.push("team/app", await buildEightPlatforms(), ["1.0"]);
    const reference = parseReference(`${registry.host}/team/app:1.0`);
    const info = await inspectImage(opened.client, reference, {
      platform: parsePlatform("linux/arm64"),
    });
    // arm64 is arm64/v8: the variant is the default and may be left out.
    assert.deepEqual(
      info.platforms.map(({ platform }) => platform.replace("/v8", "")),
      PLATFORMS.map((platform) => platform.replace("/v8", "")),
    );
    assert.equal(info.attestations, 1);
    assert.deepEqual(info.notes, []);
    for (const [index, shown] of info.platforms.entries()) {
      const { digest, size_bytes, layers, created } = shown;
      // JSON of another program; the fields below are all that is used.
      const peer = await skopeoJson(
        ["inspect", PLAIN, dockerUrl(registry, `team/app@${digest}`)],
      ) as { Created: string; Architecture: string; Layers: string[] };
      assert.equal(peer.Architecture, EIGHT_PLATFORMS[index]?.architecture);
      assert.equal(layers, peer.Layers.length);
      assert.equal(Date.parse(created ?? ""), Date.parse(peer.Created));
      const raw = await skopeoJson(
        ["inspect", "--raw", PLAIN, dockerUrl(registry, `team/app@${digest}`)],
      ) as { layers: { size: number }[] };
      assert.equal(size_bytes, raw.layers.reduce((sum, { size }) => sum + size, 0));
    }
    assert.equal(info.selected?.digest, info.platforms[4]?.digest);
    assert.deepEqual(info.selected?.env_names, ["PATH", "HARBOUR_TOKEN"]);
    assert.ok(!JSON.stringify(info).includes("not-a-secret"));
  },
);

integrationTest(
  "inspectImage() asked again costs one HEAD, and by digest nothing",
  { needs: ["docker-registry"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    const built = await buildEightPlatforms();
    await registry.push("team/app", built, ["1.0"]);
    const byTag = parseReference(`${registry.host}/team/app:1.0`);
    const first = await registry.watch(() => inspectImage(opened.client, byTag));
    // One HEAD, the index, and 8 platforms with a manifest and a config each.
    assert.deepEqual(
      [first.requests.length, first.requests.filter(({ method }) => method === "HEAD").length],
      [18, 1],
    );
    const second = await registry.watch(() => inspectImage(opened.client, byTag));
    assert.deepEqual(second.requests, [
      { method: "HEAD", path: "/v2/team/app/manifests/1.0", status: 200 },
    ]);
    assert.deepEqual(second.result, first.result);
    const byDigest = parseReference(`${registry.host}/team/app@${built.root.digest}`);
    const third = await registry.watch(() => inspectImage(opened.client, byDigest));
    assert.deepEqual(third.requests, []);
    assert.deepEqual(third.result.platforms, first.result.platforms);
  },
);

integrationTest(
  "manifest() knows a tag that skopeo copied, with all platforms, from another repository",
  { needs: ["docker-registry", "skopeo"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    const built = await buildEightPlatforms();
    await registry.push("team/app", built, ["1.0"]);
    await skopeo([
      ...["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"],
      ...[dockerUrl(registry, "team/app:1.0"), dockerUrl(registry, "mirror/app:copied")],
    ]);
    const { document } = await opened.client.manifest(
      parseReference(`${registry.host}/mirror/app:copied`),
    );
    assert.equal(document.digest, built.root.digest);
  },
);

integrationTest(
  "inspectImage() tells a chart, an artifact with an empty config and a Docker image apart",
  { needs: ["docker-registry"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    await registry.push("charts/harbour", await buildHelmChart(), ["1.2.3"]);
    await registry.push("cargo", buildEmptyConfigArtifact(), ["1"]);
    const docker = await buildImage({ os: "linux", architecture: "amd64", docker: true });
    await registry.push("old/app", docker, ["1"]);
    const info = (name: string) =>
      inspectImage(opened.client, parseReference(`${registry.host}/${name}`));
    const chart = await info("charts/harbour:1.2.3");
    assert.equal(chart.kind, "helm-chart");
    assert.equal(chart.artifact?.["name"], "harbour");
    const cargo = await info("cargo:1");
    assert.equal(cargo.kind, "artifact");
    assert.equal(cargo.artifact_type, "application/vnd.wharf.cargo.v1");
    const image = await info("old/app:1");
    assert.deepEqual(
      [image.kind, image.digest_of, image.digest, image.platforms.map(({ platform }) => platform)],
      ["image", "manifest", docker.root.digest, ["linux/amd64"]],
    );
  },
);

integrationTest(
  "manifest() says NOT_FOUND for a missing tag and a missing repository",
  { needs: ["docker-registry"] },
  async () => {
    await using registry = await startRegistry();
    await using opened = openClient();
    const image = await buildImage({ os: "linux", architecture: "amd64" });
    await registry.push("team/app", image, ["1.0"]);
    for (const name of ["team/app:9.9", "team/missing:1.0", `team/app@sha256:${"0".repeat(64)}`]) {
      await assert.rejects(
        opened.client.manifest(parseReference(`${registry.host}/${name}`)),
        { code: "NOT_FOUND" },
        name,
      );
    }
    await assert.rejects(
      opened.client.tags(parseRepository(`${registry.host}/team/missing`)),
      { code: "NOT_FOUND" },
    );
  },
);
