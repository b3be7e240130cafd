import type { Queryable } from '../database/connections.js';
import { isStorableText } from '../domain/text.js';
import { Problem } from '../problem/problem.js';
import { meterByKey, type StoredMeter } from './meter.store.js';

/** @throws Problem `meter_not_found` where no meter, archived or not, has this key. */
export async function requireMeter(
  db: Queryable,
  tenantId: string,
  key: string,
): Promise<StoredMeter> {
  const meter = isStorableText(key) ? await meterByKey(db, tenantId, key) : undefined;
  if (meter === undefined) throw new Problem('meter_not_found', 'no meter has this key');
  return meter;
}
