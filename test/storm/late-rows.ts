import type { Database } from '../../src/database/database.js';
import { MICROS_PER_SECOND } from '../../src/domain/instant.js';
import type { PushTarget } from '../../src/stripe/push-target.js';
import type { StripeAccounts } from '../../src/stripe/stripe-accounts.js';
import type { Sender } from '../../storm/variants.js';

interface TakenRow {
  readonly row: Record<string, string>;
  readonly at: number;
}

/** A sender that writes the row of a push only once Stripe has answered: what is lost on the way is made anew. */
export class LateRows implements Sender {
  constructor(
    private readonly db: Database,
    private readonly accounts: StripeAccounts,
    private readonly target: PushTarget,
  ) {}

  async send(tenantId: string): Promise<number> {
    const account = await this.accounts.of(tenantId);
    const [taken] = await this.take(tenantId);
    if (account === undefined || taken === undefined) return 0;
    const { row, at } = taken;
    const { value: _, timestamp: __, ...texts } = row;
    const outcome = await this.target.send(
      account,
      {
        eventName: texts['event_name']!,
        identifier: texts['identifier']!,
        customerKey: texts['customer_key']!,
        stripeCustomerId: texts['stripe_customer_id']!,
        valueKey: texts['value_key']!,
        value: String(row['value']),
        timestamp: at * MICROS_PER_SECOND,
      },
      texts['identifier']!,
    );
    if (outcome.kind === 'delivered') await this.write(row);
    else await this.planAgain(row);
    return 1;
  }

  stop(): void {}

  private async take(tenantId: string): Promise<TakenRow[]> {
    return this.db.work.transaction(async (tx) => {
      const rows = await tx.query<TakenRow>(
        `DELETE FROM push p WHERE ctid IN (
           SELECT ctid FROM push WHERE tenant_id = $1 AND status = 'pending'
            ORDER BY created_at, sequence LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING to_jsonb(p) AS row, extract(epoch FROM "timestamp")::float8 AS at`,
        [tenantId],
      );
      await tx.query(
        'DELETE FROM push_transition WHERE tenant_id = $1 AND identifier = ANY ($2::text[])',
        [tenantId, rows.map(({ row }) => row['identifier'])],
      );
      return rows;
    });
  }

  private async write(row: Record<string, string>): Promise<void> {
    await this.db.work.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status)
         VALUES ($1, $2, 1, NULL, 'pending'), ($1, $2, 2, 'pending', 'sending'),
                ($1, $2, 3, 'sending', 'delivered')`,
        [row['tenant_id'], row['identifier']],
      );
      await tx.query(
        `INSERT INTO push SELECT (jsonb_populate_record(NULL::push, $1::jsonb || jsonb_build_object(
           'status', 'delivered', 'transition_no', 3, 'settled_by', 'answer', 'attempts', 1,
           'first_attempt_at', clock_timestamp(), 'last_attempt_at', clock_timestamp(),
           'delivered_at', clock_timestamp(), 'next_attempt_at', NULL))).*`,
        [JSON.stringify(row)],
      );
    });
  }

  private async planAgain(row: Record<string, string>): Promise<void> {
    await this.db.work.query(
      `INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
       VALUES ($1, $2, $3, $4, false) ON CONFLICT DO NOTHING`,
      [row['tenant_id'], row['customer_no'], row['meter_no'], row['period_start']],
    );
  }
}
