import pg from 'pg';
import { expect, it } from 'vitest';
import { waitForSchema } from '../../src/commands/waiting-room.js';
import { createTestDatabase } from '../support/database.js';

it('waits while another process migrates, and tells that it lives until then', async () => {
  await using database = await createTestDatabase();
  const migrating = new pg.Client(database.url);
  await migrating.connect();
  await migrating.query('SELECT pg_advisory_lock(7126350911848277)');
  let url = '';
  const logger = { warn: (facts: object) => void (url = (facts as { url: string }).url) };
  const waited = waitForSchema(database.url, { PORT: 0, HOST: '127.0.0.1' }, logger);
  try {
    await expect.poll(() => url, { timeout: 60_000 }).not.toBe('');
    const status = async (method: string, path: string) =>
      (await fetch(url + path, { method })).status;
    expect(await status('GET', '/health/live')).toBe(200);
    expect(await status('HEAD', '/health/live')).toBe(200);
    expect(await status('GET', '/health/live?x=1')).toBe(200);
    expect(await status('GET', '/health/ready')).toBe(503);
  } finally {
    await migrating.end();
  }
  await waited;
  // The port is free for the application.
  await expect(fetch(`${url}/health/live`)).rejects.toThrow();
});
