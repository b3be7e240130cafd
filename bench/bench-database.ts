import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDataSource } from '../src/data-source.js';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.js';

export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
}

/**
 * A migrated database of one's own: on the server of `BENCH_POSTGRES_URL`, or an embedded one that
 * commits as durably as in production.
 */
export async function createBenchDatabase(): Promise<BenchDatabase> {
  const given = process.env['BENCH_POSTGRES_URL'];
  const dataDir = given === undefined ? await mkdtemp(join(tmpdir(), 'countonce-bench-')) : '';
  const server =
    given === undefined
      ? await startEmbeddedPostgres({ dataDir })
      : { url: given, stop: () => Promise.resolve() };
  const name = `countonce_bench_${randomBytes(6).toString('hex')}`;
  const onServer = async (sql: string): Promise<void> => {
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const source = await createDataSource(url.href).initialize();
  await source.runMigrations().finally(() => source.destroy());
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await onServer(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.stop();
      if (dataDir !== '') await rm(dataDir, { recursive: true, force: true });
    },
  };
}
