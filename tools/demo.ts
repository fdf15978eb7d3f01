/**
 * `deno task demo`: a real registry on this machine, with an image in it to ask about. Needs all
 * permissions; installs Debian's `docker-registry` where it is missing and it may.
 *
 * @module
 */

import { buildAttestation, buildImage, buildIndex } from "../tests/integration/images.ts";
import { startRegistry } from "../tests/integration/registry_harness.ts";
import { ensurePrerequisites } from "./prerequisites.ts";

if (import.meta.main) Deno.exit(await demo());

async function demo(): Promise<number> {
  // It says itself what is missing and how to get it.
  if ((await ensurePrerequisites()).includes("docker-registry")) return 1;
  await using registry = await startRegistry();
  const config = {
    User: "65532",
    Entrypoint: ["/app"],
    Env: ["PATH=/bin", "GREETING=hello"],
    ExposedPorts: { "8080/tcp": {} },
    Labels: { "org.opencontainers.image.title": "demo" },
  };
  const amd64 = await buildImage({ os: "linux", architecture: "amd64", config });
  const arm64 = await buildImage({ os: "linux", architecture: "arm64", config });
  const index = buildIndex([amd64, arm64, buildAttestation(amd64)]);
  await registry.push("demo/app", index, ["1.0.0", "1.1.0", "1.1.0-alpine", "latest"]);
  const image = `${registry.host}/demo/app`;
  const lines = [
    `A registry is at ${registry.host}, with the image ${image}. In another terminal:`,
    `  deno task wharf tags ${image}`,
    `  deno task wharf inspect ${image}:1.1.0`,
    `  deno task start, then:`,
    "  npx -y @modelcontextprotocol/inspector --cli http://127.0.0.1:8080/mcp \\",
    `    --method tools/call --tool-name get_image_info --tool-arg image_ref=${image}:1.1.0`,
    "Stop: Ctrl+C (the registry and its files go with it)",
  ];
  await Deno.stdout.write(new TextEncoder().encode(`${lines.join("\n")}\n`));
  const stopped = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopped.resolve());
  }
  await stopped.promise;
  return 0;
}
