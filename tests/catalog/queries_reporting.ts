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
  judged("argocd", /argo.?cd/i),
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
  judged("line bot", /line\b/i, /bot|messag/i),
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
  judged("write a blog post", /blog|wordpress|ghost|medium|hashnode/i),
  judged(
    "find restaurants and places",
    /restaurant|dining|places|google.?maps|foursquare|yelp|poi\b/i,
  ),
  judged("send push notifications", /notif|pushover|ntfy|pushbullet/i),
  judged("manage servers in aws", /aws|amazon/i),
  judged(
    "find bugs in my code",
    /bug|lint|static.?analysis|code.?review|vulnerab|code.?quality|debug|sonar/i,
  ),
  judged("create 3d models", /3d|blender|cad\b|openscad|mesh/i),
  judged("query prometheus and grafana dashboards", /prometheus|grafana/i),
  judged("look at logs and traces", /logs?\b|traces?\b|tracing|observab|telemetry/i),
  judged("download subtitles", /subtitle|caption|transcri/i),
  judged(
    "use my local llm",
    /ollama|lm.?studio|llama|local.{0,30}(?:llm|model)|(?:llm|model).{0,30}local/i,
  ),
  judged("remind me of birthdays", /remind|birthday/i),
  judged("monitor bitcoin transactions", /bitcoin|btc|blockchain|on.?chain|mempool/i),
  judged("manage contacts", /contact|crm/i),
  judged(
    "resize images",
    /resiz|crop|imagemagick|image.{0,20}(?:process|edit|manipul|transform|conver|optimi|compress)|(?:process|edit|manipul|transform|conver|optimi|compress).{0,30}image/i,
  ),
  judged("browse hacker news", /hacker.?news|hn\b/i),
  judged("stream processing with kafka", /kafka/i),
  judged("check spelling and grammar", /spell|grammar|proofread|language.?tool/i),
  // Typos.
  judged("firebse", /firebase/i),
  judged("vercl", /vercel/i),
  judged("gphaql", /graph.?ql/i),
  judged("shpoify", /shopify/i),
  judged("zendsk", /zendesk/i),
  judged("cloudlfare", /cloudflare/i),
  judged("mysq", /mysql/i),
  judged("docekr", /docker/i),
  judged("googel maps", /google/i, /map/i),
  judged("blneder", /blender/i),
  // Many words.
  judged("i would like to ask questions about the tables in my sqlite file", /sqlite/i),
  judged(
    "let an agent fill in a spreadsheet in google sheets with data from the web",
    /sheet|spreadsheet|excel/i,
  ),
  judged("get alerts from pagerduty and see who is on call", /pager.?duty|on.?call|incident/i),
  judged(
    "search flights and hotels and put together a trip",
    /flight|hotel|travel|trip/i,
  ),
  judged(
    "a server with tools for reading and changing files in my git repository",
    /git\b|github|gitlab|gitea/i,
    /file|repositor|commit|diff|branch/i,
  ),
  judged(
    "manage kubernetes deployments with helm charts",
    /kubernetes|k8s|helm|kubectl/i,
  ),
  // Added later, again before the search was measured on them. Exact names.
  judged("pinterest", /pinterest/i),
  judged("mapbox", /mapbox/i),
  judged("langfuse", /lang.?fuse/i),
  judged("semgrep", /sem.?grep/i),
  judged("tableau", /tableau/i),
  judged("replicate", /replicate/i),
  judged("prisma", /prisma/i),
  judged("strapi", /strapi/i),
  judged("google search console", /search.?console|gsc\b/i),
  judged("mssql", /ms.?sql|sql.?server/i),
  // Intents.
  judged("transfer files over sftp", /s?ftp|ssh/i),
  judged("look up dns records and whois", /dns|whois|domain/i),
  judged("air quality in my city", /air.?quality|aqi|pollution/i),
  judged("search patents", /patent/i),
  judged("find a job", /jobs?\b|career|vacanc|recruit|linked.?in/i),
  judged("control my 3d printer", /3d.?print|printer|octoprint|bambu|klipper/i),
  judged("search podcasts", /podcast/i),
  judged(
    "manage feature flags",
    /feature.?(?:flag|toggle)|launch.?darkly|unleash|flagsmith|growth.?book/i,
  ),
  judged("search clinical trials", /clinical|trials?\b/i),
  judged("football scores", /football|soccer|nfl|sport|league/i),
  judged("create mind maps", /mind.?map/i),
  judged("capture network packets", /packet|wireshark|pcap|tshark|network.?traffic/i),
  judged("decompile a binary", /decompil|disassembl|ghidra|ida\b|binary|revers/i),
  judged("roll dice", /dice|roll/i),
  // Typos.
  judged("bitbuket", /bit.?bucket/i),
  judged("jenkns", /jenkins/i),
  judged("clikhouse", /click.?house/i),
  judged("graphana", /grafana/i),
  judged("qdrnat", /qdrant/i),
  judged("hugingface", /hugging.?face/i),
  judged("anisble", /ansible/i),
  judged("screnshot", /screen.?shot/i),
  // Many words.
  judged(
    "what is the fastest way for claude to look at my sentry issues and their stack traces",
    /sentry/i,
  ),
  judged(
    "let the assistant read and answer customer support tickets in zendesk or intercom",
    /zendesk|intercom|customer.?support|support.?ticket|help.?desk/i,
  ),
  judged(
    "run queries on a bigquery dataset and describe its tables",
    /big.?query/i,
  ),
  judged(
    "play pause and search songs on my spotify account",
    /spotify/i,
  ),
  judged(
    "turn a figma file into react components",
    /figma/i,
  ),
  judged(
    "search for and download papers from pubmed and europe pmc",
    /pub.?med|europe.?pmc|pmc\b/i,
  ),
];
