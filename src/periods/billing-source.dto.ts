import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { INSTANT, INSTANT_OR_NULL } from '../answers/answer-fields.js';
import { formatInstant } from '../domain/instant.js';
import { ITEM_PRICINGS, pricingOf, type ItemPricing } from '../domain/item-period.js';
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

export class BillingSourceAnswer {
  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty()
  readonly meter!: string;

  @ApiProperty({ enum: BILLING_SOURCES })
  readonly source!: BillingSource;

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'Null: from the beginning.' })
  readonly effective_from!: string | null;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty(INSTANT)
  readonly period_end!: string;

  @ApiProperty({
    type: String,
    enum: ITEM_PRICINGS,
    nullable: true,
    description: 'How many items price the meter in that period; null for a schedule.',
  })
  readonly subscription_items!: ItemPricing | null;
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
