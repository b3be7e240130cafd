/** What tells of the inside: frames of a stack, files, and PostgreSQL's own words. */
const INSIDES: readonly (readonly [string, RegExp])[] = [
  ['a stack trace', /\n\s+at .+:\d+:\d+|\\n\s+at [^"]+:\d+:\d+/],
  ['a file of ours', /node_modules|\/dist\/src\/|\.(?:ts|js):\d+/],
  [
    'words of PostgreSQL',
    /QueryFailedError|invalid input syntax|syntax error at or near|invalid byte sequence|violates (?:check|unique|foreign|not-null)|out of range for type|relation "|SQLSTATE/,
  ],
  ['words of JavaScript', /Cannot read propert|is not a function|is not iterable|is not defined/],
];

/** @returns What an answer or a log line tells that it must not. */
export function leaksIn(text: string, secrets: ReadonlySet<string>): string[] {
  const leaks = INSIDES.filter(([, looks]) => looks.test(text)).map(([what]) => what);
  return hasSecret(text, secrets) ? [...leaks, 'a secret'] : leaks;
}

export function hasSecret(text: string, secrets: ReadonlySet<string>): boolean {
  for (const secret of secrets) if (text.includes(secret)) return true;
  return false;
}
