/**
 * How many columns of a terminal a text takes (Unicode Standard Annex 11). Needs no permission.
 *
 * @module
 */

import { eastAsianWidth } from "get-east-asian-width";

/** Marks that stand on the character before them, and characters that show nothing. */
const WIDTHLESS = /[\p{Mark}\p{Default_Ignorable_Code_Point}\p{Cc}]/u;

/**
 * Counts columns. Characters that a terminal joins into one, as families of emoji, count apart: a
 * table is then rather too wide than too narrow for them.
 *
 * @param text One line without escape sequences.
 */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (!WIDTHLESS.test(character)) width += eastAsianWidth(character.codePointAt(0) ?? 0);
  }
  return width;
}
