import type { Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import { ERASED_STRIPE_ID } from '../outbox/erased-place.js';
import type { Done, RunningErasure } from './erasure.store.js';
import { aboutPatternOf, patternOf } from './sought-texts.js';

const EVENTS_MAX = 200;

/** What was read of its subscriptions and invoices. Periods that came of them stay as they are. */
const READ_AT_STRIPE = [
  `DELETE FROM item_period p
    USING subscription_item i
    WHERE p.tenant_id = $1 AND i.tenant_id = $1 AND i.stripe_customer_id = ANY ($3::text[])
      AND p.account_id = i.account_id AND p.livemode = i.livemode AND p.item_id = i.item_id
      AND $2::bigint IS NOT NULL
   RETURNING 1`,
  `DELETE FROM subscription_item
    WHERE tenant_id = $1 AND stripe_customer_id = ANY ($3::text[]) AND $2::bigint IS NOT NULL
   RETURNING 1`,
  `DELETE FROM subscription_reading
    WHERE tenant_id = $1 AND stripe_customer_id = ANY ($3::text[]) AND $2::bigint IS NOT NULL
   RETURNING 1`,
];

/**
 * Statements need to know when a period's invoice became final, but not which it was. One that bills
 * another customer, too, stays beside its nameless copy.
 */
const INVOICES = [
  `INSERT INTO stripe_invoice (tenant_id, account_id, livemode, invoice_id, status, finalizes_at,
          finalized_at, made_at)
   SELECT DISTINCT i.tenant_id, i.account_id, i.livemode, erased_text(i.invoice_id, $3), i.status,
          i.finalizes_at, i.finalized_at, i.made_at
     FROM invoice_period p
     JOIN stripe_invoice i ON i.tenant_id = $1 AND i.account_id = p.account_id
      AND i.livemode = p.livemode AND i.invoice_id = p.invoice_id
    WHERE p.tenant_id = $1 AND p.customer_no = $2
      AND p.invoice_id !~ ${ERASED_STRIPE_ID}
       ON CONFLICT DO NOTHING`,
  `WITH own AS (
     SELECT DISTINCT account_id, livemode, invoice_id FROM invoice_period
      WHERE tenant_id = $1 AND customer_no = $2 AND $3::bytea IS NOT NULL
        AND invoice_id !~ ${ERASED_STRIPE_ID})
   DELETE FROM stripe_invoice i
    USING own o
    WHERE i.tenant_id = $1 AND i.account_id = o.account_id AND i.livemode = o.livemode
      AND i.invoice_id = o.invoice_id
      AND NOT EXISTS (SELECT FROM invoice_period p
                       WHERE p.tenant_id = $1 AND p.account_id = i.account_id
                         AND p.livemode = i.livemode AND p.invoice_id = i.invoice_id
                         AND p.customer_no <> $2)`,
  `UPDATE invoice_period SET invoice_id = erased_text(invoice_id, $3)
    WHERE tenant_id = $1 AND customer_no = $2 AND invoice_id !~ ${ERASED_STRIPE_ID}
   RETURNING 1`,
];

const NEXT = `
  SELECT event_id AS id, received_at AS "receivedAt",
         concat_ws(E'\\n', object_id, body, fetched, effects, last_error) ~ $6 AS hit,
         coalesce(object_id = ANY ($7::text[]), false)
           OR concat_ws(E'\\n', body, fetched) ~ $8 AS "isAbout"
    FROM stripe_event
   WHERE tenant_id = $1 AND received_at <= $2::timestamptz
     AND ($3::timestamptz IS NULL OR (received_at, event_id) > ($3, $4::text))
   ORDER BY received_at, event_id LIMIT $5`;

/**
 * What was not worked on yet is, where Stripe's customer is ours, about somebody who is not here any
 * more. But what only tells of the customer too, as a report of what went wrong, is worked on first.
 */
const ERASE = `
  UPDATE stripe_event
     SET object_id = NULL, body = '{}', fetched = NULL, effects = '[]', last_error = NULL,
         outcome = CASE WHEN next_attempt_at IS NULL THEN outcome ELSE 'ignored' END,
         next_attempt_at = NULL, lease_until = NULL, fence = fence + 1,
         settled_at = coalesce(settled_at, $3::timestamptz)
   WHERE tenant_id = $1 AND event_id = ANY ($2::text[])
     AND (next_attempt_at IS NULL
          OR (event_id = ANY ($4::text[]) AND type NOT LIKE '%error_report%'))
  RETURNING 1`;

interface Row {
  readonly id: string;
  readonly receivedAt: Micros;
  readonly hit: boolean;
  readonly isAbout: boolean;
}

/** What Stripe told of the customer, by events and when it was asked. */
export async function eraseStripe(
  tx: Transaction,
  tenantId: string,
  { customerNo, sought, hashKey, createdAt, position }: RunningErasure,
): Promise<Done | 'waiting'> {
  let otherRows = 0;
  const events = await tx.query<Row>(NEXT, [
    tenantId,
    formatInstantMicros(createdAt),
    position?.[0] ?? null,
    position?.[1] ?? null,
    EVENTS_MAX,
    patternOf(sought.texts),
    sought.stripeCustomerIds,
    aboutPatternOf(sought.stripeCustomerIds),
  ]);
  const last = events.at(-1);
  if (last === undefined) {
    for (const statement of READ_AT_STRIPE) {
      const parameters = [tenantId, customerNo, sought.stripeCustomerIds];
      otherRows += (await tx.query(statement, parameters)).length;
    }
    for (const statement of INVOICES) {
      otherRows += (await tx.query(statement, [tenantId, customerNo, hashKey])).length;
    }
    return { otherRows };
  }
  const found = events.filter(({ hit, isAbout }) => hit || isAbout);
  const hits = found.map(({ id }) => id);
  const about = found.filter(({ isAbout }) => isAbout).map(({ id }) => id);
  const at = formatInstantMicros(createdAt);
  const erased = await tx.query(ERASE, [tenantId, hits, at, about]);
  if (erased.length < hits.length) return 'waiting';
  return { otherRows: hits.length, position: [formatInstantMicros(last.receivedAt), last.id] };
}
