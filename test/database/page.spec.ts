import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parsePage,
  toPage,
  type KeyPart,
  type PagedList,
  type PageRequest,
} from '../../src/database/page.js';
import { lanePage } from '../../src/reconciliation/lane-page.js';

const NAMES: PagedList = { name: 'names', key: ['text'] };

const listOf = (...key: KeyPart[]): PagedList => ({ name: 'names', key });
const cursorOf = (key: unknown): string =>
  Buffer.from(typeof key === 'string' ? key : JSON.stringify(key)).toString('base64url');
/** A page that has another one after it. */
const cursorAfter = (key: string, list = 'names'): string =>
  toPage([key, key], { list, after: undefined, limit: 1 }, (row) => [row]).next_cursor!;
const refusal = { status: 422, code: 'invalid_cursor' };

describe('a page', () => {
  it('begins at the beginning and has 100 rows where nothing is said', () => {
    expect(parsePage(NAMES, {})).toEqual({ list: 'names', after: undefined, limit: 100 });
  });

  it.each([
    ['1', 1],
    ['1000', 1_000],
  ])('has as many rows as asked for: %s', (limit, rows) => {
    expect(parsePage(NAMES, { limit }).limit).toBe(rows);
  });

  it.each(['0', '1001', '-1', '1.5', '', 'ten', '01', '1e2', ['1', '2']])(
    'is refused with the limit %j',
    (limit) => {
      expect(() => parsePage(NAMES, { limit })).toThrow(
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
    ['no JSON', cursorOf('[')],
    ['no list', cursorOf('"names"')],
    ['an empty list', cursorOf([])],
    ['too few parts', cursorOf(['names'])],
    ['numbers', cursorOf(['names', 1])],
    ['a NUL', cursorOf(['names', '\u0000'])],
    ['a lone surrogate', cursorOf('["names","\\ud800"]')],
    ['too many parts', cursorOf(['names', 'a', 'b'])],
    ['a key without its list', cursorOf(['a'])],
    ['another list', cursorOf(['words', 'a'])],
    ['a list of cursors', ['a', 'b']],
  ])('is refused with a cursor of %s', (_, cursor) => {
    expect(() => parsePage(NAMES, { cursor })).toThrow(expect.objectContaining(refusal));
  });

  it('goes on after a cursor of its list', () => {
    expect(parsePage(NAMES, { cursor: cursorOf(['names', 'a']) }).after).toEqual(['a']);
  });

  it('goes on under the same parameters, in whatever order, and under no others', () => {
    const choice = { meter: 'a', status: 'held', order: undefined };
    const { list } = parsePage(NAMES, { ...choice, limit: '1' }, ['heron']);
    const cursor = cursorAfter('x', list);
    const go = (query: object, within = ['heron']) =>
      parsePage(NAMES, { cursor, ...query }, within).after;
    expect(go(choice)).toEqual(['x']);
    expect(go({ status: 'held', meter: 'a', limit: '7' })).toEqual(['x']);
    for (const [query, within] of [
      [{ meter: 'a' }, ['heron']],
      [{ ...choice, meter: 'b' }, ['heron']],
      [{ ...choice, from: 'a' }, ['heron']],
      [{ meter: 'held', status: 'a' }, ['heron']],
      [choice, ['egret']],
      [choice, ['heron', 'egret']],
      [choice, []],
      [{}, []],
    ] as const) {
      expect(() => go(query, [...within])).toThrow(expect.objectContaining(refusal));
    }
  });

  it('goes on for no other customer whose id differs in its case alone', () => {
    const id = '018f3f5c-7a1b-7c3d-9e4f-0123456789ab';
    const asked = (customer: string): object => ({ customer_id: customer });
    for (const list of [parsePage(NAMES, asked(id)).list, parsePage(NAMES, {}, [id]).list]) {
      const cursor = cursorAfter('x', list);
      for (const other of [id.toUpperCase(), id.replace('f', 'F')]) {
        const named = () => parsePage(NAMES, { cursor, ...asked(other) });
        expect(named).toThrow(expect.objectContaining(refusal));
        expect(() => parsePage(NAMES, { cursor }, [other])).toThrow(
          expect.objectContaining(refusal),
        );
      }
    }
  });

  it('of the lanes of a reconciliation goes on in whatever case its id is written', () => {
    const id = '018f3f5c-7a1b-7c3d-9e4f-0123456789ab';
    const cursor = toPage(['1', '2'], { ...lanePage(id, {}), limit: 1 }, (n) => [n]).next_cursor!;
    expect(lanePage(id.toUpperCase(), { cursor }).after).toEqual(['1']);
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
    expect(() => parsePage(listOf(kind), { cursor: cursorAfter(part) })).toThrow(
      expect.objectContaining(refusal),
    );
  });

  it.each<[KeyPart, string]>([
    ['instant', '2026-11-01T00:00:00.000000Z'],
    ['instant', '2026-11-01T00:00:00.123456Z'],
    ['uuid', '018f3f5c-7a1b-7c3d-9e4f-0123456789ab'],
    ['integer', '0'],
    ['integer', '2147483647'],
  ])('goes on after a cursor whose %s is %j', (kind, part) => {
    expect(parsePage(listOf(kind), { cursor: cursorAfter(part) }).after).toEqual([part]);
  });

  it('leads through all rows, each once, in order', () => {
    const lists = fc.uniqueArray(fc.string({ unit: 'binary' }).filter((id) => !id.includes('\0')));
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 5 }), (ids, limit) => {
        const all = [...ids].sort();
        const seen: string[] = [];
        let cursor: string | null = null;
        do {
          const asked: PageRequest = {
            ...parsePage(NAMES, cursor === null ? {} : { cursor }),
            limit,
          };
          const { after } = asked;
          const rest = all.filter((id) => after === undefined || id > after[0]!);
          const page = toPage(rest.slice(0, limit + 1), asked, (id) => [id]);
          expect(page.data.length).toBeLessThanOrEqual(limit);
          seen.push(...page.data);
          cursor = page.next_cursor;
        } while (cursor !== null);
        expect(seen).toEqual(all);
      }),
    );
  });

  it('is the last where the rows just fill it', () => {
    const two: PageRequest = { list: 'names', after: undefined, limit: 2 };
    expect(toPage(['a', 'b'], two, (id) => [id]).next_cursor).toBeNull();
    expect(toPage(['a', 'b', 'c'], two, (id) => [id]).next_cursor).not.toBeNull();
    expect(toPage([], two, (id: string) => [id])).toEqual({ data: [], next_cursor: null });
  });
});
