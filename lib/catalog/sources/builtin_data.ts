/**
 * Well-known servers for databases, files of knowledge and monitoring,
 * written down by hand as facts: names, addresses, packages and the settings they
 * need. Versions are left out on purpose; the other sources have them. Needs no permission.
 *
 * @module
 */

import {
  type BuiltinServer,
  env,
  image,
  mount,
  npm,
  pypi,
  secret,
  signIn,
  variable,
  words,
} from "./builtin_words.ts";

const AIRTABLE = [secret("AIRTABLE_API_KEY", { description: "Personal access token" })];
const CLICKHOUSE = [
  env("CLICKHOUSE_HOST", { required: true }),
  env("CLICKHOUSE_USER", { required: true }),
  secret("CLICKHOUSE_PASSWORD"),
];
const ELASTIC = [env("ES_URL", { required: true }), secret("ES_API_KEY")];
const GRAFANA = [
  env("GRAFANA_URL", { required: true, example: "http://localhost:3000" }),
  secret("GRAFANA_SERVICE_ACCOUNT_TOKEN"),
];
const MONGODB = [
  secret("MDB_MCP_CONNECTION_STRING", { required: false, description: "Connection string" }),
  secret("MDB_MCP_API_CLIENT_ID", { required: false, description: "Atlas client" }),
  secret("MDB_MCP_API_CLIENT_SECRET", { required: false }),
];
const NEO4J = [
  env("NEO4J_URI", { required: true, example: "bolt://localhost:7687" }),
  env("NEO4J_USERNAME", { required: true }),
  secret("NEO4J_PASSWORD"),
];
const OBSIDIAN = [secret("OBSIDIAN_API_KEY", { description: "Key of the Local REST API plug-in" })];
const POSTGRES = [
  secret("DATABASE_URI", { description: "postgresql://user:password@host:5432/database" }),
];
const REDIS = [
  env("REDIS_HOST", { default: "127.0.0.1" }),
  env("REDIS_PORT", { default: "6379" }),
  secret("REDIS_PWD", { required: false }),
];

/** The servers. */
export const DATA_SERVERS: readonly BuiltinServer[] = [
  {
    name: "airtable",
    title: "Airtable",
    description: "Reads and writes Airtable bases, tables and records.",
    repo: "domdomegg/airtable-mcp-server",
    categories: ["database"],
    tags: ["spreadsheet"],
    packages: [
      image("domdomegg/airtable-mcp-server", { settings: AIRTABLE }),
      npm("airtable-mcp-server", { settings: AIRTABLE }),
    ],
    key: true,
  },
  {
    name: "chroma",
    title: "Chroma",
    description: "Stores and searches embeddings and documents in Chroma.",
    repo: "chroma-core/chroma-mcp",
    categories: ["database", "knowledge"],
    tags: ["vector-database", "embeddings"],
    packages: [pypi("chroma-mcp")],
    official: true,
    key: "optional",
  },
  {
    name: "clickhouse",
    title: "ClickHouse",
    description: "Lists databases and tables and runs queries on ClickHouse.",
    repo: "ClickHouse/mcp-clickhouse",
    categories: ["database"],
    tags: ["sql", "analytics"],
    packages: [
      image("mcp/clickhouse", { settings: CLICKHOUSE }),
      pypi("mcp-clickhouse", { settings: CLICKHOUSE }),
    ],
    official: true,
    key: true,
  },
  {
    name: "elasticsearch",
    title: "Elasticsearch",
    description: "Lists indices and mappings of Elasticsearch and searches in them.",
    repo: "elastic/mcp-server-elasticsearch",
    categories: ["search", "database"],
    tags: ["elastic"],
    packages: [image("mcp/elasticsearch", { settings: ELASTIC, args: words("stdio") })],
    official: true,
    key: true,
  },
  {
    name: "grafana",
    title: "Grafana",
    description: "Searches dashboards, queries data sources and looks at alerts and incidents.",
    repo: "grafana/mcp-grafana",
    categories: ["monitoring"],
    tags: ["dashboards", "metrics", "prometheus", "loki"],
    packages: [
      image("grafana/mcp-grafana", { settings: GRAFANA, args: words("--transport=stdio") }),
    ],
    official: true,
    key: true,
  },
  {
    name: "markitdown",
    title: "MarkItDown",
    description: "Turns documents, spreadsheets, slides and pictures into Markdown.",
    repo: "microsoft/markitdown#packages/markitdown-mcp",
    categories: ["content", "utilities"],
    tags: ["markdown", "pdf", "word", "excel"],
    packages: [pypi("markitdown-mcp")],
    official: true,
    key: false,
  },
  {
    name: "mongodb",
    title: "MongoDB",
    description: "Queries MongoDB databases and manages MongoDB Atlas.",
    repo: "mongodb-js/mongodb-mcp-server",
    categories: ["database"],
    tags: ["nosql", "atlas"],
    packages: [
      image("mongodb/mongodb-mcp-server", { settings: MONGODB }),
      npm("mongodb-mcp-server", { settings: MONGODB }),
    ],
    official: true,
    key: "optional",
  },
  {
    name: "neo4j-cypher",
    title: "Neo4j Cypher",
    description: "Reads the schema of a Neo4j graph and runs Cypher queries.",
    repo: "neo4j-contrib/mcp-neo4j#servers/mcp-neo4j-cypher",
    categories: ["database"],
    tags: ["graph-database"],
    packages: [pypi("mcp-neo4j-cypher", { settings: NEO4J })],
    official: true,
    key: true,
  },
  {
    name: "neon",
    title: "Neon",
    description: "Manages Neon projects, branches and Postgres databases.",
    repo: "neondatabase/mcp-server-neon",
    categories: ["database"],
    tags: ["postgres"],
    remotes: [signIn("https://mcp.neon.tech/mcp", "neon")],
    official: true,
    key: true,
  },
  {
    name: "notion",
    title: "Notion",
    description: "Searches, reads and writes pages and databases in Notion.",
    repo: "makenotion/notion-mcp-server",
    categories: ["productivity", "knowledge"],
    tags: ["notes", "wiki"],
    packages: [
      npm("@notionhq/notion-mcp-server", {
        settings: [secret("NOTION_TOKEN", { description: "Token of an internal integration" })],
      }),
    ],
    remotes: [signIn("https://mcp.notion.com/mcp", "notion")],
    license: "MIT",
    official: true,
    key: true,
  },
  {
    name: "obsidian",
    title: "Obsidian",
    description: "Reads, searches and writes notes of an Obsidian vault.",
    repo: "MarkusPfundstein/mcp-obsidian",
    categories: ["knowledge"],
    tags: ["notes", "markdown"],
    packages: [
      image("mcp/obsidian", {
        settings: [...OBSIDIAN, env("OBSIDIAN_HOST", { value: "host.docker.internal" })],
      }),
      pypi("mcp-obsidian", { settings: OBSIDIAN }),
    ],
    key: true,
  },
  {
    name: "postgres",
    title: "Postgres MCP Pro",
    description: "Queries PostgreSQL, explains plans, tunes indexes and checks database health.",
    repo: "crystaldba/postgres-mcp",
    categories: ["database"],
    tags: ["postgres", "postgresql", "sql"],
    packages: [
      image("crystaldba/postgres-mcp", { settings: POSTGRES }),
      pypi("postgres-mcp", { settings: POSTGRES }),
    ],
    license: "MIT",
    key: true,
  },
  {
    name: "qdrant",
    title: "Qdrant",
    description: "Keeps and finds memories in a Qdrant vector database.",
    repo: "qdrant/mcp-server-qdrant",
    categories: ["database", "knowledge"],
    tags: ["vector-database", "embeddings"],
    packages: [
      pypi("mcp-server-qdrant", {
        settings: [
          env("QDRANT_URL"),
          secret("QDRANT_API_KEY", { required: false }),
          env("COLLECTION_NAME"),
        ],
      }),
    ],
    license: "Apache-2.0",
    official: true,
    key: "optional",
  },
  {
    name: "redis",
    title: "Redis",
    description: "Reads, writes and searches data in Redis.",
    repo: "redis/mcp-redis",
    categories: ["database"],
    tags: ["cache", "key-value"],
    packages: [
      image("mcp/redis", { settings: REDIS }),
      pypi("redis-mcp-server", { settings: REDIS }),
    ],
    official: true,
    key: "optional",
  },
  {
    name: "sentry",
    title: "Sentry",
    description: "Looks at errors, issues, projects and performance in Sentry.",
    repo: "getsentry/sentry-mcp",
    categories: ["monitoring"],
    tags: ["errors", "debugging"],
    packages: [npm("@sentry/mcp-server", { settings: [secret("SENTRY_ACCESS_TOKEN")] })],
    remotes: [
      signIn("https://mcp.sentry.dev/mcp", "sentry"),
      signIn("https://mcp.sentry.dev/sse", "sentry"),
    ],
    official: true,
    key: true,
  },
  {
    name: "sqlite",
    title: "SQLite",
    description: "Queries a SQLite database; an archived reference server.",
    repo: "modelcontextprotocol/servers-archived#src/sqlite",
    categories: ["database"],
    tags: ["sql", "sqlite"],
    packages: [
      pypi("mcp-server-sqlite", {
        settings: [
          variable("db_path", "filepath", { required: true, description: "Database file" }),
        ],
        args: [{ name: "--db-path", value: "{db_path}" }],
      }),
      image("mcp/sqlite", {
        args: words("--db-path", "/mcp/db.sqlite"),
        run: { volumes: [mount("mcp-sqlite", "/mcp", { kind: "named" })], disableNetwork: true },
      }),
    ],
    status: "archived",
    statusMessage: "archived by its authors in 2025",
    key: false,
  },
  {
    name: "supabase",
    title: "Supabase",
    description: "Manages Supabase projects: tables, queries, migrations, functions, logs.",
    repo: "supabase-community/supabase-mcp#packages/mcp-server-supabase",
    categories: ["database", "cloud"],
    tags: ["postgres"],
    packages: [
      npm("@supabase/mcp-server-supabase", { settings: [secret("SUPABASE_ACCESS_TOKEN")] }),
    ],
    remotes: [signIn("https://mcp.supabase.com/mcp", "supabase")],
    license: "Apache-2.0",
    official: true,
    key: true,
  },
];
