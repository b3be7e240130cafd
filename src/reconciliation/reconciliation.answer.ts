import { ApiProperty } from '@nestjs/swagger';
import { COUNT, ID, INSTANT, INSTANT_OR_NULL, TEXT_OR_NULL } from '../answers/answer-fields.js';
import { difference } from '../domain/decimal-arithmetic.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import type { ReadVerdict } from './lane-reading.js';
import { LaneAnswer } from './lane.answer.js';
import type { LaneRow } from './reconciliation-lane.store.js';
import {
  RECONCILIATION_CAUSES,
  type Reconciliation,
  type ReconciliationCause,
} from './reconciliation.store.js';

const STATUSES = ['running', 'finished'] as const;

class ReconciliationProgress {
  @ApiProperty(COUNT)
  readonly lanes!: number;

  @ApiProperty(COUNT)
  readonly done!: number;
}

/** How many lanes of each. */
class ReconciliationVerdicts implements Record<ReadVerdict, number> {
  @ApiProperty(COUNT)
  readonly matched!: number;

  @ApiProperty(COUNT)
  readonly lagging!: number;

  @ApiProperty(COUNT)
  readonly drift!: number;

  @ApiProperty(COUNT)
  readonly unreadable!: number;
}

export class ReconciliationAnswer {
  @ApiProperty(ID)
  readonly id!: string;

  @ApiProperty({ enum: STATUSES })
  readonly status!: (typeof STATUSES)[number];

  @ApiProperty({ enum: RECONCILIATION_CAUSES })
  readonly cause!: ReconciliationCause;

  @ApiProperty()
  readonly progress!: ReconciliationProgress;

  @ApiProperty()
  readonly verdicts!: ReconciliationVerdicts;

  @ApiProperty(INSTANT)
  readonly created_at!: string;

  @ApiProperty(INSTANT_OR_NULL)
  readonly finished_at!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly repaired_at!: string | null;
}

/** With a page of its lanes. */
export class ReconciliationPage extends ReconciliationAnswer {
  @ApiProperty({ type: [LaneAnswer] })
  readonly lanes!: readonly LaneAnswer[];

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Of the lanes.' })
  readonly next_cursor!: string | null;
}

export function fromReconciliation(row: Reconciliation): ReconciliationAnswer {
  const { id, cause, lanes, done, matched, lagging, drift, unreadable } = row;
  return {
    id,
    status: row.finishedAt === null ? 'running' : 'finished',
    cause,
    progress: { lanes, done },
    verdicts: { matched, lagging, drift, unreadable },
    created_at: formatInstant(row.createdAt),
    finished_at: instantOrNull(row.finishedAt),
    repaired_at: instantOrNull(row.repairedAt),
  };
}

export function fromLane(row: LaneRow): LaneAnswer {
  return {
    customer_id: row.customerId,
    meter: row.meter,
    period_start: formatInstant(row.periodStart),
    period_end: formatInstant(row.periodEnd),
    stripe_account_id: row.accountId,
    mode: row.livemode ? 'live' : 'test',
    stripe_meter_id: row.stripeMeterId,
    stripe_customer_id: row.stripeCustomerId,
    verdict: row.verdict,
    why: row.why,
    ours: row.ours,
    unsettled: row.unsettled,
    stripe: row.stripe,
    drift: row.drift,
    hours: (row.hours ?? []).map(({ hour, ours, stripe }) => ({
      hour: formatInstant(hour),
      ours,
      stripe,
      drift: difference(stripe, ours),
    })),
    differences: (row.differences ?? []).map(({ hour, minute, ...of }) => ({
      ...of,
      hour: instantOrNull(hour),
      minute: instantOrNull(minute),
    })),
    invoice: row.invoice,
    read_at: instantOrNull(row.readAt),
  };
}

export function instantOrNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
