import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, MICROS_PER_HOUR, type Micros } from '../domain/instant.js';
import { addWorkOfPushes } from '../outbox/push-work.store.js';
import { withdrawPushes } from '../outbox/withdraw.store.js';
import { earliest } from '../outbox/push-window.js';

/** Half of the day that plans keep for the way: what was planned just in time is still sent. */
const SPARE_TIME = 12 * MICROS_PER_HOUR;

const OUTDATED = `
  SELECT identifier FROM push
   WHERE tenant_id = $1 AND status = 'pending' AND "timestamp" < $2 ORDER BY identifier`;

const UNACCEPTED = `
  SELECT identifier FROM push
   WHERE tenant_id = $1 AND status = 'pending' AND (value <= 0 OR value <> trunc(value))
   ORDER BY identifier`;

/**
 * Takes back what waited until Stripe does not take its timestamp any more. Planned again, it finds a
 * later minute or is held as too old.
 */
export async function withdrawOutdated(
  tx: Transaction,
  tenantId: string,
  { time, ofTenant }: { readonly time: Micros; readonly ofTenant: Micros },
): Promise<void> {
  const before = formatInstantMicros(earliest(ofTenant) - SPARE_TIME);
  await withdraw(tx, tenantId, [OUTDATED, [tenantId, before]], { reason: 'too_old', at: time });
}

/**
 * Takes back what waits with a value that a target of whole numbers above zero does not take: it was
 * planned for another target. Planned again, it is held.
 */
export async function withdrawUnaccepted(
  tx: Transaction,
  tenantId: string,
  at: Micros,
): Promise<void> {
  await withdraw(tx, tenantId, [UNACCEPTED, [tenantId]], { reason: 'value_not_accepted', at });
}

async function withdraw(
  tx: Transaction,
  tenantId: string,
  [sql, parameters]: [string, unknown[]],
  why: { readonly reason: string; readonly at: Micros },
): Promise<void> {
  const pushes = await tx.query<{ identifier: string }>(sql, parameters);
  await addWorkOfPushes(
    tx,
    tenantId,
    pushes.map(({ identifier }) => identifier),
    false,
  );
  await withdrawPushes(tx, tenantId, pushes, why);
}
