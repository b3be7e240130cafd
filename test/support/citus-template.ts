import { migrate } from '../../src/commands/open-database.js';
import { distributeTables } from '../../src/commands/distribute/distribute-tables.js';
import { requireCitus } from '../../src/commands/distribute/distribution-state.js';
import { Connections } from '../../src/database/connections.js';
import { onServer } from './on-server.js';

/**
 * The workers of the Citus that the tests run on, as `TEST_CITUS_WORKERS` says: URLs separated by commas,
 * by which the coordinator, `TEST_POSTGRES_URL`, reaches them too. None: the server is a plain one.
 */
export function citusWorkers(): string[] {
  return process.env['TEST_CITUS_WORKERS']?.split(',') ?? [];
}

/** Makes a template with a distributed, empty database: one on each node, which know each other. */
export async function distributeTemplate(
  serverUrl: string,
  workers: readonly string[],
  template: string,
): Promise<void> {
  for (const worker of workers) {
    await onServer(worker, (client) => client.query(`CREATE DATABASE ${template}`));
  }
  for (const node of [serverUrl, ...workers]) {
    await onServer(databaseAt(node, template), (client) => client.query('CREATE EXTENSION citus'));
  }
  const url = databaseAt(serverUrl, template);
  await onServer(url, async (coordinator) => {
    const { hostname, port } = new URL(serverUrl);
    await coordinator.query('SELECT citus_set_coordinator_host($1, $2)', [hostname, port]);
    for (const worker of workers.map((each) => new URL(each))) {
      await coordinator.query('SELECT citus_add_node($1, $2)', [worker.hostname, worker.port]);
    }
  });
  await migrate(url);
  await onServer(url, async (coordinator) => {
    await coordinator.query('ALTER ROLE countonce_service LOGIN');
    await coordinator.query('ALTER ROLE countonce_tenant LOGIN');
  });
  const connections = new Connections(url, 'distribute', 1);
  try {
    await requireCitus(connections);
    await distributeTables(connections);
  } finally {
    await connections.end();
  }
  // The processes of the extension come back to a database that lets them, and it could not be copied.
  for (const node of [serverUrl, ...workers]) {
    await onServer(node, async (client) => {
      await client.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS false`);
      await client.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
        [template],
      );
    });
  }
}

function databaseAt(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
