import assert from "node:assert/strict";
import { type DockerRecord, readDockerRecord } from "../../../lib/catalog/sources/docker_record.ts";
import { readDockerSettings } from "../../../lib/catalog/sources/docker_settings.ts";

/** Reads `config`, `run` and `remote.headers` of a record made for the test. */
function read(
  parts: Readonly<Record<string, unknown>>,
  headers?: Readonly<Record<string, string>>,
): ReturnType<typeof readDockerSettings> {
  const record = readDockerRecord({ name: "acme", type: "server", ...parts });
  assert.ok(!("fault" in record));
  const { config, run }: DockerRecord = record;
  return readDockerSettings(config, run, headers);
}

Deno.test("readDockerSettings() takes a secret without `required` as required", () => {
  const { settings, optional } = read({
    config: {
      secrets: [
        { name: "acme.token", env: "ACME_TOKEN", example: "<YOUR_TOKEN>", description: "get one" },
        { name: "acme.other", env: "OTHER_KEY", required: false },
        { name: "acme.odd" },
        "nonsense",
      ],
    },
  });
  assert.deepEqual(settings, [
    {
      name: "ACME_TOKEN",
      kind: "env",
      required: true,
      secret: true,
      description: "get one",
      example: "<YOUR_TOKEN>",
    },
    { name: "OTHER_KEY", kind: "env", required: false, secret: true },
    { name: "acme.odd", kind: "env", required: true, secret: true },
  ]);
  assert.deepEqual([...optional], ["OTHER_KEY"]);
});

Deno.test("readDockerSettings() resolves the templates of the environment", () => {
  const { settings } = read({
    config: {
      env: [
        { name: "URL", example: "http://x", value: "{{acme.url}}" },
        { name: "RETRIES", example: 5, value: "{{acme.retries}}" },
        { name: "MODE", value: "{{acme.mode}}", description: "of its own" },
        { name: "NODE_ENV", value: "production" },
        { name: "API_KEY", example: "your_key" },
        { name: "acme.access_token", env: "ACCESS_TOKEN", required: true },
        { name: "LOG_FILE", value: "{{acme.log_path|volume-target}}/a.log" },
        { example: "no name" },
      ],
      parameters: {
        type: "object",
        properties: {
          url: { type: "string", description: "where", default: "http://localhost" },
          retries: { type: "integer" },
          mode: { type: "string", enum: ["a", "b"] },
          log_path: { type: "string" },
          unused: { type: "string" },
        },
        required: ["url", "nobody"],
      },
    },
  });
  const byName = new Map(settings.map((setting) => [setting.name, setting]));
  assert.deepEqual(byName.get("URL"), {
    name: "URL",
    kind: "env",
    required: true,
    secret: false,
    description: "where",
    example: "http://x",
    default: "http://localhost",
  });
  assert.deepEqual([byName.get("RETRIES")?.format, byName.get("RETRIES")?.example], [
    "number",
    "5",
  ]);
  assert.deepEqual([byName.get("MODE")?.choices, byName.get("MODE")?.description], [
    ["a", "b"],
    "of its own",
  ]);
  assert.equal(byName.get("NODE_ENV")?.value, "production");
  // Without a template, its name says that it is a credential, and nothing that it may be left out.
  assert.deepEqual([byName.get("API_KEY")?.required, byName.get("API_KEY")?.secret], [true, true]);
  assert.equal(byName.get("ACCESS_TOKEN")?.required, true);
  assert.equal(byName.get("LOG_FILE")?.value, "{log_path}/a.log");
  assert.equal(byName.get("log_path")?.kind, "variable");
  assert.equal(byName.has("unused"), false);
});

Deno.test("readDockerSettings() makes a variable of a parameter that several things use", () => {
  const { settings, args } = read({
    config: {
      env: [{ name: "DATA", value: "{{acme.data}}" }],
      parameters: { properties: { data: { type: "string" } }, required: ["data"] },
    },
    run: { command: ["--data={{acme.data}}"] },
  });
  assert.deepEqual(
    settings.map(({ name, kind, required, value }) => [name, kind, required, value]),
    [
      ["data", "variable", true, undefined],
      ["DATA", "env", true, "{data}"],
    ],
  );
  assert.deepEqual(args, [{ value: "--data={data}" }]);
});

Deno.test("readDockerSettings() reads nested parameters and those at the wrong level", () => {
  const nested = read({
    config: {
      env: [{ name: "JIRA_URL", value: "{{acme.jira.url}}" }],
      parameters: {
        properties: {
          jira: { properties: { url: { description: "of Jira" } }, required: ["url"] },
        },
        anyOf: [{ required: ["jira"] }],
      },
    },
  });
  assert.deepEqual([nested.settings[0]?.description, nested.settings[0]?.required], [
    "of Jira",
    false,
  ]);
  const misplaced = read({
    config: {
      env: [{ name: "MODEL", value: "{{acme.model}}" }],
      parameters: null,
      properties: { model: { type: "string", default: "small" } },
      required: ["model"],
    },
  });
  assert.deepEqual([misplaced.settings[0]?.default, misplaced.settings[0]?.required], [
    "small",
    true,
  ]);
});

Deno.test("readDockerSettings() spreads lists over arguments and volumes", () => {
  const { args, run, settings } = read({
    config: {
      parameters: {
        properties: {
          paths: { type: "array", items: { type: "string" }, default: ["/a", 1] },
          kube: { type: "string" },
        },
        required: ["paths"],
      },
    },
    run: {
      command: ["serve", "{{acme.paths|volume-target|into}}"],
      volumes: [
        "{{acme.paths|volume|into}}",
        "{{acme.more|or:[]|volume|into}}",
        "{{acme.kube}}:/home/.kube/config:ro",
        "cache:/var/cache",
        "/var/run/docker.sock:/var/run/docker.sock",
        "a:b:c:d",
        7,
      ],
      user: "{{acme.uid}}",
      ports: ["80:80", 9090],
      disableNetwork: true,
      allowHosts: ["a.example:443"],
    },
  });
  assert.deepEqual(args, [{ value: "serve" }, { value: "{paths}", each: "paths" }]);
  assert.deepEqual(run.volumes, [
    { source: "{paths}", target: "{paths}", kind: "host", readOnly: false, each: "paths" },
    { source: "{more}", target: "{more}", kind: "host", readOnly: false, each: "more" },
    { source: "{kube}", target: "/home/.kube/config", kind: "host", readOnly: true },
    { source: "cache", target: "/var/cache", kind: "named", readOnly: false },
  ]);
  assert.deepEqual([run.user, run.disableNetwork, run.allowHosts], [
    "{uid}",
    true,
    ["a.example:443"],
  ]);
  assert.equal(settings.find(({ name }) => name === "paths")?.default, '["/a","1"]');
});

Deno.test("readDockerSettings() only reports ports and engine sockets", () => {
  const { runtimeArgs, run } = read({
    run: { ports: ["80:80", 9090], volumes: ["/run/docker.sock:/s"] },
  });
  assert.deepEqual(runtimeArgs, ["-p 80:80", "-p 9090", "-v /run/docker.sock:/s"]);
  assert.deepEqual(run.volumes, []);
});

Deno.test("readDockerSettings() puts secrets into headers and other values by name", () => {
  const remote = read(
    { config: { secrets: [{ name: "a.key", env: "ACME_KEY" }] } },
    { Authorization: "Bearer ${ACME_KEY}", "X-Mode": "${NOBODY} $5" },
  );
  assert.deepEqual(remote.settings.map(({ name, kind, value }) => [name, kind, value]), [
    ["ACME_KEY", "variable", undefined],
    ["Authorization", "header", "Bearer {ACME_KEY}"],
    ["X-Mode", "header", "${NOBODY} $5"],
  ]);
  const local = read({
    config: { secrets: [{ name: "a.key", env: "ACME_KEY" }] },
    run: {
      env: { HEADERS: '{"Authorization": "Bearer $ACME_KEY"}' },
      command: ["-t", "$ACME_KEY"],
    },
  });
  assert.equal(
    local.settings.find(({ name }) => name === "HEADERS")?.value,
    '{"Authorization": "Bearer {ACME_KEY}"}',
  );
  assert.deepEqual(local.args, [{ value: "-t" }, { value: "{ACME_KEY}" }]);
});
