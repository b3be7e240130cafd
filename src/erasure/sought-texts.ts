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

/** Shorter ones, and numbers, are too often something else: they count only as what names a customer. */
const WORD_CHARACTERS_MIN = 3;

const BEFORE = '(?<![[:alnum:]_@.-])';
const AFTER = '(?![[:alnum:]_@-]|[.][[:alnum:]])';
/** Members of JSON that name a customer, also of JSON that is text in JSON. */
const NAMING = '"(?:customer|customer_id|customerId|stripe_customer_id|id)\\\\*"\\s*:\\s*\\\\*';
const ALIASES = '"aliases\\\\*"\\s*:\\s*\\[[^]]*';
/** A reason in JSON, as far as it does not name the customer. */
const REASON = '"reason"\\s*:\\s*"(?:[^"\\\\]|\\\\.)*';

/**
 * A regular expression of PostgreSQL that finds the texts as words of their own, also inside of JSON:
 * `acme` in "for acme." and not in `acme-2`, which may be somebody else's id.
 */
export function patternOf(texts: readonly string[]): string {
  const words = formsOf(texts.filter(isWord));
  const others = formsOf(texts.filter((text) => !isWord(text)));
  const told = formsOf(texts.filter((text) => !isWord(text) && isWordOfPeople(text)));
  return anyOf([
    ...wordsOf(words),
    ...others.flatMap((text) => [
      `(?:${NAMING}|${ALIASES}|goes by \\\\*)"${text}\\\\*"`,
      `customers?[:/]${text}${AFTER}`,
    ]),
    ...told.map((text) => `${REASON}${BEFORE}${text}${AFTER}`),
  ]);
}

/** As {@link patternOf}, in what people wrote: a number of some length is an id there. */
export function reasonPatternOf(texts: readonly string[]): string {
  return anyOf([
    ...wordsOf(formsOf(texts.filter(isWordOfPeople))),
    ...formsOf(texts.filter((text) => !isWordOfPeople(text))).map(
      (text) => `"${text}"|customers?[:/ ]${text}${AFTER}`,
    ),
  ]);
}

/** As {@link patternOf}, in what was put together of parts: `close-acme`. Finds nothing where none is a word. */
export function partPatternOf(texts: readonly string[]): string {
  const words = texts.filter(isWordOfPeople).map(escaped);
  return words.length === 0 ? NOTHING : `(?<![[:alnum:]])(?:${words.join('|')})(?![[:alnum:]])`;
}

/** Finds what Stripe tells of one of these customers of its own, in JSON. */
export function aboutPatternOf(stripeCustomerIds: readonly string[]): string {
  const ids = stripeCustomerIds.map(escaped).join('|');
  return ids === '' ? NOTHING : `"(?:customer|id)"\\s*:\\s*"(?:${ids})"`;
}

function anyOf(patterns: readonly string[]): string {
  return patterns.length === 0 ? NOTHING : patterns.join('|');
}

function wordsOf(words: readonly string[]): string[] {
  return words.length === 0 ? [] : [`${BEFORE}(?:${words.join('|')})${AFTER}`];
}

/** As they are, and as JSON writes them. */
function formsOf(texts: readonly string[]): string[] {
  const forms = texts.flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
  return [...new Set(forms.map(escaped))];
}

function isWordOfPeople(text: string): boolean {
  return text.length >= WORD_CHARACTERS_MIN;
}

function isWord(text: string): boolean {
  return isWordOfPeople(text) && !/^[\d.,]+$/.test(text);
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
