/**
 * What the documentation says, taken apart: pages, fenced blocks, commands. Needs read permission
 * for README.md and `docs/`.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/** One page. */
export interface Page {
  /** Its path in the repository. */
  readonly name: string;
  /** Its text. */
  readonly text: string;
}

/** A fenced block. */
export interface Block {
  /** The page's path. */
  readonly page: string;
  /** Its language. */
  readonly language: string;
  /** What stands behind the language. */
  readonly about: string;
  /** What is in it. */
  readonly text: string;
}

/** Reads README.md and every page of `docs/`. */
export async function readPages(): Promise<readonly Page[]> {
  const names = ["README.md"];
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) names.push(`docs/${name}`);
  }
  return await Promise.all(
    names.toSorted().map(async (name) => ({
      name,
      text: await Deno.readTextFile(new URL(name, ROOT)),
    })),
  );
}

/**
 * The fenced blocks of pages, in order.
 *
 * @param pages The pages.
 * @param language Only those in this language.
 */
export function blocksOf(pages: readonly Page[], language: string): readonly Block[] {
  return pages.flatMap(({ name, text }) =>
    [...text.matchAll(/^```(\w+)([^\n]*)\n([^]*?)^```$/gm)].map((match) => ({
      page: name,
      language: match[1] ?? "",
      about: (match[2] ?? "").trim(),
      text: match[3] ?? "",
    }))
  ).filter((block) => block.language === language);
}

/**
 * The commands of a block: lines that end in a backslash go on, comments are left out.
 *
 * @param text The block.
 */
export function commandsOf(text: string): readonly string[] {
  return text.replaceAll(/\\\n\s*/g, "").split("\n")
    .map((line) => line.replace(/(?:^|\s+)#.*$/, "").trim())
    .filter((line) => line !== "");
}
