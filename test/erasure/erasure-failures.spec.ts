import { expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import { Eraser } from '../../src/erasure/eraser.js';
import { ErasureService } from '../../src/erasure/erasure.service.js';
import { startTestApp } from '../support/app.js';

it('ends the erasures behind one that fails every time', async () => {
  // No timer of its own, which would fail at it meanwhile.
  await using app = await startTestApp({ ROLE: 'api' });
  const { rows } = await app.pool.query('SELECT tenant_id AS id FROM tenant');
  const tenantId: string = rows[0].id;
  const begun: string[] = [];
  for (const id of ['first', 'second']) {
    await app.call('PUT', `/v1/customers/${id}`, {});
    const service = app.app.get(ErasureService);
    begun.push(
      await withinTenant(tenantId, () => service.begin(tenantId, id, { reason: 'a test' })),
    );
  }
  const broken = `UPDATE erasure SET sought = '{}' WHERE tenant_id = $1 AND erasure_id = $2`;
  await app.app.get(Database).work.query(broken, [tenantId, begun[0]]);
  await app.app.get(Eraser).resume(tenantId, () => false);
  const statuses = begun.map(
    async (id) => (await app.call('GET', `/v1/erasures/${id}`)).body.status,
  );
  expect(await Promise.all(statuses)).toEqual(['running', 'finished']);
});
