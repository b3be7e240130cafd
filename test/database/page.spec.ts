import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePage, toPage, type KeyPart } from '../../src/database/page.js';

describe('a page', () => {
  it('begins at the beginning and has 100 rows where nothing is said', () => {
    expect(parsePage({}, ['text'])).toEqual({ after: undefined, limit: 100 });
  });

  it.each([
    ['1', 1],
    ['1000', 1_000],
  ])('has as many rows as asked for: %s', (limit, rows) => {
    expect(parsePage({ limit }, ['text']).limit).toBe(rows);
  });

  it.each(['0', '1001', '-1', '1.5', '', 'ten', '01', '1e2', ['1', '2']])(
    'is refused with the limit %j',
    (limit) => {
      expect(() => parsePage({ limit }, ['text'])).toThrow(
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
    ['a lone surrogate', Buffer.from('["\\ud800"]').toString('base64url')],
    ['too many parts', Buffer.from('["a","b"]').toString('base64url')],
    ['a list of cursors', ['a', 'b']],
  ])('is refused with a cursor of %s', (_, cursor) => {
    expect(() => parsePage({ cursor }, ['text'])).toThrow(
      expect.objectContaining({ status: 422, code: 'invalid_cursor' }),
    );
  });

  it.each<[KeyPart, string]>([
    ['instant', 'x'],
    ['instant', '2026-11-01'],
    ['instant', '2026-11-01T00:00:00+25:00'],
    ['instant', '9999-12-31T00:00:00.000000Z'],
    ['uuid', 'x'],
    ['uuid', '018f3f5c-7a1b-7c3d-9e4f-0123456789abc'],
    ['integer', 'x'],
    ['integer', ''],
    ['integer', '-1'],
    ['integer', '1.5'],
    ['integer', '2147483648'],
    ['integer', '999999999999'],
  ])('is refused with a cursor whose %s is %j', (kind, part) => {
    const { next_cursor: cursor } = toPage([part, part], 1, (row) => [row]);
    expect(() => parsePage({ cursor }, [kind])).toThrow(
      expect.objectContaining({ status: 422, code: 'invalid_cursor' }),
    );
  });

  it.each<[KeyPart, string]>([
    ['instant', '2026-11-01T00:00:00.000000Z'],
    ['instant', '2026-11-01T00:00:00.123456Z'],
    ['uuid', '018f3f5c-7a1b-7c3d-9e4f-0123456789ab'],
    ['integer', '0'],
    ['integer', '2147483647'],
  ])('goes on after a cursor whose %s is %j', (kind, part) => {
    const { next_cursor: cursor } = toPage([part, part], 1, (row) => [row]);
    expect(parsePage({ cursor }, [kind]).after).toEqual([part]);
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
            ['text'],
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
