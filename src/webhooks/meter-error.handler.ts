import { Injectable } from '@nestjs/common';
import type { Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { MICROS_PER_SECOND, type Micros } from '../domain/instant.js';
import { disputeNamed, readReportedWindow } from '../outbox/dispute.store.js';
import type { StripeAccount } from '../stripe/stripe-account.js';
import { fetchEvent } from '../stripe/stripe-webhooks.js';
import { disputedOf, hasUnsettledInWindow, hasUnsettledNamed } from './reported-push.store.js';
import { readMeterErrorReport, type MeterErrorReport } from './meter-error-report.js';
import {
  StripeEventHandler,
  type Effect,
  type HandlerResult,
  type InboxEvent,
} from './stripe-event-handler.js';
import { timeOfDay } from '../database/time-of-day.js';

/**
 * The window is the one of Stripe's look at the events; how long before that they were sent is not
 * documented, its samples have windows of ten seconds and reports two seconds later.
 */
const SENT_BEFORE: Micros = 15 * 60 * MICROS_PER_SECOND;
/** What the clocks may differ by. */
const SENT_AFTER: Micros = 60 * MICROS_PER_SECOND;

/**
 * Meter events that Stripe took with 200 and refused afterwards. The pushes that its report names
 * are disputed; where it names fewer than it counts, all that went out about then are read back.
 *
 * A report may be here before the answer to a push is: a sender that died leaves it unknown, and the
 * next one hears that its identifier is taken, which looks like a delivery. So the event waits.
 */
@Injectable()
export class MeterErrorHandler extends StripeEventHandler {
  readonly types = [
    'v1.billing.meter.error_report_triggered',
    'v1.billing.meter.no_meter_found',
  ] as const;

  constructor(private readonly db: Database) {
    super();
  }

  async handle(event: InboxEvent, account: StripeAccount): Promise<HandlerResult> {
    const fetched = await fetchEvent(account, event.eventId);
    const report = readMeterErrorReport(fetched);
    return { ...(await this.apply(event.tenantId, account, report)), fetched };
  }

  private async apply(
    tenantId: string,
    { accountId, livemode }: StripeAccount,
    { stripeMeterId, from, to, codes }: MeterErrorReport,
  ): Promise<Pick<HandlerResult, 'outcome' | 'effects'>> {
    const reports = codes.flatMap(({ code, samples }) =>
      samples.map(({ name, message }) => ({ name, code, message })),
    );
    return this.db.work.transaction(async (tx) => {
      const at = await timeOfDay(tx);
      const account = { accountId, livemode };
      await disputeNamed(tx, tenantId, { ...account, reports, at });
      const names = reports.map(({ name }) => name);
      const disputed = await disputedOf(tx, tenantId, account, names);
      const effects: Effect[] = disputed.map((identifier) => ({ kind: 'disputed', identifier }));
      let isEarly = await hasUnsettledNamed(tx, tenantId, account, names);

      const windows = await windowsOf(tx, tenantId, from - SENT_BEFORE, to + SENT_AFTER);
      for (const { code, errorCount, samples } of codes) {
        if (errorCount <= samples.length) continue;
        let pushes = 0;
        for (const window of windows) {
          const asked = { ...account, ...window, stripeMeterId, eventName: null, code, at };
          pushes += await readReportedWindow(tx, tenantId, asked);
          isEarly ||= await hasUnsettledInWindow(tx, tenantId, asked);
        }
        effects.push({ kind: 'marked_for_reading', code, pushes });
      }
      if (isEarly) effects.push({ kind: 'waiting_for_answers' });
      return { outcome: isEarly ? 'waiting' : 'done', effects };
    });
  }
}

/** A simulator may go by the tenant's test clock, Stripe goes by the real time, as attempts do. */
async function windowsOf(
  tx: Transaction,
  tenantId: string,
  from: Micros,
  to: Micros,
): Promise<{ from: Micros; to: Micros }[]> {
  const [tenant] = await tx.query<{ ahead: Micros }>(
    'SELECT clock_offset_micros AS ahead FROM tenant WHERE tenant_id = $1',
    [tenantId],
  );
  const ahead = tenant?.ahead ?? 0;
  return ahead === 0
    ? [{ from, to }]
    : [
        { from, to },
        { from: from - ahead, to: to - ahead },
      ];
}
