/** The texts by which a customer is found where rows do not say whose they are. */
export interface SoughtTexts {
  /** All of them. */
  readonly texts: readonly string[];
  /** Of those, what it goes or went by in usage events. */
  readonly customerIds: readonly string[];
  readonly stripeCustomerIds: readonly string[];
}

/** Stands for a text that was erased. */
export const ERASED = '[erased]';

/** A regular expression that finds nothing. */
const NOTHING = '[^\\s\\S]';

/** Shorter ones, and numbers, are too often something else: they count only where they are quoted. */
const WORD_CHARACTERS_MIN = 3;

/**
 * A regular expression of PostgreSQL that finds the texts as words of their own, also inside of JSON:
 * `acme` in "for acme." and not in `acme-2`, which may be somebody else's id.
 */
export function patternOf(texts: readonly string[]): string {
  if (texts.length === 0) return NOTHING;
  const words = new Set<string>();
  const quoted = new Set<string>();
  for (const text of texts) {
    for (const form of [text, JSON.stringify(text).slice(1, -1)]) {
      (isWord(text) ? words : quoted).add(escaped(form));
    }
  }
  const before = '(?<![[:alnum:]_@.-])';
  const after = '(?![[:alnum:]_@-]|[.][[:alnum:]])';
  return [
    ...(words.size === 0 ? [] : [`${before}(?:${[...words].join('|')})${after}`]),
    ...[...quoted].map((text) => `"${text}\\\\?"|customers?[:/]${text}${after}`),
  ].join('|');
}

/** As {@link patternOf}, in what was put together of parts: `close-acme`. Finds nothing where none is a word. */
export function partPatternOf(texts: readonly string[]): string {
  const words = texts.filter(isWord).map(escaped);
  return words.length === 0 ? NOTHING : `(?<![[:alnum:]])(?:${words.join('|')})(?![[:alnum:]])`;
}

function isWord(text: string): boolean {
  return text.length >= WORD_CHARACTERS_MIN && !/^[\d.,]+$/.test(text);
}

/** The text without what is sought. */
export function withoutTexts(text: string, sought: readonly string[]): string {
  const words = sought.toSorted((one, other) => other.length - one.length).map(escaped);
  if (words.length === 0) return text;
  const pattern = `(?<![\\p{L}\\p{N}])(?:${words.join('|')})(?![\\p{L}\\p{N}])`;
  return text.replaceAll(new RegExp(pattern, 'giu'), ERASED);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
