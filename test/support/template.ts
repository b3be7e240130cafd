import { randomBytes } from 'node:crypto';
import { createDataSource } from '../../src/data-source.js';
import { citusWorkers, distributeTemplate } from './citus-template.js';
import { onServer } from './on-server.js';

/** Makes the migrated, empty database that test databases are copies of. @returns Its name. */
export async function createTemplate(serverUrl: string): Promise<string> {
  const madeAt = Math.floor(Date.now() / 1000);
  const template = `countonce_test_${madeAt}_${randomBytes(4).toString('hex')}_template`;
  await onServer(serverUrl, (client) => client.query(`CREATE DATABASE ${template}`));
  const workers = citusWorkers();
  if (workers.length > 0) {
    await distributeTemplate(serverUrl, workers, template);
    return template;
  }
  const url = new URL(serverUrl);
  url.pathname = `/${template}`;
  const dataSource = createDataSource(url.href);
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
  return template;
}
