import { expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { isMigrated } from '../../src/database/migrated.js';
import { createTestDatabase } from '../support/database.js';

it('is migrated with every migration, and with none missing between two that ran', async () => {
  await using test = await createTestDatabase();
  const db = new Database(test.url, 1);
  try {
    expect(await isMigrated(db.work)).toBe(true);
    await test.pool.query(`DELETE FROM migration WHERE name LIKE 'CreateApprovals%'`);
    expect(await isMigrated(db.work)).toBe(false);
    await test.pool.query('DROP TABLE migration');
    expect(await isMigrated(db.work)).toBe(false);
  } finally {
    await db.end();
  }
});
