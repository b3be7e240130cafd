import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { toNdjson } from '../../src/periods/customer-import.dto.js';
import { CustomerImportService } from '../../src/periods/customer-import.service.js';
import { CustomerService } from '../../src/periods/customer.service.js';
import { createTestTenant, type TestTenant } from '../support/tenant.js';

async function importLines(test: TestTenant, lines: readonly string[]): Promise<object[]> {
  const imports = new CustomerImportService(new CustomerService(test.db, loadConfig({})));
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const line of lines) yield Buffer.from(`${line}\n`);
  }
  let answer = '';
  for await (const text of toNdjson(imports.import(test.tenantId, body()))) answer += text;
  expect(answer.endsWith('\n')).toBe(true);
  return answer
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
}

describe('customers in bulk', () => {
  it('are answered line by line, and at last with the counts', async () => {
    await using test = await createTestTenant();
    await importLines(test, ['{"customer_id":"same"}', '{"customer_id":"old"}']);

    const answer = await importLines(test, [
      '{"customer_id":"new","aliases":["n"]}',
      '',
      '{"customer_id":"old","name":"Old"}',
      '{"customer_id":"same"}',
      '{"customer_id":"n"}',
      'no JSON',
      '{"customer_id":"typo","nmae":"Typo"}',
      '{"name":"nobody"}',
      '{"customer_id":""}',
      '[]',
      '{"customer_id":"zone","billing_period":{"interval":"day","timezone":"Mars/Olympus"}}',
      JSON.stringify({ customer_id: 'long', name: 'x'.repeat(70_000) }),
      '{"customer_id":"list","billing_period":[]}',
    ]);

    const rejected = (customerId: string | undefined, code: string, pointer?: string) =>
      expect.objectContaining({
        ...(customerId === undefined ? {} : { customer_id: customerId }),
        status: 'rejected',
        error: expect.objectContaining({ code, ...(pointer === undefined ? {} : { pointer }) }),
      });
    expect(answer).toEqual([
      { index: 0, customer_id: 'new', status: 'created' },
      { index: 1, customer_id: 'old', status: 'updated' },
      { index: 2, customer_id: 'same', status: 'unchanged' },
      rejected('n', 'customer_identity_in_use'),
      rejected(undefined, 'invalid_json'),
      rejected('typo', 'unknown_field', '/nmae'),
      rejected(undefined, 'required', '/customer_id'),
      rejected('', 'invalid', '/customer_id'),
      rejected(undefined, 'invalid_type'),
      rejected('zone', 'timezone_unknown', '/billing_period/timezone'),
      rejected(undefined, 'line_too_long'),
      rejected('list', 'invalid_type', '/billing_period'),
      { done: true, created: 1, updated: 1, unchanged: 1, rejected: 9 },
    ]);
  });

  it('are as many as there are lines, over several transactions', async () => {
    await using test = await createTestTenant();
    const lines = Array.from({ length: 1_101 }, (_, n) => JSON.stringify({ customer_id: `c${n}` }));

    const answer = await importLines(test, lines);

    expect(answer).toHaveLength(1_102);
    expect(answer.map((line) => ('index' in line ? line.index : 'done'))).toEqual([
      ...lines.keys(),
      'done',
    ]);
    expect(answer.at(-1)).toEqual({
      done: true,
      created: 1_101,
      updated: 0,
      unchanged: 0,
      rejected: 0,
    });
    const before = await test.gateVersion();
    expect((await importLines(test, lines)).at(-1)).toMatchObject({ unchanged: 1_101 });
    expect(await test.gateVersion()).toBe(before);
  });

  it('lose no neighbour to a line that fails as nobody thought of', async () => {
    await using test = await createTestTenant();
    await test.db.work.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
         AS $$ BEGIN RAISE 'a fault of ours'; END $$`,
    );
    await test.db.work.query(
      `CREATE TRIGGER refuse BEFORE INSERT ON customer
         FOR EACH ROW WHEN (NEW.customer_id = 'cursed') EXECUTE FUNCTION refuse()`,
    );

    const ids = ['before', 'cursed', 'after'];
    const answer = await importLines(
      test,
      ids.map((id) => JSON.stringify({ customer_id: id })),
    );

    expect(answer).toEqual([
      { index: 0, customer_id: 'before', status: 'created' },
      {
        index: 1,
        customer_id: 'cursed',
        status: 'rejected',
        error: { code: 'internal_error', detail: expect.not.stringContaining('fault of ours') },
      },
      { index: 2, customer_id: 'after', status: 'created' },
      { done: true, created: 2, updated: 0, unchanged: 0, rejected: 1 },
    ]);
  });

  it('are none of an empty body', async () => {
    await using test = await createTestTenant();

    expect(await importLines(test, [])).toEqual([
      { done: true, created: 0, updated: 0, unchanged: 0, rejected: 0 },
    ]);
  });
});
