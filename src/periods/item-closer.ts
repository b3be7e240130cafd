import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import type { CustomerMeter } from '../customers/billing-source.store.js';
import { Database } from '../database/database.js';
import { behindClosedGate } from '../database/gate.js';
import type { Micros } from '../domain/instant.js';
import { auditCloses, type RequestedClose } from '../ledger/close-audit.js';
import { requestClose } from '../ledger/close-request.store.js';

/** How long an end holds that Stripe did not confirm because it could not be asked. */
const UNCONFIRMED_SECONDS = 24 * 3_600;
/** Periods of one turn: the gate is closed for the marks of all of them at once. */
const BATCH = 200;

/**
 * Ends past the grace that hold: Stripe was asked at or after them, and what it said is in these
 * rows; or it could not be asked for a day.
 */
const DUE = `
  SELECT p.customer_no AS "customerNo", p.meter_no AS "meterNo", max(p.period_end) AS "through",
         count(*) AS due
    FROM billing_period p
    JOIN tenant t ON t.tenant_id = p.tenant_id
    JOIN customer c ON c.tenant_id = p.tenant_id AND c.customer_no = p.customer_no
   CROSS JOIN LATERAL (
         SELECT clock_timestamp() + t.clock_offset_micros * interval '1 microsecond'
                - $2 * interval '1 second' AS "limit") g
   WHERE p.tenant_id = $1 AND p.of_item AND p.closed_at IS NULL AND NOT p.backfilled
     AND p.period_end <= g."limit"
     AND (p.period_end <= g."limit" - $3 * interval '1 second'
          OR EXISTS (SELECT FROM subscription_reading r
                      WHERE r.tenant_id = $1 AND r.stripe_customer_id = c.stripe_customer_id
                        AND r.read_at >= p.period_end))
   GROUP BY p.customer_no, p.meter_no
   ORDER BY "through"
   LIMIT $4`;

/** Closes by the own clock the periods that Stripe says the end of: the word of an invoice may be lost. */
@Injectable()
export class ItemCloser {
  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /**
   * Closes what is due. The statements are written by whoever finds the closes unfinished.
   *
   * @returns How many closes were begun.
   */
  async close(tenantId: string): Promise<number> {
    const parameters = [tenantId, this.config.CLOSE_GRACE_SECONDS, UNCONFIRMED_SECONDS, BATCH];
    const glance = await this.db.work.query(DUE, parameters);
    if (glance.length === 0) return 0;
    return behindClosedGate(this.db.work, tenantId, async (tx, gate) => {
      // Read again: an end may have been moved until the gate was closed.
      const periods = await tx.query<CustomerMeter & { through: Micros; due: number }>(
        DUE,
        parameters,
      );
      const requested: RequestedClose[] = [];
      for (const { through, due, ...key } of periods) {
        const scope = { ...key, asOf: through, byClock: false };
        const id = await requestClose(tx, tenantId, scope, { due, alreadyClosed: 0 }, gate);
        requested.push({ ...scope, id, due });
      }
      await auditCloses(tx, tenantId, requested);
      return periods.length;
    });
  }
}
