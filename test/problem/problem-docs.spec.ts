import { expect, it } from 'vitest';
import { PROBLEMS } from '../../src/problem/codes.js';

/** The page as the list of codes has it; `npm run problems:write` writes it anew. */
function page(): string {
  const sections = Object.entries(PROBLEMS).map(
    ([code, { status, title, remedy }]) => `### \`${code}\`\n\n${status}. ${title}.\n\n${remedy}\n`,
  );
  return `# Problems

Errors are \`application/problem+json\` (RFC 9457) with \`type\`, \`title\`, \`status\`, \`detail\`,
\`instance\` and \`code\`; where fields of a body are wrong, \`errors\` lists each with a JSON
\`pointer\`, a \`code\` and a \`detail\`. Rejected usage events carry the same codes in their results.

Decide by \`code\`: it is stable. \`title\` and \`detail\` are for people and may change. \`type\` is
\`urn:countonce:problem:\` and the code. \`instance\` is also in our log.

Answers with 429 and 503 have \`Retry-After\`; sending the same again is always right.

${sections.join('\n')}`;
}

it('docs/problems.md lists every code, and none besides', async () => {
  await expect(page()).toMatchFileSnapshot('../../docs/problems.md');
});

it('codes are snake_case, and their status is that of an error', () => {
  for (const [code, { status, title, remedy }] of Object.entries(PROBLEMS)) {
    expect(code).toMatch(/^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).not.toMatch(/\.$/);
    expect(remedy).toMatch(/\.$/);
  }
});
