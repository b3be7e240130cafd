import { describe, expect, it } from 'vitest';
import { createTestDatabase, onServer } from './database.js';

describe('a test database', () => {
  it('is migrated, empty and unshared', async () => {
    await using one = await createTestDatabase();
    await using other = await createTestDatabase();
    await one.pool.query('CREATE TABLE only_here (n int)');

    const { rows } = await other.pool.query("SELECT to_regclass('only_here') AS found");
    expect(rows).toEqual([{ found: null }]);
  });

  it('is gone afterwards, also when a session is still open', async () => {
    let name: string;
    {
      await using database = await createTestDatabase();
      name = new URL(database.url).pathname.slice(1);
      await database.pool.query('SELECT 1');
    }
    const { rowCount } = await onServer((server) =>
      server.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]),
    );
    expect(rowCount).toBe(0);
  });

  it('keeps its time in UTC while the process does not', async () => {
    await using database = await createTestDatabase();
    const { rows } = await database.pool.query('SHOW timezone');
    expect(rows).toEqual([{ TimeZone: 'UTC' }]);
    expect(new Date('2026-01-15T12:00:00Z').getHours()).toBe(8);
  });
});
