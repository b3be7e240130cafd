import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePage, toPage } from '../../src/database/page.js';

describe('a page', () => {
  it('begins at the beginning and has 100 rows where nothing is said', () => {
    expect(parsePage({})).toEqual({ after: undefined, limit: 100 });
  });

  it.each([
    ['1', 1],
    ['1000', 1_000],
  ])('has as many rows as asked for: %s', (limit, rows) => {
    expect(parsePage({ limit }).limit).toBe(rows);
  });

  it.each(['0', '1001', '-1', '1.5', '', 'ten', '01', '1e2', ['1', '2']])(
    'is refused with the limit %j',
    (limit) => {
      expect(() => parsePage({ limit })).toThrow(
        expect.objectContaining({
          status: 422,
          errors: [expect.objectContaining({ pointer: '/limit' })],
        }),
      );
    },
  );

  it.each([
    ['nothing', ''],
    ['no base64', '%%%'],
    ['no JSON', Buffer.from('[').toString('base64url')],
    ['no list', Buffer.from('"a"').toString('base64url')],
    ['an empty list', Buffer.from('[]').toString('base64url')],
    ['numbers', Buffer.from('[1]').toString('base64url')],
    ['a NUL', Buffer.from('["\\u0000"]').toString('base64url')],
    ['too many parts', Buffer.from('["a","b"]').toString('base64url')],
    ['a list of cursors', ['a', 'b']],
  ])('is refused with a cursor of %s', (_, cursor) => {
    expect(() => parsePage({ cursor }, 1)).toThrow(
      expect.objectContaining({ status: 422, code: 'invalid_cursor' }),
    );
  });

  it('leads through all rows, each once, in order', () => {
    const lists = fc.uniqueArray(fc.string({ unit: 'binary' }).filter((id) => !id.includes('\0')));
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 5 }), (ids, limit) => {
        const all = [...ids].sort();
        const seen: string[] = [];
        let cursor: string | null = null;
        do {
          const { after }: { after: string[] | undefined } = parsePage(
            cursor === null ? {} : { cursor },
            1,
          );
          const rest = all.filter((id) => after === undefined || id > after[0]!);
          const page = toPage(rest.slice(0, limit + 1), limit, (id) => [id]);
          expect(page.data.length).toBeLessThanOrEqual(limit);
          seen.push(...page.data);
          cursor = page.next_cursor;
        } while (cursor !== null);
        expect(seen).toEqual(all);
      }),
    );
  });

  it('is the last where the rows just fill it', () => {
    expect(toPage(['a', 'b'], 2, (id) => [id]).next_cursor).toBeNull();
    expect(toPage(['a', 'b', 'c'], 2, (id) => [id]).next_cursor).not.toBeNull();
    expect(toPage([], 2, (id: string) => [id])).toEqual({ data: [], next_cursor: null });
  });
});
