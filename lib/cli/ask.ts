/**
 * Answers what a server asks of the person at a terminal: a form field by field, or a page to be
 * opened. Without a person it declines, or takes the form's defaults where it was told to. Needs no
 * permission.
 *
 * @module
 */

import { Limiter } from "../core/limiter.ts";
import { cleanText } from "../core/text.ts";
import { defaultsOf, type Field, type FieldValue, limitsOf, readAnswer, readForm } from "./form.ts";
import type { Elicit } from "./remote_flags.ts";
import type { Terminal } from "./terminal.ts";

/** What an {@linkcode openAnswerer} works with. */
export interface AnswererDeps {
  /** Where the person sits. */
  readonly terminal: Terminal;
  /** The server's name, as it may be shown. */
  readonly server: string;
  /** How questions are answered. */
  readonly elicit: Elicit;
  /** Makes room on the terminal before something is shown. */
  readonly clear: () => void;
}

/**
 * Answers `elicitation/create`.
 *
 * @param params As they came.
 * @param signal Aborts when the server takes its question back.
 * @returns The result, as MCP has it.
 */
export type Answerer = (
  params: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
) => Promise<Readonly<Record<string, unknown>>>;

const MAX_MESSAGE_CHARS = 2000;

/** More than anybody mistypes. */
const MOST_TRIES = 10;

const DECLINE = { action: "decline" } as const;
const CANCEL = { action: "cancel" } as const;

/**
 * Opens whoever answers; one question at a time.
 *
 * @param deps Terminal and server.
 */
export function openAnswerer(deps: AnswererDeps): Answerer {
  const one = new Limiter(1);
  return (params, signal) => one.run(() => new Question(deps, { params, signal }).answer(), signal);
}

/** One question of a server's. */
class Question {
  readonly #deps: AnswererDeps;
  readonly #params: Readonly<Record<string, unknown>>;
  readonly #signal: AbortSignal;

  constructor(
    deps: AnswererDeps,
    { params, signal }: {
      readonly params: Readonly<Record<string, unknown>>;
      readonly signal: AbortSignal;
    },
  ) {
    this.#deps = deps;
    this.#params = params;
    this.#signal = signal;
  }

  async answer(): Promise<Readonly<Record<string, unknown>>> {
    const { clear } = this.#deps;
    clear();
    return await (this.#params["mode"] === "url" ? this.#page() : this.#form());
  }

  /** A page is for a person to look at: nobody else can agree to it. */
  async #page(): Promise<Readonly<Record<string, unknown>>> {
    const { url } = this.#params;
    const page = typeof url === "string" ? URL.parse(url) : null;
    if (page === null || !/^https?:$/.test(page.protocol)) {
      return this.#declined("its page is at no web address");
    }
    if (this.#deps.elicit !== "ask") return this.#declined("nobody is asked");
    this.#say(`wants a page of ${page.host} to be opened`);
    // Whoever agrees has seen where it leads (MCP, "Safe URL Handling").
    this.#deps.terminal.err(`  ${page.href}`);
    return await this.#agreed("Do you open it in a browser?") ?? { action: "accept" };
  }

  async #form(): Promise<Readonly<Record<string, unknown>>> {
    const { elicit } = this.#deps;
    const form = readForm(this.#params["requestedSchema"]);
    if (form.unknown.length > 0) {
      return this.#declined(`"${form.unknown[0]}" is no field that can be filled in here`);
    }
    if (elicit === "defaults") {
      const content = defaultsOf(form);
      return content === undefined
        ? this.#declined("a field that it needs has no default")
        : { action: "accept", content };
    }
    if (elicit === "decline") return this.#declined("nobody is asked");
    this.#say("asks");
    const agreed = await this.#agreed("Answer?");
    if (agreed !== undefined) return agreed;
    const content: [string, FieldValue][] = [];
    for (const field of form.fields) {
      const answer = await this.#field(field);
      if (answer === "cancel") return CANCEL;
      if (answer !== undefined) content.push([field.name, answer.value]);
    }
    return { action: "accept", content: Object.fromEntries(content) };
  }

  /** Asks for one field; `undefined` leaves it out. */
  async #field(field: Field): Promise<{ readonly value: FieldValue } | "cancel" | undefined> {
    const { terminal } = this.#deps;
    if (field.about !== undefined) terminal.err(field.about);
    field.choices.forEach(({ title }, index) => terminal.err(`  ${index + 1}  ${title}`));
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const text = await this.#read(promptOf(field));
      if (text === undefined) return "cancel";
      if (text !== "") {
        const reading = readAnswer(field, text);
        if ("value" in reading) return reading;
        terminal.err(`Not taken: ${reading.fault}`);
      } else if (field.preset !== undefined) return { value: field.preset };
      else if (!field.required) return undefined;
      else terminal.err("Not taken: it is needed");
    }
    return "cancel";
  }

  /** Whether the person goes on; the answer for the server where not. */
  async #agreed(question: string): Promise<typeof DECLINE | typeof CANCEL | undefined> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const text = await this.#read(`${question} (y)es, (n)o, (c)ancel [y]: `);
      if (text === undefined || /^c(?:ancel)?$/i.test(text)) return CANCEL;
      if (/^(?:|y|yes)$/i.test(text)) return undefined;
      if (/^no?$/i.test(text)) return DECLINE;
    }
    return CANCEL;
  }

  /** A line that the person types; `undefined` when there is none any more. */
  async #read(prompt: string): Promise<string | undefined> {
    const text = await this.#deps.terminal.question?.(prompt, this.#signal);
    return text?.trim();
  }

  #say(what: string): void {
    const { message } = this.#params;
    const { terminal, server } = this.#deps;
    const said = typeof message === "string"
      ? cleanText(message, { maxChars: MAX_MESSAGE_CHARS, multiline: true })
      : "";
    terminal.err(`${server} ${what}${said === "" ? "" : `: ${said}`}`);
  }

  #declined(why: string): typeof DECLINE {
    this.#say("asks");
    const hint = this.#deps.elicit === "decline"
      ? "; --elicit defaults takes a form's defaults, --elicit ask asks at a terminal"
      : "";
    this.#deps.terminal.err(`Declined: ${why}${hint}`);
    return DECLINE;
  }
}

/** `Name (at most 20 characters) [John]: ` */
function promptOf(field: Field): string {
  const { label, kind, preset, choices } = field;
  const form = kind === "boolean"
    ? "y/n"
    : kind === "choice"
    ? `1 to ${choices.length}`
    : kind === "choices"
    ? [`1 to ${choices.length}, by comma`, limitsOf(field)].filter((part) => part !== "").join("; ")
    : limitsOf(field);
  const none = field.required ? "" : " [none]";
  return `${label}${form === "" ? "" : ` (${form})`}${
    preset === undefined ? none : ` [${presetText(field, preset)}]`
  }: `;
}

function presetText({ choices }: Field, preset: FieldValue): string {
  if (typeof preset === "boolean") return preset ? "y" : "n";
  const nameOf = (value: string) => choices.find((one) => one.value === value)?.title ?? value;
  const text = typeof preset === "number" ? String(preset) : [preset].flat().map(nameOf).join(", ");
  return cleanText(text, { maxChars: 200 });
}
