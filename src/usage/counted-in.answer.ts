import { ApiProperty } from '@nestjs/swagger';
import {
  COUNT,
  DECIMAL,
  INSTANT,
  INSTANT_OR_NULL,
  TEXT_OR_NULL,
} from '../answers/answer-fields.js';
import { BILLING_SOURCES, type BillingSource } from '../domain/period-source.js';
import {
  PUSHED_KINDS,
  PUSH_STATUSES,
  SETTLED_BY,
  type PushedKind,
  type PushStatus,
  type SettledBy,
} from '../outbox/push-status.js';
import { BillingInvoiceAnswer } from './billing-invoice.answer.js';
import { EntryAnswer, PLACEMENTS, type Placement } from './entry.answer.js';

class PushOfPeriodAnswer {
  @ApiProperty()
  readonly identifier!: string;

  @ApiProperty({ enum: PUSH_STATUSES })
  readonly status!: PushStatus;
}

/** A meter that an event counts in. */
export class CountedInAnswer {
  @ApiProperty()
  readonly meter!: string;

  @ApiProperty({ description: 'The id of the customer, whatever alias was sent.' })
  readonly customer_id!: string;

  @ApiProperty(DECIMAL)
  readonly value!: string;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'Null where it is not billable.' })
  readonly period_end!: string | null;

  @ApiProperty()
  readonly late!: boolean;

  @ApiProperty()
  readonly billable!: boolean;

  @ApiProperty()
  readonly voided!: boolean;

  @ApiProperty({ ...COUNT, minimum: 1 })
  readonly settings_version!: number;

  @ApiProperty({ type: [PushOfPeriodAnswer], description: 'Of the period that it is billed in.' })
  readonly pushes!: readonly PushOfPeriodAnswer[];
}

class ToldPushAnswer extends PushOfPeriodAnswer {
  @ApiProperty({ enum: PUSHED_KINDS })
  readonly kind!: PushedKind;

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'Null where it tells of the whole period.' })
  readonly hour!: string | null;

  @ApiProperty(DECIMAL)
  readonly value!: string;

  @ApiProperty(INSTANT)
  readonly timestamp!: string;

  @ApiProperty(TEXT_OR_NULL)
  readonly reason!: string | null;

  @ApiProperty({ type: String, enum: SETTLED_BY, nullable: true })
  readonly settled_by!: SettledBy | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly delivered_at!: string | null;
}

class CarrierAnswer extends PushOfPeriodAnswer {
  @ApiProperty({ type: String, enum: SETTLED_BY, nullable: true })
  readonly settled_by!: SettledBy | null;

  @ApiProperty({ description: 'False where another push may have been first.' })
  readonly certain!: boolean;
}

class CarriedEntryAnswer extends EntryAnswer {
  @ApiProperty({
    type: [CarrierAnswer],
    description: 'By which pushes Stripe was told, or is to be.',
  })
  readonly carried_by!: readonly CarrierAnswer[];
}

class FinalInvoiceAnswer extends BillingInvoiceAnswer {
  @ApiProperty(INSTANT_OR_NULL)
  readonly finalized_at!: string | null;
}

/** Why an event is billed where it is, and who was told. */
export class EventExplanation {
  @ApiProperty({ enum: PLACEMENTS })
  readonly placement!: Placement;

  @ApiProperty({ ...INSTANT, description: 'Of the period in which it occurred.' })
  readonly origin_period_start!: string;

  @ApiProperty({ ...COUNT, description: 'Of the amendment; 0: the statement itself.' })
  readonly revision!: number;

  @ApiProperty({
    type: String,
    enum: BILLING_SOURCES,
    nullable: true,
    description: 'Null where it is not billable.',
  })
  readonly period_source!: BillingSource | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly period_closed_at!: string | null;

  @ApiProperty({ type: [ToldPushAnswer] })
  readonly pushes!: readonly ToldPushAnswer[];

  @ApiProperty({ type: FinalInvoiceAnswer, nullable: true })
  readonly invoice!: FinalInvoiceAnswer | null;

  @ApiProperty({ type: [CarriedEntryAnswer] })
  readonly entries!: readonly CarriedEntryAnswer[];
}
