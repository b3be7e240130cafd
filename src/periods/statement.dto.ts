import { ApiProperty } from '@nestjs/swagger';
import { COUNT, DECIMAL, HASH, INSTANT, INSTANT_OR_NULL } from '../answers/answer-fields.js';
import { BillingInvoiceAnswer } from '../usage/billing-invoice.answer.js';
import { PERIOD_STATUSES, type PeriodStatus } from './billing-period.query.js';

const AMENDMENT_STATUSES = ['pending', 'closed'] as const;

/** What became of a value on its way to Stripe; the eight add up to it. */
export class ValueParts {
  @ApiProperty(DECIMAL)
  readonly delivered_value!: string;

  @ApiProperty(DECIMAL)
  readonly confirmed_value!: string;

  @ApiProperty({ ...DECIMAL, description: 'Not sent yet, or on its way.' })
  readonly pending_value!: string;

  @ApiProperty({ ...DECIMAL, description: 'Whether it arrived is not known, or is disputed.' })
  readonly unknown_value!: string;

  @ApiProperty(DECIMAL)
  readonly held_value!: string;

  @ApiProperty(DECIMAL)
  readonly rejected_value!: string;

  @ApiProperty({ ...DECIMAL, description: 'Not to be pushed, by the mode or `push_from`.' })
  readonly excluded_value!: string;

  @ApiProperty({ ...DECIMAL, description: 'Stripe bills it no more.' })
  readonly unbillable_value!: string;
}

class AmendmentAnswer extends ValueParts {
  @ApiProperty({ ...COUNT, minimum: 1 })
  readonly revision!: number;

  @ApiProperty({ enum: AMENDMENT_STATUSES, description: 'Pending: it grows with what comes.' })
  readonly status!: (typeof AMENDMENT_STATUSES)[number];

  @ApiProperty({ ...DECIMAL, description: "What the period's value changes by." })
  readonly value!: string;

  @ApiProperty({ type: 'integer', description: 'Events that came, less those that were voided.' })
  readonly event_count!: number;

  @ApiProperty(INSTANT_OR_NULL)
  readonly created_at!: string | null;

  @ApiProperty(HASH)
  readonly digest!: string;
}

/** A billing period with its statement, or, while it is not closed, what the statement would say. */
export class StatementAnswer extends ValueParts {
  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty()
  readonly meter!: string;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty(INSTANT)
  readonly period_end!: string;

  @ApiProperty({ enum: PERIOD_STATUSES })
  readonly status!: PeriodStatus;

  @ApiProperty(INSTANT_OR_NULL)
  readonly closed_at!: string | null;

  @ApiProperty(DECIMAL)
  readonly value!: string;

  @ApiProperty(COUNT)
  readonly event_count!: number;

  @ApiProperty(DECIMAL)
  readonly carried_in!: string;

  @ApiProperty(DECIMAL)
  readonly carried_out!: string;

  @ApiProperty({
    type: BillingInvoiceAnswer,
    nullable: true,
    description: 'Null where Stripe has told of none.',
  })
  readonly invoice!: BillingInvoiceAnswer | null;

  @ApiProperty({ type: [AmendmentAnswer] })
  readonly amendments!: readonly AmendmentAnswer[];

  @ApiProperty({ ...DECIMAL, description: '`value` and what the amendments change it by.' })
  readonly amended_value!: string;

  @ApiProperty(HASH)
  readonly digest!: string;
}
