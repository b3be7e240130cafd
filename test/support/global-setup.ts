import type pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { citusWorkers } from './citus-template.js';
import { onServer } from './on-server.js';
import { createTemplate } from './template.js';
import { removeFolder, removeLeftoverFolders, temporaryFolder } from './temporary-folder.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A database on the server of this run, from which others can be made. */
    testServerUrl: string;
    /** The migrated, empty database that every test database is a copy of. */
    testTemplate: string;
  }
}

/** No run takes as long; what is older was left by one that was killed. */
const LEFTOVER_AGE_S = 6 * 3600;

/** One server for the whole run, and on it one migrated template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer();
  let template: string;
  try {
    for (const node of [server.url, ...citusWorkers()]) await onServer(node, dropLeftovers);
    template = await createTemplate(server.url);
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide('testServerUrl', server.url);
  project.provide('testTemplate', template);
  return async () => {
    for (const node of [server.url, ...citusWorkers()]) {
      await onServer(node, (client) =>
        client.query(`DROP DATABASE IF EXISTS ${template} WITH (FORCE)`),
      );
    }
    await server.stop();
  };
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const given = process.env['TEST_POSTGRES_URL'];
  if (given) return { url: given, stop: async () => undefined };

  await removeLeftoverFolders();
  const dataDir = temporaryFolder();
  // Vitest leaves on Ctrl-C without tearing down; after an orderly end nothing is left to do here.
  process.once('exit', () => removeFolder(dataDir));
  // Answered is committed also in tests; surviving a power cut is not what they are about.
  const settings = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };
  const server = await startEmbeddedPostgres({ dataDir, settings });
  return { url: server.url, stop: async () => server.stop().finally(() => removeFolder(dataDir)) };
}

/** On a server that outlives the runs, killed ones leave their databases behind. */
async function dropLeftovers(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    "SELECT datname FROM pg_database WHERE datname ~ '^countonce_test_[0-9]+_'",
  );
  for (const { datname } of rows) {
    const age = Date.now() / 1000 - Number(datname.split('_')[2]);
    if (age > LEFTOVER_AGE_S) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  }
}
