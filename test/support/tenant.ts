import type { DataSource } from 'typeorm';
import { Tenant } from '../../src/access/tenant.entity.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { createDataSource } from '../../src/data-source.js';
import { Database } from '../../src/database/database.js';
import { createTestDatabase } from './database.js';

/** A database of one's own with one tenant in it, and what services need to work on it. */
export interface TestTenant extends AsyncDisposable {
  readonly url: string;
  readonly db: Database;
  readonly dataSource: DataSource;
  readonly tenants: TenantService;
  readonly tenantId: string;
  gateVersion(): Promise<number>;
}

export async function createTestTenant(): Promise<TestTenant> {
  const database = await createTestDatabase();
  const db = new Database(database.url, 4);
  const dataSource = await createDataSource(database.url).initialize();
  const tenants = new TenantService(db, dataSource.getRepository(Tenant));
  const tenantId = await tenants.create('tested');
  return {
    url: database.url,
    db,
    dataSource,
    tenants,
    tenantId,
    async gateVersion() {
      const [row] = await db.work.query<{ version: number }>(
        'SELECT gate_version AS version FROM tenant WHERE tenant_id = $1',
        [tenantId],
      );
      return row!.version;
    },
    async [Symbol.asyncDispose]() {
      await db.end();
      await dataSource.destroy();
      await database[Symbol.asyncDispose]();
    },
  };
}
