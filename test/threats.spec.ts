import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = readFileSync(`${ROOT}docs/threats.md`, 'utf8');

/** One item of the page, up to the next one. */
const items = PAGE.split(/\n(?=\*\*API|- \*\*\d)/).slice(1);
const quoted = [...PAGE.matchAll(/`(test\/[\w./-]+\.spec\.ts)`\s+“([^”]+)”/g)].map(
  ([, file, title]) => ({ file: file!, title: title!.replaceAll(/\s+/g, ' ') }),
);

describe('docs/threats.md', () => {
  it('names tests that are there, by their own titles', () => {
    expect(quoted.length).toBeGreaterThan(40);
    const missing = quoted.filter(({ file, title }) => {
      if (!existsSync(`${ROOT}${file}`)) return true;
      const titles = readFileSync(`${ROOT}${file}`, 'utf8').replaceAll("\\'", "'");
      return !new RegExp(`["'\`]${title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}["'\`]`).test(
        titles,
      );
    });
    expect(missing).toEqual([]);
  });

  it('names only files that are there', () => {
    const files = [...PAGE.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file!);
    expect(files.filter((file) => !existsSync(`${ROOT}${file}`))).toEqual([]);
  });

  it('says of every item which test holds it, that it is open, or whose it is', () => {
    expect(items.length).toBeGreaterThan(30);
    const unsaid = items.filter(
      (item) => !/`test\/[^`]+`\s+“/.test(item) && !/`open`|_operator_/.test(item),
    );
    expect(unsaid).toEqual([]);
  });
});
