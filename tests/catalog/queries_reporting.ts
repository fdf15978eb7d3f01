/**
 * Queries on which the search is reported. They were written before it was measured on them, and it
 * is not tuned on them: a figure that gets worse is a finding, not a reason to change a query. Needs
 * no permission.
 *
 * @module
 */

import { judged, type JudgedQuery } from "./judged.ts";

/** The reporting set: exact names, intents, typos, many words. */
export const REPORTING_QUERIES: readonly JudgedQuery[] = [
  // Exact names.
  judged("amplitude", /amplitude/i),
  judged("argocd", /argo/i),
  judged("attio", /attio/i),
  judged("couchbase", /couchbase/i),
  judged("dbt", /dbt/i),
  judged("deepseek", /deep.?seek/i),
  judged("discourse", /discourse/i),
  judged("elastic", /elastic/i),
  judged("excalidraw", /excalidraw/i),
  judged("firebase", /firebase/i),
  judged("freshdesk", /fresh.?desk/i),
  judged("graphql", /graph.?ql/i),
  judged("grok", /grok/i),
  judged("homebrew", /homebrew|brew/i),
  judged("imessage", /imessage/i),
  judged("kibana", /kibana/i),
  judged("line bot", /line/i),
  judged("lighthouse", /lighthouse/i),
  judged("memgraph", /mem.?graph/i),
  judged("metabase", /metabase/i),
  judged("openstreetmap", /open.?street.?map|osm/i),
  judged("paypal", /pay.?pal/i),
  judged("quip", /quip/i),
  judged("shadcn", /shadcn/i),
  judged("storybook", /storybook/i),
  judged("unreal engine", /unreal/i),
  judged("vercel", /vercel/i),
  judged("wolfram alpha", /wolfram/i),
  judged("xero", /xero/i),
  // Names as people write them in code.
  judged("mcp-neo4j", /neo4j/i),
  judged("airtableServer", /airtable/i),
  judged("server-redis", /redis/i),
  judged("MONGODB_MCP", /mongo/i),
  judged("youtube-data", /you.?tube/i),
  // Intents.
  judged("write a blog post", /blog|post|wordpress|ghost|medium|write|writing/i),
  judged("find restaurants and places", /restaurant|place|food|map/i),
  judged("send push notifications", /notif|push|pushover|ntfy/i),
  judged("manage servers in aws", /aws|amazon/i),
  judged("find bugs in my code", /bug|code|debug|issue|lint/i),
  judged("create 3d models", /3d|blender|cad|model/i),
  judged("query prometheus and grafana dashboards", /prometheus|grafana/i),
  judged("look at logs and traces", /log|trace|observab|telemetry/i),
  judged("download subtitles", /subtitle|caption|transcri|you.?tube/i),
  judged("use my local llm", /llm|ollama|local|lm.?studio/i),
  judged("remind me of birthdays", /remind|birthday|calendar|task/i),
  judged("monitor bitcoin transactions", /bitcoin|btc|blockchain|crypto|transaction/i),
  judged("manage contacts", /contact|crm/i),
  judged("resize images", /image|resiz|photo/i),
  judged("browse hacker news", /hacker.?news|hn/i),
  judged("stream processing with kafka", /kafka|stream/i),
  judged("check spelling and grammar", /spell|grammar|language|writing|proofread/i),
  // Typos.
  judged("firebse", /firebase/i),
  judged("vercl", /vercel/i),
  judged("gphaql", /graph/i),
  judged("shpoify", /shopify/i),
  judged("zendsk", /zendesk/i),
  judged("cloudlfare", /cloudflare/i),
  judged("mysq", /mysql/i),
  judged("docekr", /docker/i),
  judged("googel maps", /google|map/i),
  judged("blneder", /blender/i),
  // Many words.
  judged(
    "i would like to ask questions about the tables in my sqlite file",
    /sqlite|sql|database/i,
  ),
  judged(
    "let an agent fill in a spreadsheet in google sheets with data from the web",
    /sheet|spreadsheet|excel/i,
  ),
  judged(
    "get alerts from pagerduty and see who is on call",
    /pager.?duty|alert|on.?call|incident/i,
  ),
  judged(
    "search flights and hotels and put together a trip",
    /flight|hotel|travel|trip/i,
  ),
  judged(
    "a server with tools for reading and changing files in my git repository",
    /git|file|repositor/i,
  ),
  judged(
    "manage kubernetes deployments with helm charts",
    /kubernetes|k8s|helm|kubectl/i,
  ),
];
