import { codePointLength, isStorableText } from '../domain/text.js';
import { wrongUsage } from './command-failure.js';

const CHARACTERS_MAX = 255;

/** A name that a person gave, as it may stand in the database. */
export function nameOf(text: string, what: string): string {
  const fits = text !== '' && codePointLength(text) <= CHARACTERS_MAX && isStorableText(text);
  if (!fits) throw wrongUsage(`${what} takes 1 to ${CHARACTERS_MAX} characters.`);
  return text;
}
