import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Micros } from '../domain/instant.js';
import type { Aggregation } from '../domain/meter.js';
import { PushAccounts, PushMeters, type PushAccount } from './push-site.js';
import type { StripeMeter } from './stripe-meter.js';

/** Nothing at the other end tells tests from bills; the pace is that of live calls. */
const FILE_ACCOUNT: PushAccount = Object.freeze({ accountId: 'file', livemode: true });

const MAPPED = `
  SELECT s.aggregation, clock_timestamp() AS "readAt"
    FROM meter m
   CROSS JOIN LATERAL (
     SELECT aggregation, stripe_event_name FROM meter_settings s
      WHERE s.tenant_id = $1 AND s.meter_no = m.meter_no
      ORDER BY s.version DESC LIMIT 1) s
   WHERE m.tenant_id = $1 AND s.stripe_event_name = $2`;

/** The file of the target `file`, as the one account that every tenant has. */
@Injectable()
export class FileAccounts extends PushAccounts {
  of(): Promise<PushAccount> {
    return Promise.resolve(FILE_ACCOUNT);
  }

  isConfigured(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

/**
 * A file takes whatever meter is mapped: its lines add up to the usage, but for a meter of `last`,
 * whose lines are its value each.
 */
@Injectable()
export class FileMeters extends PushMeters {
  constructor(private readonly db: Database) {
    super();
  }

  async find(
    tenantId: string,
    _account: PushAccount,
    eventName: string,
  ): Promise<StripeMeter | undefined> {
    const [mapped] = await this.db.work.query<{ aggregation: Aggregation; readAt: Micros }>(
      MAPPED,
      [tenantId, eventName],
    );
    if (mapped === undefined) return undefined;
    return {
      stripeMeterId: eventName,
      eventName,
      formula: mapped.aggregation === 'last' ? 'last' : 'sum',
      status: 'active',
      eventTimeWindow: null,
      customerKey: 'stripe_customer_id',
      valueKey: 'value',
      readAt: mapped.readAt,
    };
  }
}
