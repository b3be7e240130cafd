import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyChain, type ChainReport } from '../../src/access/audit/audit-verification.js';
import { Connections } from '../../src/database/connections.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { entriesOf, tamper, tenantIdOf } from './audit-scene.js';

const CUSTOMERS = ['ann', 'ben', 'cat', 'dan', 'eve', 'fay'];
/** The key of the environment is the first entry, then the customers come. */
const LAST = CUSTOMERS.length + 1;

let api: TestApp;
let db: Connections;
let tenantId: string;
beforeAll(async () => {
  api = await startTestApp();
  for (const id of CUSTOMERS) await api.call('PUT', `/v1/customers/${id}`, { name: `${id} Doe` });
  db = new Connections(api.databaseUrl, 'audit', 1);
  tenantId = await tenantIdOf(api);
});
afterAll(async () => {
  await db.end();
  await api[Symbol.asyncDispose]();
});

function verified(noted?: { sequence: number; hash: string }): Promise<ChainReport> {
  if (noted === undefined) return verifyChain(db, tenantId);
  const { sequence, hash } = noted;
  return verifyChain(db, tenantId, { noted: { sequence, hash: Buffer.from(hash, 'hex') } });
}

/** What is found after a change of the tables that is then taken back. */
async function foundAfter(...statements: string[]): Promise<string[]> {
  expect(await verified()).toMatchObject({ faults: 0, entries: LAST });
  await tamper(
    api.pool,
    'CREATE TABLE kept_entry AS TABLE audit_entry',
    'CREATE TABLE kept_head AS TABLE audit_head',
    ...statements,
  );
  const { faults, findings } = await verified();
  await tamper(
    api.pool,
    'DELETE FROM audit_entry',
    'INSERT INTO audit_entry TABLE kept_entry',
    'DELETE FROM audit_head',
    'INSERT INTO audit_head TABLE kept_head',
    'DROP TABLE kept_entry',
    'DROP TABLE kept_head',
  );
  expect(faults).toBe(findings.length);
  return findings.map(({ fault, sequence }) => `${fault} ${sequence}`);
}

describe('a chain', () => {
  it.each([
    ['another actor', `UPDATE audit_entry SET actor_id = 'mallory' WHERE sequence = 4`],
    ['another action', `UPDATE audit_entry SET action = 'customer.seen' WHERE sequence = 4`],
    ['another time', `UPDATE audit_entry SET at = at - interval '1 day' WHERE sequence = 4`],
    ['another text', `UPDATE audit_entry SET after = '{"name":"x"}' WHERE sequence = 4`],
    ['a text that was null', `UPDATE audit_entry SET reason = '' WHERE sequence = 4`],
    [
      'a text alone taken out',
      `UPDATE audit_entry SET before = NULL, after = NULL WHERE sequence = 4`,
    ],
    ['another hash', `UPDATE audit_entry SET hash = sha256('x') WHERE sequence = 4`],
  ])('finds an entry with %s', async (_, statement) => {
    expect(new Set(await foundAfter(statement))).toContain('altered 4');
  });

  it('finds an entry that was written anew with a hash that fits it', async () => {
    const forged = `UPDATE audit_entry SET hash = sha256('x') WHERE sequence = ${LAST}`;
    expect(await foundAfter(forged)).toEqual([`altered ${LAST}`, `altered ${LAST}`]);
  });

  it.each([
    ['one entry', 'DELETE FROM audit_entry WHERE sequence = 4', 'removed 4'],
    ['several', 'DELETE FROM audit_entry WHERE sequence IN (3, 4, 5)', 'removed 3'],
    ['the first', 'DELETE FROM audit_entry WHERE sequence = 1', 'removed 1'],
    ['the last', `DELETE FROM audit_entry WHERE sequence = ${LAST}`, `truncated ${LAST}`],
    ['all', 'DELETE FROM audit_entry', 'truncated 1'],
    ['the head', 'DELETE FROM audit_head', `truncated ${LAST + 1}`],
  ])('finds that %s is gone', async (_, statement, found) => {
    expect(await foundAfter(statement)).toEqual([found]);
  });

  it('finds a removal that was hidden by renumbering', async () => {
    const found = await foundAfter(
      'DELETE FROM audit_entry WHERE sequence = 4',
      'UPDATE audit_entry SET sequence = -sequence WHERE sequence > 4',
      'UPDATE audit_entry SET sequence = -sequence - 1 WHERE sequence < 0',
      `UPDATE audit_head SET sequence = ${LAST - 1}`,
    );
    expect(found[0]).toBe('removed 4');
  });

  it('finds two entries that changed places', async () => {
    const found = await foundAfter(
      'UPDATE audit_entry SET sequence = -sequence WHERE sequence IN (3, 5)',
      'UPDATE audit_entry SET sequence = sequence + 8 WHERE sequence < 0',
    );
    expect(found).toContain('reordered 3');
    expect(found).toContain('reordered 5');
  });

  it('finds an entry that nobody wrote through us', async () => {
    const found = await foundAfter(
      `INSERT INTO audit_entry
       SELECT tenant_id, sequence + 1, at, actor_kind, actor_id, actor_name, action, subject, reason,
              before, after, salt, subject_digest, reason_digest, before_digest, after_digest,
              hash, sha256('x')
         FROM audit_entry WHERE sequence = ${LAST}`,
    );
    expect(found).toEqual([`altered ${LAST + 1}`]);
  });

  it('is held against an end that was noted before', async () => {
    const { hash } = (await entriesOf(api)).at(-1)!;
    expect((await verified({ sequence: LAST, hash })).findings).toEqual([]);
    const other = await verified({ sequence: LAST, hash: '0'.repeat(64) });
    expect(other.findings).toMatchObject([{ fault: 'altered', sequence: LAST }]);
    const later = await verified({ sequence: 99, hash });
    expect(later.findings).toMatchObject([{ fault: 'truncated', sequence: LAST + 1 }]);
  });
});

describe('the tables', () => {
  const refused = { code: '23001' };

  it.each([
    `UPDATE audit_entry SET action = 'x' WHERE sequence = 2`,
    `UPDATE audit_entry SET subject = NULL WHERE sequence = 2`,
    `UPDATE audit_entry SET salt = NULL, subject = NULL, reason = NULL, before = NULL, after = NULL,
            hash = sha256('x')`,
    `UPDATE audit_entry SET salt = '\\x00', subject = 'x'`,
    'DELETE FROM audit_entry WHERE sequence = 2',
    'TRUNCATE audit_entry',
    'DELETE FROM audit_head',
  ])('refuse %s', async (statement) => {
    await expect(api.pool.query(statement)).rejects.toMatchObject(refused);
  });
});
