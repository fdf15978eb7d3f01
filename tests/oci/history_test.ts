/**
 * Tests of lib/oci/history.ts. Needs no permission.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { digestOf } from "../../lib/oci/digest.ts";
import { historyOf, instructionOf } from "../../lib/oci/history.ts";
import { parseImageConfig } from "../../lib/oci/image_config.ts";
import type { Descriptor } from "../../lib/oci/manifest.ts";

function layer(name: string, size: number): Descriptor {
  return {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: digestOf(new TextEncoder().encode(name)),
    size,
  };
}

function configWith(history: unknown) {
  const bytes = new TextEncoder().encode(JSON.stringify({ history }));
  return parseImageConfig(bytes, "the config");
}

Deno.test("instructionOf() turns what builders record into lines of a Dockerfile", () => {
  const table: readonly (readonly [string, string])[] = [
    // Docker's classic builder
    ['/bin/sh -c #(nop)  CMD ["nginx" "-g" "daemon off;"]', 'CMD ["nginx" "-g" "daemon off;"]'],
    ["/bin/sh -c #(nop) ADD file:0e56 in / ", "ADD file:0e56 in /"],
    ["/bin/sh -c apt-get update \t&& rm -rf /x", "RUN apt-get update && rm -rf /x"],
    ["|1 VERSION=1.2 /bin/sh -c make install", "RUN make install"],
    ["/bin/bash -o pipefail -c curl x | sh", "RUN curl x | sh"],
    // BuildKit
    ["RUN /bin/sh -c apk add curl # buildkit", "RUN apk add curl"],
    ["RUN |2 A=1 B=two words /bin/sh -c echo $A # buildkit", "RUN echo $A"],
    ["RUN |1 A=1 /bin/bash -eo pipefail -c make # buildkit", "RUN make"],
    ["RUN |0 /bin/ash -c true # buildkit", "RUN true"],
    ["RUN /usr/local/bin/build # buildkit", "RUN /usr/local/bin/build"],
    ["COPY /app /app # buildkit", "COPY /app /app"],
    ['CMD ["sh"]', 'CMD ["sh"]'],
    ["WORKDIR /srv", "WORKDIR /srv"],
    ["EXPOSE map[80/tcp:{}]", "EXPOSE map[80/tcp:{}]"],
    // Windows
    ["cmd /S /C #(nop)  USER ContainerUser", "USER ContainerUser"],
    ["cmd /S /C powershell Get-Date", "RUN powershell Get-Date"],
    ["powershell -Command Get-Date", "RUN Get-Date"],
    [
      "powershell -Command $ErrorActionPreference = 'Stop'; #(nop)  ENTRYPOINT [\"x\"]",
      'ENTRYPOINT ["x"]',
    ],
    ["RUN |1 A=b cmd /S /C dir C:\\ # buildkit", "RUN dir C:\\"],
    ["RUN powershell -NoLogo -Command Get-Date # buildkit", "RUN Get-Date"],
    ["RUN pwsh.exe -Command Get-Date # buildkit", "RUN Get-Date"],
    // others
    ["/bin/sh", "/bin/sh"],
    ["bazel build ...", "bazel build ..."],
    ["crane append", "crane append"],
    ["", ""],
    ["\u202Eecho\u0007", "echo"],
  ];
  for (const [record, expected] of table) assert.equal(instructionOf(record), expected, record);
});

Deno.test("instructionOf() leaves out the values of variables and build arguments", () => {
  const table: readonly (readonly [string, string])[] = [
    ["ENV TOKEN=hunter2 PATH=/usr/bin:/bin", "ENV TOKEN=… PATH=…"],
    ["/bin/sh -c #(nop)  ENV TOKEN=hunter2", "ENV TOKEN=…"],
    ["ENV OPTS=-Da=hunter2 -Xmx1g B=2", "ENV OPTS=… B=…"],
    ["ENV TOKEN hunter2 is=it", "ENV TOKEN=…"],
    ["ARG TOKEN=hunter2", "ARG TOKEN=…"],
    ["ARG TARGETARCH", "ARG TARGETARCH"],
    // Without a shell nothing tells where the arguments end.
    [
      "RUN |1 TOKEN=hunter2 node build.js # buildkit",
      "RUN (the command cannot be told from its build arguments)",
    ],
    [`|1 TOKEN=hunter2${" x".repeat(20_000)} /bin/sh -c make`, "RUN (the command"],
    [`RUN |1 TOKEN=hunter2${" x".repeat(2000)} /bin/sh -c make # buildkit`, "RUN make"],
  ];
  for (const [record, expected] of table) {
    const line = instructionOf(record);
    assert.ok(line.startsWith(expected), `${record.slice(0, 80)} became ${line}`);
    assert.ok(!line.includes("hunter2"), line);
  }
});

Deno.test("instructionOf() cuts long lines and never fails", () => {
  assert.equal(instructionOf(`RUN ${"x".repeat(5000)}`).length, 400);
  const unit = fc.constantFrom(
    ..."RUN |1 A=b /bin/sh -c ;#(nop) cmd /S /C powershell -Command".split(" "),
    " ",
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (record) => {
      assert.ok(instructionOf(record).length <= 400);
    }),
    { seed: 20260107, numRuns: 2000 },
  );
});

Deno.test("historyOf() joins steps to layers and keeps comments and authors out", () => {
  const config = configWith([
    {
      created: "2024-09-06T22:20:07Z",
      created_by: "ADD rootfs # buildkit",
      comment: "secret comment",
      author: "somebody",
    },
    { created_by: 'CMD ["sh"]', empty_layer: true },
    { created_by: "RUN /bin/sh -c make # buildkit", empty_layer: false },
    { comment: "only a comment" },
  ]);
  const layers = [layer("base", 100), layer("make", 20), layer("more", 3)];
  assert.deepEqual(historyOf(config, layers), {
    steps: [
      {
        instruction: "ADD rootfs",
        created: "2024-09-06T22:20:07Z",
        size_bytes: 100,
        layer: layers[0]?.digest,
      },
      { instruction: 'CMD ["sh"]' },
      { instruction: "RUN make", size_bytes: 20, layer: layers[1]?.digest },
      { instruction: "(not recorded)", size_bytes: 3, layer: layers[2]?.digest },
    ],
  });
});

Deno.test("historyOf() does not guess where the counts differ", () => {
  const config = configWith([{ created_by: "a" }, { created_by: "b" }]);
  assert.deepEqual(historyOf(config, [layer("one", 1)]), {
    steps: [{ instruction: "a" }, { instruction: "b" }],
    note: "The history tells of 2 layers, the manifest has 1; sizes cannot be joined to steps",
  });
});

Deno.test("historyOf() lists the layers of an image without history", () => {
  for (const history of [undefined, null, [], "none"]) {
    const only = layer("only", 7);
    assert.deepEqual(historyOf(configWith(history), [only]), {
      steps: [{
        instruction: "(the image has no history)",
        size_bytes: 7,
        layer: only.digest,
      }],
    });
  }
});
