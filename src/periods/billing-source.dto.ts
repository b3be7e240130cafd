import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { formatInstant } from '../domain/instant.js';
import { pricingOf } from '../domain/item-period.js';
import {
  BILLING_SOURCES,
  latestSource,
  periodOfSource,
  type BillingSource,
  type PeriodSource,
} from '../domain/period-source.js';
import type { Micros } from '../domain/instant.js';

export class PutBillingSourceDto {
  @ApiProperty({
    enum: BILLING_SOURCES,
    description: '`stripe`: the periods of the subscription item that prices the meter.',
  })
  @IsIn(BILLING_SOURCES)
  readonly source!: BillingSource;
}

export interface BillingSourceAnswer {
  readonly customer_id: string;
  readonly meter: string;
  readonly source: BillingSource;
  /** Null: from the beginning. */
  readonly effective_from: string | null;
  readonly period_start: string;
  readonly period_end: string;
  /** Whether one subscription item prices the meter in that period; null for a schedule. */
  readonly subscription_items: 'one' | 'none' | 'several' | null;
}

export function fromBillingSource(
  customerId: string,
  meter: string,
  source: PeriodSource,
  now: Micros,
): BillingSourceAnswer {
  const from = source.segments.at(-1)?.effectiveFrom ?? -Infinity;
  const { start, end, ofItem } = periodOfSource(source, now);
  return {
    customer_id: customerId,
    meter,
    source: latestSource(source.segments),
    effective_from: from === -Infinity ? null : formatInstant(from),
    period_start: formatInstant(start),
    period_end: formatInstant(end),
    subscription_items: ofItem ? pricingOf(source.items, { start, end }) : null,
  };
}
