/**
 * Slow walks over JSON text, for the rare cases that JSON.parse hides. By hand rather than by
 * pattern: a pattern over a string literal of megabytes runs out of its backtracking stack.
 */

/** Longer keys are cut in the answer. */
const MAX_SHOWN_CHARACTERS = 100;

/**
 * The first key that stands twice in one object, as JSON text.
 *
 * @param text Valid JSON that has one.
 */
export function duplicateKeyIn(text: string): string {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '{' || character === '[') open.push(new Set());
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      if (isFollowedByColon(text, end)) {
        // "a" and "\u0061" are one key.
        const key = JSON.parse(text.slice(at, end)) as string;
        const keys = open.at(-1)!;
        if (keys.has(key)) return JSON.stringify(key.slice(0, MAX_SHOWN_CHARACTERS));
        keys.add(key);
      }
      at = end - 1;
    }
  }
  throw new Error('no key stands twice');
}

/**
 * Writes a number like 1e-400 as 1e400. JSON.parse makes the one 0 unseen and the other Infinity,
 * which the rules of the fields refuse; so both are refused.
 */
export function withoutUnderflow(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') at = endOfString(text, at) - 1;
    else if (isDigit(text.charCodeAt(at))) {
      const end = endOfNumber(text, at);
      const number = text.slice(at, end);
      if (Number(number) === 0 && /[1-9]/.test(number.split(/e/i, 1)[0]!)) {
        parts.push(text.slice(copied, at), '1e400');
        copied = end;
      }
      at = end - 1;
    }
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

/** @returns Where the text goes on after the string literal that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && (isDigit(text.charCodeAt(at)) || '.eE+-'.includes(text[at]!))) at++;
  return at;
}

function isDigit(unit: number): boolean {
  return unit >= 48 && unit <= 57;
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from;
  while (' \t\n\r'.includes(text[at] ?? 'x')) at++;
  return text[at] === ':';
}
