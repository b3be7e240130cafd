import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  requireCitus,
  type DistributionState,
} from '../../src/commands/distribute/distribution-state.js';
import { distributionSteps } from '../../src/commands/distribute/distribution-steps.js';
import { Connections } from '../../src/database/connections.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const ROW = { hasRest: false, bytes: 0 };
const FRESH: DistributionState = {
  tables: [
    { name: 'tenant', hasTenant: true, done: false, ...ROW },
    { name: 'installation', hasTenant: false, done: false, ...ROW },
    { name: 'push', hasTenant: true, done: false, ...ROW },
    { name: 'stripe_pace', hasTenant: false, done: false, ...ROW },
  ],
  triggers: [{ table: 'push', name: 'push_append_only' }],
  foreignKeys: ['push_tenant_fkey'],
  keys: [{ name: 'tenant_name_key', table: 'tenant', isConstraint: true }],
  functions: ['public.has_texts(text)', 'public.running_erasure(uuid, bigint)'],
  sequences: ['customer_customer_no_seq'],
  isSaved: false,
  savedForeignKeys: [],
  setCommands: 'none',
};
const DONE: DistributionState = {
  tables: FRESH.tables.map((table) => ({ ...table, done: table.name !== 'stripe_pace' })),
  triggers: [],
  foreignKeys: [],
  keys: [],
  functions: [],
  sequences: [],
  isSaved: false,
  savedForeignKeys: [],
  setCommands: 'local',
};

const whatOf = (state: DistributionState): string[] =>
  distributionSteps(state).map(({ what }) => what);

describe('what there is to do', () => {
  it('takes off what Citus refuses before it distributes, the tenant first', () => {
    expect(whatOf(FRESH)).toEqual([
      "set citus.propagate_set_commands = 'local'",
      'give workers the function public.has_texts(text)',
      'take off 1 foreign keys for the time of it',
      'drop 1 triggers, which Citus does not take',
      'replace the key tenant_name_key',
      'distribute tenant',
      'copy installation to every node',
      'distribute push',
      'let the roles take numbers from customer_customer_no_seq on every node',
      'give workers the function public.running_erasure(uuid, bigint)',
    ]);
  });

  it('goes on where it was cut off, and puts back the foreign keys at the end', () => {
    const half: DistributionState = {
      ...DONE,
      tables: DONE.tables.map((table) =>
        table.name === 'push' ? { ...table, done: false } : { ...table, hasRest: table.done },
      ),
      isSaved: true,
      savedForeignKeys: [{ table: 'push', name: 'push_tenant_fkey' }],
    };

    expect(whatOf(half)).toEqual([
      'distribute push',
      'drop the rows of tenant that stayed behind',
      'drop the rows of installation that stayed behind',
      'put back the foreign key push_tenant_fkey',
      'end',
    ]);
  });

  it('is nothing where all is done', () => {
    expect(whatOf(DONE)).toEqual([]);
  });
});

describe('a database without the extension', () => {
  let database: TestDatabase;
  let db: Connections;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = new Connections(database.url, 'distribute', 1);
  });
  afterAll(async () => {
    await db.end();
    await database[Symbol.asyncDispose]();
  });

  it('is refused with what to do', async () => {
    await expect(requireCitus(db)).rejects.toMatchObject({
      code: 'citus_missing',
      message: expect.stringContaining('CREATE EXTENSION citus'),
    });
  });
});
