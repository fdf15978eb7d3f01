/**
 * TensorBlock's awesome-mcp-servers: a git repository whose `docs/*.md` list one
 * server a line (CATALOGUES.md 2). Needs no permission.
 *
 * @module
 */

import { throwIfAborted } from "../../core/deadline.ts";
import { AppError } from "../../core/errors.ts";
import { buildEntry, type PackageDraft } from "../build.ts";
import type { Entry } from "../entry.ts";
import { parseRepository, webUrl } from "../normalise.ts";
import {
  decodeText,
  type GitSource,
  Harvest,
  type ReadContext,
  type SourceRead,
  type SourceTree,
} from "../source.ts";
import { readFacts } from "./awesome_facts.ts";
import { type Bullet, isListItem, plainText, readBullet } from "./awesome_line.ts";

/** Most bytes of one page; the largest has 290 kB. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** Most bullets of all pages. */
const MAX_BULLETS = 200_000;

/** Pages in `docs/` that list no servers. */
const NO_CATEGORY = new Set(["index-api.md", "community-cleanup-queue.md", "readme.md"]);

const PROJECT = "https://github.com/TensorBlock/awesome-mcp-servers";

/** TensorBlock's awesome-mcp-servers. */
export const awesomeSource: GitSource = {
  id: "awesome",
  title: "awesome-mcp-servers (TensorBlock)",
  location: `${PROJECT}.git`,
  kind: "git",
  folders: ["docs"],
  async readTree(tree: SourceTree, context: ReadContext): Promise<SourceRead> {
    const pages = await categoryPages(tree);
    const harvest = new Harvest();
    let bullets = 0;
    for (const page of pages) {
      throwIfAborted(context.signal);
      try {
        const bytes = await tree.read(page, { maxBytes: MAX_PAGE_BYTES });
        if (bytes === undefined) continue;
        bullets += readPage({ path: page, text: decodeText(bytes) }, context, harvest);
      } catch (thrown) {
        harvest.fail(page, thrown);
      }
      if (bullets > MAX_BULLETS) {
        harvest.problem(page, `Reading stopped after ${MAX_BULLETS} servers`);
        break;
      }
    }
    const read = harvest.finish();
    if (read.entries.length === 0) {
      throw new AppError(
        "BAD_RESPONSE",
        `Cannot read "${context.source}": no page lists a server`,
        {
          hint: "Give a folder with docs/*.md, one server a line: - [name](url): text",
        },
      );
    }
    return read;
  },
};

/** The pages that the README's table links to; without a README, all of `docs/`. */
async function categoryPages(tree: SourceTree): Promise<readonly string[]> {
  const listed = (await tree.list("docs")).filter(({ name, kind }) =>
    kind === "file" && name.endsWith(".md") && !NO_CATEGORY.has(name.toLowerCase())
  ).map(({ name }) => `docs/${name}`).sort();
  const readme = await tree.read("README.md", { maxBytes: MAX_PAGE_BYTES });
  const linked = new Set(
    [...(readme === undefined ? "" : decodeText(readme)).matchAll(/\]\((docs\/[\w.-]+\.md)\)/g)]
      .map(([, path = ""]) => path),
  );
  const both = listed.filter((path) => linked.has(path));
  return both.length > 0 ? both : listed;
}

/** Reads one page; @returns how many bullets it has. */
function readPage(
  page: { readonly path: string; readonly text: string },
  context: ReadContext,
  harvest: Harvest,
): number {
  let category: string | undefined;
  let bullets = 0;
  const lines = page.text.split("\n");
  for (const [index, line] of lines.entries()) {
    const heading = /^#{1,3}\s+(.*)$/.exec(line);
    if (heading !== null) {
      category = heading[1];
      continue;
    }
    const where = `${page.path}:${index + 1}`;
    const bullet = readBullet(line);
    if (bullet !== undefined) {
      bullets += 1;
      harvest.record(where, () => awesomeEntry(bullet, { where, category }, context));
    } else if (line.trim() !== "" && (bullets > 0 || isListItem(line))) {
      harvest.problem(where, "Cannot read the line: it is no list item with a link");
    }
  }
  return bullets;
}

function awesomeEntry(
  bullet: Bullet,
  place: { readonly where: string; readonly category: string | undefined },
  context: ReadContext,
): Entry {
  const url = webUrl(bullet.url);
  if (url === undefined) {
    throw new AppError(
      "BAD_RESPONSE",
      `Cannot use "${bullet.url.slice(0, 80)}": it is no web address`,
    );
  }
  const repository = parseRepository(url);
  const facts = readFacts(bullet.text);
  const linked = packageOfPage(url);
  const known = linked !== undefined &&
    !facts.packages.some(({ identifier }) => identifier === linked.identifier);
  const [path = "", line = ""] = place.where.split(":");
  return buildEntry(
    {
      slug: slugOf(url, repository),
      name: nameOf(bullet.name, repository?.path ?? ""),
      title: bullet.name,
      description: plainText(bullet.text),
      url: `${PROJECT}/blob/${context.commit ?? "main"}/${path}?plain=1#L${line}`,
      place: place.where,
      repository,
      homepage: repository === undefined ? url : undefined,
      packages: known ? [linked, ...facts.packages] : facts.packages,
      remotes: facts.remotes,
      settings: facts.settings,
      categories: place.category === undefined ? [] : [place.category],
      requiresApiKey: facts.requiresApiKey,
      license: facts.license,
    },
    context,
  );
}

/** `owner/repo[/dir]` of a repository, else `host/path`. */
function slugOf(url: string, repository: ReturnType<typeof parseRepository>): string {
  if (repository !== undefined) {
    const forge = repository.host === "github.com" ? "" : `${repository.host}/`;
    return `${forge}${repository.path}${
      repository.folder === undefined ? "" : `/${repository.folder}`
    }`;
  }
  const { host, pathname } = new URL(url);
  return `${host.replace(/^www\./, "")}${pathname}`;
}

function nameOf(linkText: string, path: string): string {
  const isPath = /^@?[\w.-]+(?:\/[\w.-]+)+$/.test(linkText);
  if (isPath) return linkText.split("/").at(-1) ?? linkText;
  return path === "" ? linkText : path.split("/").at(-1) ?? linkText;
}

/** A page of npm or PyPI is the page of a package. */
function packageOfPage(url: string): PackageDraft | undefined {
  const npm = /^https:\/\/(?:www\.)?npmjs\.com\/package\/((?:@[\w.~-]+\/)?[\w.~-]+)\/?$/.exec(url)
    ?.[1];
  if (npm !== undefined) return { type: "npm", identifier: npm };
  const pypi = /^https:\/\/pypi\.org\/project\/([\w.-]+)\/?$/.exec(url)?.[1];
  return pypi === undefined ? undefined : { type: "pypi", identifier: pypi };
}
