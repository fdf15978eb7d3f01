/**
 * Reads the words of a structured header from left to right, in linear time and without ever
 * failing (RFC 9110, 5.6). Needs no permission.
 *
 * @module
 */

/** `tchar` of RFC 9110, and `/ + ~` of token68 so that such values stay one word. */
const WORD = /[!#$%&'*+\-.^_`|~0-9A-Za-z/]/;

/** A position in a header's value. */
export class HeaderReader {
  readonly #text: string;
  #at = 0;

  /**
   * Begins at the first character.
   *
   * @param text The header's value.
   */
  constructor(text: string) {
    this.#text = text;
  }

  /** Whether nothing is left. */
  done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Whether the next character is this one. */
  at(character: string): boolean {
    return this.#text[this.#at] === character;
  }

  /** Passes one character. */
  skip(): void {
    this.#at++;
  }

  /** Passes the character if it is the next. */
  take(character: string): boolean {
    if (!this.at(character)) return false;
    this.#at++;
    return true;
  }

  /** Passes blanks; whether there were any. */
  blanks(): boolean {
    const start = this.#at;
    while (this.at(" ") || this.at("\t")) this.#at++;
    return this.#at > start;
  }

  /** Reads a word; empty when the next character begins none. */
  token(): string {
    const start = this.#at;
    while (!this.done() && WORD.test(this.#text[this.#at] ?? "")) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** Reads up to one of the characters, which is not passed. */
  until(stops: string): string {
    const start = this.#at;
    while (!this.done() && !stops.includes(this.#text[this.#at] ?? "")) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** Reads a quoted string or what stands before the next comma, semicolon or blank. */
  value(): string {
    if (!this.take('"')) return this.until(",; \t");
    let value = "";
    while (!this.done() && !this.take('"')) {
      this.take("\\");
      value += this.#text[this.#at] ?? "";
      this.#at++;
    }
    return value;
  }
}
