/**
 * What the search knows of words: which say nothing, which mean the same, which are near. Data
 * only, needs no permission.
 *
 * @module
 */

/** Words that say nothing about a server among servers. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  ("mcp server servers model context protocol modelcontextprotocol a an the and or of for to in on at by with " +
    "from into via as is are be it its this that these those i me my we our you your can could " +
    "should would will want need like please find get give show let lets help helps allow allows " +
    "enable enables provide provides support supports use uses using used based tool tools which " +
    "what how do does some any all thing things something way connect connects access accessing " +
    "interact interacts interaction integration integrations through between within without " +
    "about up out over also etc assistant assistants client clients powered implementation another other others multiple various several")
    .split(" "),
);

/** Verbs that go with anything: they count less than what they are said of. */
export const WEAK_WORDS: ReadonlySet<string> = new Set(
  ("make create build run list manage look take open add set update edit delete remove " +
    "check view start stop turn compare save tell upload download " +
    "keep go see know think come try feel seem leave begin bring happen continue follow hold include " +
    "consider understand become stay human people person real nice great near nearby software control perform handle work do new my best good simple easy fast")
    .split(" "),
);

/** Words that mean the same; the first stands for all of them. */
const SAME: readonly string[] = [
  "postgres postgresql postgre psql pgsql pg",
  "kubernetes k8s kube kubectl",
  "javascript js ecmascript",
  "typescript ts",
  "python py",
  "database db databases dbs",
  "github gh",
  "mongodb mongo",
  "elasticsearch elastic",
  "email mail emails mails",
  "repository repo repositories repos",
  "documentation docs doc",
  "configuration config configs",
  "authentication auth authenticate",
  "cryptocurrency crypto cryptocurrencies",
  "twitter tweet tweets",
  "golang go-lang",
  "csharp dotnet net-core",
  "mssql sqlserver",
  "application app apps applications",
  "website websites site sites",
  "image images img picture pictures photo photos",
  "video videos",
  "search searching searches searcher",
  "scrape scraper scraping scrapes crawl crawler crawling",
  "filesystem filesystems file-system fs",
  "automation automate automating automated automates",
  "analysis analyze analyse analyzing analyzer analytic",
  "manage manager managing management manages",
  "translate translation translator translating",
  "generate generator generating generation generates",
  "schedule scheduler scheduling schedules",
  "visualize visualise visualization visualisation visualizer",
  "browser browsers browse browsing",
  "finance financial finances",
  "weather forecast forecasts meteorology",
  "todo todos to-do",
  "spreadsheet spreadsheets",
  "convert converter conversion converting converts",
  "monitor monitoring monitors",
  "deploy deployment deploying deployments deploys",
  "execute execution executing executes executor",
  "bitbucket bit-bucket",
  "powerpoint pptx ppt",
  "vscode vs-code",
  "llm llms",
  "pdf pdfs",
  "secure security",
  "transcribe transcription transcript transcripts transcriber",
  "summarize summarise summary summaries summarization summarizer",
  "think thinking",
  "remember memory memories memorize",
  "regex regexp regexes regularexpression regularexpressions",
  "movie movies film films cinema",
  "robot robots robotics robotic",
  "vulnerability vulnerabilities cve cves vuln",
  "vm vms virtualmachine virtualmachines",
  "agriculture agricultural farming",
  "astrology astrological horoscope horoscopes zodiac",
  "astronomy astronomical",
  "joke jokes humor humour humorous",
  "recruiting recruitment recruiter recruit hiring",
  "shorten shortener shortening",
];

/** Words that are near enough to be worth a look, at less weight. */
const NEAR: Readonly<Record<string, string>> = {
  analysis: "analytics",
  bug: "issue sentry",
  calendar: "meeting event schedule",
  chart: "visualize graph plot",
  chat: "message slack",
  cloud: "aws azure gcp",
  crm: "salesforce hubspot",
  crop: "agriculture farm soil",
  definition: "dictionary",
  directory: "folder filesystem",
  document: "pdf word docx",
  error: "sentry exception",
  excel: "spreadsheet xlsx",
  file: "filesystem",
  flight: "travel",
  folder: "directory filesystem",
  hotel: "travel booking",
  hr: "employee recruiting",
  invoice: "payment billing",
  issue: "ticket jira",
  map: "location maps geocoding",
  meeting: "calendar zoom",
  money: "finance payment",
  music: "spotify audio",
  note: "notes notion obsidian",
  ocean: "marine tide",
  password: "secret vault",
  payment: "stripe paypal",
  plc: "modbus industrial",
  plot: "chart graph",
  recruiting: "job candidate resume",
  restaurant: "food",
  shell: "terminal command",
  speech: "voice audio",
  sql: "database query",
  stock: "market finance trading",
  task: "todo project",
  terminal: "shell command",
  ticket: "issue jira",
  tide: "ocean marine",
  trip: "travel",
  uptime: "monitor status",
  vector: "embedding qdrant",
  vpn: "wireguard",
  web: "website internet",
};

/** Abbreviations of several words. */
const LONG: Readonly<Record<string, string>> = {
  gcal: "google calendar",
  gcp: "google cloud",
  gdrive: "google drive",
  gdocs: "google docs",
  gsheet: "google sheets",
  gsheets: "google sheets",
  ga4: "google analytics",
  hf: "hugging face",
  huggingface: "hugging face",
  yt: "youtube",
  gmaps: "google maps",
};

/** The word that stands for others, by word. */
export const CANONICAL: ReadonlyMap<string, string> = new Map(
  SAME.flatMap((group) => {
    const [first = "", ...others] = group.split(" ");
    return others.map((word) => [word, first] as const);
  }),
);

/** Near words by word. */
export const RELATED: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(NEAR).map(([word, others]) => [word, others.split(" ")]),
);

/** The words of an abbreviation. */
export const EXPANDED: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(LONG).map(([word, others]) => [word, others.split(" ")]),
);

/** Names that are one word, whatever their capitals. */
export const BRANDS: readonly string[] = (
  "GitHub GitLab YouTube LinkedIn WhatsApp PayPal OpenAI OpenAPI PostgreSQL MySQL SQLite " +
  "NoSQL GraphQL MongoDB DuckDB InfluxDB ClickHouse BigQuery DynamoDB TikTok WordPress " +
  "JavaScript TypeScript PowerPoint OneDrive OneNote SharePoint HubSpot ClickUp QuickBooks " +
  "CloudWatch PubMed arXiv macOS iOS iMessage DeepSeek DeepL CrowdStrike DataDog PagerDuty " +
  "BitBucket MariaDB LangChain LlamaIndex ElevenLabs FastAPI DevOps SaaS eBay iCloud " +
  "AppleScript VSCode FireCrawl DuckDuckGo CoinGecko CoinMarketCap ComfyUI MediaWiki " +
  "OpenStreetMap OpenWeather SendGrid MailChimp NextJS NodeJS CircleCI TestRail " +
  "BrowserStack SonarQube ServiceNow FreshDesk ZenDesk StackOverflow ArgoCD RabbitMQ " +
  "ActiveMQ CockroachDB TiDB SingleStore LanceDB SurrealDB KeyCloak"
).split(" ");
