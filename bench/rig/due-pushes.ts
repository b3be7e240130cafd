import { Services } from '../../src/commands/services.js';
import { PushInterval } from '../../src/push/push-interval.js';
import { PushPlanner } from '../../src/push/push-planner.js';
import { withinTenant } from '../../src/database/tenant-scope.js';
import type { BenchDatabase } from './bench-postgres.js';
import { fillLedger } from './fill-ledger.js';
import { Recorded } from './recorded.js';
import type { Rig } from './rig.js';

export interface DuePushes {
  /** One for each customer. */
  readonly pushes: number;
  readonly eventName: string;
  /** Which Stripe the product speaks to. */
  readonly variables: Readonly<Record<string, string>>;
}

const MAP_CUSTOMERS = `UPDATE customer SET stripe_customer_id = 'cus_' || customer_no`;
const COUNT = `SELECT count(*)::integer AS due FROM push WHERE status = 'pending'`;
const TOLD_EVERY = 5_000;

/**
 * Customers with an event each, as they were recorded within a week, and the pushes that the product's
 * own planner owes Stripe for them. All are due when this returns, and none was sent.
 */
export async function createDuePushes(
  rig: Rig,
  database: BenchDatabase,
  { pushes, eventName, variables }: DuePushes,
): Promise<void> {
  {
    await using api = await rig.startApi(database, 'api', { ...variables, ROLE: 'api' });
    await api.ask('PUT', '/v1/meters/meter_1', {
      aggregation: 'sum',
      stripe_event_name: eventName,
      push: 'live',
    });
  }
  const recorded = new Recorded();
  const filling = { events: pushes, customers: pushes, meters: 1, inTurn: true };
  await fillLedger(database.pool, filling, recorded, rig.say);
  await recorded.hold(database);
  await database.pool.query(MAP_CUSTOMERS);

  await plan(database, variables, (planned) => {
    rig.say(`${planned} of ${pushes} pushes are planned`);
  });
  const { rows } = await database.pool.query<{ due: number }>(COUNT);
  const { due } = rows[0]!;
  if (due !== pushes) throw new Error(`${due} pushes are due, where ${pushes} should be`);
  await database.pool.query('VACUUM ANALYZE');
}

/** As a worker does when the interval of open periods has come. */
async function plan(
  { url }: BenchDatabase,
  variables: DuePushes['variables'],
  tell: (planned: number) => void,
): Promise<void> {
  await using services = await Services.open({ ...variables, DATABASE_URL: url });
  const { tenantId } = await services.tenant('default');
  await withinTenant(tenantId, async () => {
    await services.get(PushInterval).planNow(tenantId);
    const planner = services.get(PushPlanner);
    let planned = 0;
    let told = 0;
    for (let done = 1; done > 0; planned += done) {
      done = await planner.plan(tenantId);
      if (planned - told < TOLD_EVERY) continue;
      told = planned;
      tell(planned);
    }
  });
}
