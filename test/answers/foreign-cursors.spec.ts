import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RECIPES } from '../access/route-recipes.js';
import { openAnsweredScene, type AnsweredScene } from './answered-scene.js';

interface Parameter {
  readonly name: string;
}

const { paths } = JSON.parse(
  readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'),
) as { paths: Record<string, { readonly get?: { readonly parameters?: readonly Parameter[] } }> };

/** Every route that takes a cursor. */
const LISTS = Object.entries(paths)
  .filter(([, { get }]) => get?.parameters?.some(({ name }) => name === 'cursor') === true)
  .map(([path]) => `GET ${path}`);

let scene: AnsweredScene;
/** Of the first row of each list. */
const cursors = new Map<string, string>();

beforeAll(async () => {
  scene = await openAnsweredScene();
  await scene.ask('POST', '/v1/reconciliations', {});
  await scene.webhook('/v1/webhooks/stripe');
  for (const route of LISTS) {
    const { body } = await ask(route, 'limit=1');
    if (typeof body?.next_cursor === 'string') cursors.set(route, body.next_cursor as string);
  }
}, 240_000);
afterAll(() => scene[Symbol.asyncDispose]());

function ask(route: string, parameters: string) {
  const path = RECIPES[route]!.path(scene.things);
  return scene.ask('GET', `${path}${path.includes('?') ? '&' : '?'}${parameters}`);
}

describe('a cursor', () => {
  it('is given by every list', () => {
    expect(LISTS.length).toBeGreaterThan(10);
    expect([...cursors.keys()]).toEqual(LISTS);
    expect(new Set(cursors.values()).size).toBe(LISTS.length);
  });

  it.each(LISTS)('leads on in its own list, %s', async (route) => {
    const first = await ask(route, 'limit=1');
    const next = await ask(route, `limit=1&cursor=${cursors.get(route)}`);
    expect(next.status).toBe(200);
    const rows = (body: any): unknown[] => body.data ?? body.lanes;
    expect(rows(next.body)).toHaveLength(1);
    expect(rows(next.body)).not.toEqual(rows(first.body));
  });

  it.each(LISTS)('of another list is refused by %s', async (route) => {
    for (const [other, cursor] of cursors) {
      if (other === route) continue;
      const { status, body } = await ask(route, `cursor=${cursor}`);
      expect([status, body.code], `that of ${other}`).toEqual([422, 'invalid_cursor']);
    }
  });

  it('leads on for whoever asks for the same, and is refused where other rows are asked for', async () => {
    const pushes = async (query: string) => {
      const { status, body } = await scene.ask('GET', `/v1/pushes?${query}`);
      return status === 200 ? status : body.code;
    };
    const { body } = await scene.ask('GET', '/v1/pushes?meter=heron&customer_id=heron&limit=1');
    const cursor = `cursor=${body.next_cursor}`;
    expect(await pushes(`${cursor}&customer_id=heron&meter=heron&limit=5`)).toBe(200);
    for (const other of ['', 'meter=heron', 'meter=egret&customer_id=heron', 'status=held']) {
      expect(await pushes(`${cursor}&${other}`), other).toBe('invalid_cursor');
    }
    const periods = '/v1/customers/heron/billing-periods';
    const { next_cursor: period } = (await scene.ask('GET', `${periods}?limit=1`)).body;
    const stork = '/v1/customers/stork/billing-periods';
    expect((await scene.ask('GET', `${stork}?cursor=${period}`)).body.code).toBe('invalid_cursor');
  });
});
