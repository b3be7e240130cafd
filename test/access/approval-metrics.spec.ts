import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { decide, fourEyes, outcome, type FourEyes } from './four-eyes.js';

let app: TestApp;
let tenants: FourEyes[];

beforeAll(async () => {
  app = await startTestApp();
  tenants = [await fourEyes(app, ['meter.change']), await fourEyes(app, ['meter.change'])];
});
afterAll(() => app[Symbol.asyncDispose]());

async function waiting(): Promise<string | undefined> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  return /^approvals_waiting (\S+)$/m.exec(text)?.[1];
}

it('the approvals that wait are counted over all tenants until somebody decides, or time is over', async () => {
  expect(await waiting()).toBe('0');
  const ask = ({ asker }: FourEyes, key: string) =>
    asker.call('PUT', `/v1/meters/${key}`, { aggregation: 'sum' });
  const [first, second] = [tenants[0]!, tenants[1]!];
  const asked = [await ask(first, 'a'), await ask(first, 'b'), await ask(second, 'a')];
  expect(asked.map(outcome)).toEqual(Array(3).fill('approval_required'));
  // Asked again, it is the same one.
  await ask(first, 'a');
  expect(await waiting()).toBe('3');

  await first.approve(asked[0]!);
  expect(await waiting()).toBe('2');
  expect(outcome(await decide(first.approver, asked[1]!.body.approval_id, 'refuse'))).toBe(200);
  expect(await waiting()).toBe('1');
  await app.pool.query(`UPDATE approval SET expires_at = now() WHERE state = 'requested'`);
  expect(await waiting()).toBe('0');
});
