import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/access/audit/audit-verification.js';
import { Database } from '../../src/database/database.js';
import { pushStop } from '../../src/outbox/push-guard.js';
import { ReplayRunner } from '../../src/replay/replay-runner.js';
import { ReplayService } from '../../src/replay/replay.service.js';
import { push, pushedScene } from '../reconciliation/reconciled-scene.js';
import { onServer, useServer } from '../support/database.js';
import { distributionPrograms, DistributionPostgres } from '../support/distribution-postgres.js';
import { createTemplate } from '../support/template.js';
import { History } from './history.js';
import { dumpPrograms } from './postgres-programs.js';

async function serverVersion(): Promise<number> {
  return onServer(async (server) => {
    const { rows } = await server.query<{ version: string }>(
      `SELECT current_setting('server_version_num') AS version`,
    );
    return Number(rows[0]!.version);
  });
}

/** Dumps a database and loads it into an empty one. */
async function loadDump(programs: string, url: string): Promise<{ url: string } & AsyncDisposable> {
  const name = `${new URL(url).pathname.slice(1)}_${randomBytes(3).toString('hex')}`;
  await onServer((server) => server.query(`CREATE DATABASE ${name}`));
  const loaded = new URL(url);
  loaded.pathname = `/${name}`;
  const dump = execFileSync(`${programs}pg_dump`, ['--no-owner', url], { maxBuffer: 2 ** 28 });
  const options = ['--quiet', '--set=ON_ERROR_STOP=1', loaded.href];
  execFileSync(`${programs}psql`, options, { input: dump, stdio: ['pipe', 'ignore', 'pipe'] });
  return {
    url: loaded.href,
    async [Symbol.asyncDispose]() {
      await onServer((server) => server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

async function verified(db: Database, tenantId: string) {
  const replays = new ReplayService(db);
  const id = await replays.begin(tenantId, { mode: 'verify' }, { byCommand: true });
  await new ReplayRunner(db).run(tenantId, id, () => false);
  return replays.get(tenantId, id);
}

let own: DistributionPostgres | undefined;
let programs: string | undefined;
beforeAll(async () => {
  programs = dumpPrograms(await serverVersion());
  if (programs !== undefined || distributionPrograms() === undefined) return;
  own = await DistributionPostgres.start(['max_connections = 100']);
  useServer({ url: own.url, template: await createTemplate(own.url) });
  programs = dumpPrograms(await serverVersion());
});
afterAll(() => own?.[Symbol.asyncDispose]());

describe('a dump that is loaded into an empty database', () => {
  it('verifies as the original does', async (context) => {
    context.skip(programs === undefined, 'there is no pg_dump for a server that is there');
    await using history = await History.open(11);
    await history.happen(40);
    const original = await history.replay();
    await using copy = await loadDump(programs!, history.app.databaseUrl);
    const db = new Database(copy.url, 2);
    try {
      const answer = await verified(db, history.tenantId);
      expect(answer.differences).toEqual([]);
      expect(answer.checked).toEqual(original.checked);
      expect(answer.checked.entries).toBeGreaterThan(50);
      const chain = await verifyChain(db.work, history.tenantId);
      expect(chain.findings).toEqual([]);
      expect(chain.entries).toBeGreaterThan(5);
    } finally {
      await db.end();
    }
  });

  it('pushes nothing before it has been told that it was restored', async (context) => {
    context.skip(programs === undefined, 'there is no pg_dump for a server that is there');
    await using scene = await pushedScene({ '09': '10' });
    await using copy = await loadDump(programs!, scene.db.url);
    const db = new Database(copy.url, 4);
    await using restored = scene.on(db);
    await verified(db, restored.tenantId);
    expect(await pushStop(db.work)).toBe('another_database');
    const before = scene.simulator.ledger().length;
    await push(restored);
    expect(scene.simulator.ledger()).toHaveLength(before);
  });
});
