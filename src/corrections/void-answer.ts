import type { Queryable } from '../database/connections.js';
import { formatInstant } from '../domain/instant.js';
import { eventsWithKeys } from '../ledger/event-rows.js';
import type { VoidRecord } from '../ledger/void.store.js';
import type { VoidAnswer } from './void.answer.js';

/** How a void is answered, always from what was recorded of it. */
export async function toVoidAnswer(
  db: Queryable,
  tenantId: string,
  record: VoidRecord,
  event: { readonly usage_event_id: string; readonly source?: string },
): Promise<VoidAnswer> {
  const { effects, replacementKey, replacementStatus: status } = record;
  const names = await db.query<{
    key: string;
    id: string | null;
    source: string | null;
    meter: string;
  }>(
    `SELECT event_key AS key, usage_event_id AS id, source, meter
       FROM ${eventsWithKeys('$2::uuid[]')} e`,
    [tenantId, [record.eventKey, ...(replacementKey === null ? [] : [replacementKey])]],
  );
  const named = names.find(({ key }) => key === record.eventKey)?.meter;
  const replacement = names.find(({ key }) => key === replacementKey);
  return {
    usage_event_id: event.usage_event_id,
    source: event.source ?? '',
    voided_at: formatInstant(record.voidedAt),
    reason: record.reason,
    effect: effects.find(({ meter }) => meter === named) ??
      effects[0] ?? { meter: null, period_start: null, kind: 'open', value: '0' },
    effects,
    replacement:
      status === null
        ? null
        : { usage_event_id: replacement?.id ?? null, source: replacement?.source ?? null, status },
  };
}
