/**
 * One vocabulary of categories for all sources, and the tags beside it. Needs
 * no permission.
 *
 * @example
 * ```ts
 * import { mapCategory } from "./categories.ts";
 *
 * mapCategory("🗄️ Databases"); // "database"
 * ```
 *
 * @module
 */

/** A category of the vocabulary. */
export interface Category {
  /** The word that entries and filters use. */
  readonly slug: string;
  /** Name for people. */
  readonly title: string;
  /** The words of the sources that mean it, as {@linkcode mapCategory} folds them. */
  readonly names: readonly string[];
}

/** The vocabulary. Sources: docker (44 words), TensorBlock (35 headings), mcpservers.org (slugs). */
export const CATEGORIES: readonly Category[] = [
  {
    slug: "ai",
    title: "AI and language models",
    names: ["ai", "ai-ml", "ml", "machine-learning", "ai-llm-integration", "llm"],
  },
  {
    slug: "art-culture",
    title: "Art, culture and design",
    names: ["art-culture-media", "design", "art", "culture"],
  },
  { slug: "automation", title: "Automation", names: ["automation", "integration", "workflow"] },
  {
    slug: "browser",
    title: "Browser and web scraping",
    names: ["browser-automation-web-scraping", "web-scraping", "browser-automation", "web"],
  },
  {
    slug: "business",
    title: "Business and customers",
    names: ["business", "crm", "commerce", "ecommerce", "e-commerce", "sales"],
  },
  {
    slug: "cloud",
    title: "Cloud platforms",
    names: ["cloud-platforms-services", "cloud-service", "cloud", "cost-management"],
  },
  {
    slug: "code-analysis",
    title: "Code analysis",
    names: ["code-analysis-quality", "code"],
  },
  { slug: "code-execution", title: "Code execution", names: ["code-execution"] },
  {
    slug: "communication",
    title: "Communication",
    names: ["communication-messaging", "communication", "messaging", "email"],
  },
  {
    slug: "content",
    title: "Content management",
    names: ["content-management-systems", "content-management-systems-cms", "cms"],
  },
  {
    slug: "data-analysis",
    title: "Data analysis",
    names: [
      "data-analysis-business-intelligence",
      "analytics",
      "data-analytics",
      "data-visualization",
    ],
  },
  { slug: "database", title: "Databases", names: ["databases", "database"] },
  {
    slug: "developer-tools",
    title: "Developer tools",
    names: [
      "developer-productivity-utilities",
      "developer-tools",
      "devtools",
      "development",
      "developer",
    ],
  },
  {
    slug: "devops",
    title: "Build, deployment and infrastructure",
    names: ["build-deployment-tools", "devops", "infrastructure"],
  },
  { slug: "documentation", title: "Documentation", names: ["documentation", "docs"] },
  { slug: "filesystem", title: "Files", names: ["filesystems", "file-system", "filesystem"] },
  { slug: "cloud-storage", title: "Cloud storage", names: ["cloud-storage", "storage"] },
  {
    slug: "finance",
    title: "Finance, payments and crypto",
    names: ["finance-crypto", "finance", "fintech", "payments", "blockchain", "crypto"],
  },
  { slug: "frameworks", title: "Frameworks and libraries", names: ["frameworks", "framework"] },
  { slug: "gaming", title: "Games", names: ["gaming", "games"] },
  { slug: "hardware", title: "Hardware and IoT", names: ["hardware-iot", "iot", "boating"] },
  {
    slug: "health",
    title: "Health and life sciences",
    names: ["healthcare-life-sciences", "healthcare", "health"],
  },
  {
    slug: "knowledge",
    title: "Knowledge and memory",
    names: ["knowledge-management-memory", "knowledge", "memory"],
  },
  { slug: "maps", title: "Location and maps", names: ["location-maps", "maps", "geospatial"] },
  {
    slug: "marketing",
    title: "Marketing and sales",
    names: ["marketing-sales-crm", "marketing"],
  },
  {
    slug: "media",
    title: "Pictures, audio and video",
    names: ["multimedia-processing", "media", "video"],
  },
  { slug: "monitoring", title: "Monitoring", names: ["monitoring-observability", "monitoring"] },
  {
    slug: "operating-system",
    title: "Operating system and command line",
    names: ["operating-system-command-line", "operating-system"],
  },
  { slug: "other", title: "Other", names: ["other", "misc"] },
  {
    slug: "productivity",
    title: "Productivity and projects",
    names: ["project-task-management", "productivity"],
  },
  { slug: "real-estate", title: "Real estate and home", names: ["real-estate-home-services"] },
  { slug: "science", title: "Science and research", names: ["science-research", "science"] },
  { slug: "search", title: "Search", names: ["search"] },
  { slug: "security", title: "Security", names: ["security"] },
  {
    slug: "social",
    title: "Social media and news",
    names: ["social-media-content-platforms", "social-media", "news"],
  },
  { slug: "sports", title: "Sports", names: ["sports", "sport"] },
  { slug: "travel", title: "Travel", names: ["travel-transportation", "travel"] },
  { slug: "utilities", title: "Utilities", names: ["utilities-helpers", "utilities", "tools"] },
  { slug: "version-control", title: "Version control", names: ["version-control", "git"] },
];

const BY_NAME: ReadonlyMap<string, string> = new Map(
  CATEGORIES.flatMap(({ slug, names }) => [slug, ...names].map((name) => [name, slug] as const)),
);

/** Most characters of a category or tag. */
const MAX_WORD_CHARS = 40;

/**
 * The vocabulary's word for a source's category.
 *
 * @param name Heading, slug or free word; emoji and case do not count.
 * @returns The category's slug; a word that the vocabulary lacks keeps its own slug, so that a new
 *   category of a source is not lost. `undefined` when nothing is left.
 */
export function mapCategory(name: string): string | undefined {
  const word = wordSlug(name.replaceAll("&", " "));
  return word === "" ? undefined : BY_NAME.get(word) ?? word;
}

/**
 * As {@linkcode mapCategory}, for words that nobody checked.
 *
 * @returns The category's slug, or `undefined` for a word that the vocabulary lacks.
 */
export function mapKnownCategory(name: string): string | undefined {
  return BY_NAME.get(wordSlug(name.replaceAll("&", " ")));
}

/**
 * Folds a source's tags: lower case, blanks to `-`.
 *
 * @param names Tags as the source has them.
 * @returns Each tag once, in the order of the source.
 */
export function normaliseTags(names: readonly string[]): readonly string[] {
  return [...new Set(names.map(wordSlug).filter((word) => word !== ""))];
}

function wordSlug(text: string): string {
  return text.slice(0, 200).toLowerCase().replace(/[^\p{L}\p{N}.+#]+/gu, "-")
    .replace(/^-+|[-.]+$/g, "").slice(0, MAX_WORD_CHARS);
}
