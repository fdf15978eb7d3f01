/**
 * Help in the manner of manual pages, made from the table of commands and fitted to the terminal.
 * Needs no permission.
 *
 * @module
 */

import { COMMANDS, type CommandSpec, type FlagSpec, GLOBAL_FLAGS } from "./commands.ts";
import { MANUAL } from "./manual.ts";
import { paint } from "./paint.ts";
import type { Terminal } from "./terminal.ts";
import { textWidth } from "./width.ts";
import { wrapWords } from "./wrap.ts";

/** Where help is shown. */
export type HelpPlace = Pick<Terminal, "columns" | "hasColours">;

/** Longer lines are hard to read, however wide the terminal is. */
const WIDEST = 100;

/** What fits a file or a mail. */
const PIPED = 80;

const INDENT = 4;

/** A name that is longer has its words on the next line. */
const WIDEST_NAME = 28;

/** Columns for words beside names; with fewer they stand below. */
const NARROWEST_WORDS = 24;

/**
 * The text of `wharf help`, or of `wharf help <command>` and `wharf <command> --help`.
 *
 * @param command The command to explain; without it, all of them.
 * @param place Where it is shown; no terminal gets 80 columns and no colours.
 * @returns Text of several lines, without a line feed at its end.
 */
export function helpText(
  command?: CommandSpec,
  place: HelpPlace = { columns: undefined },
): string {
  const columns = Math.min(WIDEST, place.columns ?? PIPED);
  const page = new Page(columns, place);
  if (command === undefined) overview(page);
  else details(page, command);
  return page.lines.join("\n");
}

/** Collects sections. */
class Page {
  readonly lines: string[] = [];
  readonly #columns: number;
  readonly #place: HelpPlace;

  constructor(columns: number, place: HelpPlace) {
    this.#columns = columns;
    this.#place = place;
  }

  heading(text: string): void {
    if (this.lines.length > 0) this.lines.push("");
    this.lines.push(paint(text, "bold", this.#place));
  }

  /** Prose, indented and wrapped. */
  text(text: string): void {
    const blank = " ".repeat(INDENT);
    for (const line of wrapWords(text, this.#columns - INDENT)) this.lines.push(blank + line);
  }

  /** A line that is of use only whole, such as a command line. */
  whole(text: string): void {
    this.lines.push(" ".repeat(INDENT) + text);
  }

  blank(): void {
    this.lines.push("");
  }

  /** Names with words beside them, or below where there is no room. */
  terms(rows: readonly (readonly [name: string, words: string])[]): void {
    const widest = Math.max(...rows.map(([name]) => textWidth(name)));
    const width = Math.min(widest, WIDEST_NAME);
    const beside = INDENT + width + 2;
    const isBelow = this.#columns - beside < NARROWEST_WORDS;
    const start = isBelow ? 2 * INDENT : beside;
    for (const [name, about] of rows) {
      const words = wrapWords(about, this.#columns - start);
      const fits = !isBelow && textWidth(name) <= width;
      const head = " ".repeat(INDENT) + name;
      if (fits) this.lines.push(head.padEnd(beside) + (words[0] ?? ""));
      else this.lines.push(head);
      for (const line of fits ? words.slice(1) : words) this.lines.push(" ".repeat(start) + line);
    }
  }
}

function overview(page: Page): void {
  page.heading("NAME");
  page.text(
    "wharf - look into container images in any registry, find MCP servers and run them, for people " +
      "and for models (MCP)",
  );
  page.heading("SYNOPSIS");
  page.text("wharf [command] [arguments] [flags]");
  page.heading("COMMANDS");
  page.terms(COMMANDS.map(({ name, about }) => [name, about]));
  page.heading("FLAGS OF EVERY COMMAND");
  page.terms(GLOBAL_FLAGS.map(flagRow));
  page.heading("EXAMPLES");
  for (
    const example of [
      "wharf inspect alpine",
      "wharf tags nginx '1.*-alpine'",
      "wharf find query a postgres database",
      "wharf connect claude-code --dry-run",
      "wharf serve --transport http",
    ]
  ) page.whole(example);
  page.heading("SEE ALSO");
  page.text("wharf help COMMAND says more; wharf doctor says what works here.");
}

function details(page: Page, command: CommandSpec): void {
  const { name, about, flags, examples } = command;
  page.heading("NAME");
  page.text(`wharf ${name} - ${about.charAt(0).toLowerCase()}${about.slice(1)}`);
  page.heading("SYNOPSIS");
  page.text(synopsis(command));
  page.heading("DESCRIPTION");
  (MANUAL[name] ?? [about]).forEach((paragraph, index) => {
    if (index > 0) page.blank();
    page.text(paragraph);
  });
  if (flags.length > 0) {
    page.heading("FLAGS");
    page.terms(flags.map(flagRow));
  }
  page.heading("FLAGS OF EVERY COMMAND");
  page.terms(GLOBAL_FLAGS.map(flagRow));
  page.heading("EXAMPLES");
  for (const example of examples) page.whole(`wharf ${example}`);
  page.heading("EXIT STATUS");
  page.text("0: done; 1: it could not be done; 2: the command line is wrong.");
}

function synopsis({ name, positionals }: CommandSpec): string {
  const words = positionals.map(({ parameter, required, joins, pairs }) => {
    const shown = pairs === true ? "NAME=VALUE …" : joins === true ? `${parameter} …` : parameter;
    return required ? `<${shown}>` : `[${shown}]`;
  });
  // Its arguments are those of the tool, which the table does not know.
  if (name === "call") words.push("[name=value …]");
  return ["wharf", name, ...words, "[flags]"].join(" ");
}

function flagRow(flag: FlagSpec): [string, string] {
  const value = flag.value === undefined ? "" : ` ${flag.value}`;
  return [`--${flag.name}${value}`, flag.about + (flag.repeats === true ? "; may repeat" : "")];
}
