import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsString, Length } from 'class-validator';
import { formatInstant, type Micros } from '../domain/instant.js';
import { difference } from '../domain/decimal-arithmetic.js';
import { IsAbsentOr } from '../problem/field-rules.js';
import type { InvoiceCheck } from './invoice-check.js';
import type { LaneRow } from './reconciliation-lane.store.js';
import type { DifferenceCause } from './lane-reading.js';
import type { Reconciliation } from './reconciliation.store.js';

export class CreateReconciliationDto {
  @ApiPropertyOptional()
  @IsAbsentOr()
  @IsString()
  @Length(1, 255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: "A meter's key" })
  @IsAbsentOr()
  @IsString()
  @Length(1, 64)
  readonly meter?: string;

  @ApiPropertyOptional({
    description: 'RFC 3339; absent: periods that are open or ended less than 35 days ago',
  })
  @IsAbsentOr()
  @IsString()
  readonly period_start?: string;
}

export class CreateRepairsDto {
  @ApiPropertyOptional({ description: 'Tell what would be done, and do nothing. Default true' })
  @IsAbsentOr()
  @IsBoolean()
  readonly dry_run?: boolean;
}

export interface DifferenceAnswer {
  readonly cause: DifferenceCause;
  readonly identifier: string | null;
  readonly hour: string | null;
  readonly minute: string | null;
  readonly value: string;
}

/** One lane of a reconciliation, as it is answered. */
export interface LaneAnswer {
  readonly customer_id: string;
  readonly meter: string;
  readonly period_start: string;
  readonly period_end: string;
  readonly stripe_account_id: string;
  readonly mode: 'live' | 'test';
  readonly stripe_meter_id: string;
  readonly stripe_customer_id: string;
  /** Null until the lane is read. */
  readonly verdict: string | null;
  readonly why: string | null;
  readonly ours: string | null;
  /** Sent and not known to have arrived: beside `ours`, not in it. */
  readonly unsettled: string | null;
  readonly stripe: string | null;
  readonly drift: string | null;
  readonly hours: readonly { hour: string; ours: string; stripe: string; drift: string }[];
  readonly differences: readonly DifferenceAnswer[];
  readonly invoice: InvoiceCheck | null;
  readonly read_at: string | null;
}

export interface ReconciliationAnswer {
  readonly id: string;
  readonly status: 'running' | 'finished';
  readonly cause: string;
  readonly progress: { readonly lanes: number; readonly done: number };
  readonly verdicts: Readonly<Record<'matched' | 'lagging' | 'drift' | 'unreadable', number>>;
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly repaired_at: string | null;
}

export interface ReconciliationPage extends ReconciliationAnswer {
  readonly lanes: readonly LaneAnswer[];
  /** Of the lanes. */
  readonly next_cursor: string | null;
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
