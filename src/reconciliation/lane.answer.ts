import { ApiProperty } from '@nestjs/swagger';
import {
  DECIMAL,
  DECIMAL_OR_NULL,
  INSTANT,
  INSTANT_OR_NULL,
  TEXT_OR_NULL,
} from '../answers/answer-fields.js';
import { INVOICE_VERDICTS, type InvoiceCheck, type InvoiceVerdict } from './invoice-check.js';
import {
  DIFFERENCE_CAUSES,
  READ_VERDICTS,
  type DifferenceCause,
  type ReadVerdict,
} from './lane-reading.js';

const MODES = ['live', 'test'] as const;

class LaneHourAnswer {
  @ApiProperty(INSTANT)
  readonly hour!: string;

  @ApiProperty(DECIMAL)
  readonly ours!: string;

  @ApiProperty(DECIMAL)
  readonly stripe!: string;

  @ApiProperty(DECIMAL)
  readonly drift!: string;
}

class LaneDifferenceAnswer {
  @ApiProperty({ enum: DIFFERENCE_CAUSES })
  readonly cause!: DifferenceCause;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'The push it is about.' })
  readonly identifier!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly hour!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly minute!: string | null;

  @ApiProperty({
    ...DECIMAL,
    description: 'What of the drift it explains: below zero where Stripe lacks something.',
  })
  readonly value!: string;
}

class LaneInvoiceAnswer implements InvoiceCheck {
  @ApiProperty({ enum: INVOICE_VERDICTS })
  readonly verdict!: InvoiceVerdict;

  @ApiProperty({ type: [String] })
  readonly invoices!: readonly string[];

  @ApiProperty({ ...DECIMAL_OR_NULL, description: 'What they bill, in units.' })
  readonly quantity!: string | null;

  @ApiProperty({ ...DECIMAL_OR_NULL, description: '`quantity` less what was delivered.' })
  readonly difference!: string | null;
}

/** One lane of a reconciliation; until it is read, nothing is said of it. */
export class LaneAnswer {
  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty()
  readonly meter!: string;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty(INSTANT)
  readonly period_end!: string;

  @ApiProperty()
  readonly stripe_account_id!: string;

  @ApiProperty({ enum: MODES })
  readonly mode!: (typeof MODES)[number];

  @ApiProperty()
  readonly stripe_meter_id!: string;

  @ApiProperty()
  readonly stripe_customer_id!: string;

  @ApiProperty({
    type: String,
    enum: READ_VERDICTS,
    nullable: true,
    description: 'Null until the lane is read.',
  })
  readonly verdict!: ReadVerdict | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly why!: string | null;

  @ApiProperty({ ...DECIMAL_OR_NULL, description: 'What was delivered.' })
  readonly ours!: string | null;

  @ApiProperty({
    ...DECIMAL_OR_NULL,
    description: 'Sent and not known to have arrived: beside `ours`, not in it.',
  })
  readonly unsettled!: string | null;

  @ApiProperty(DECIMAL_OR_NULL)
  readonly stripe!: string | null;

  @ApiProperty(DECIMAL_OR_NULL)
  readonly drift!: string | null;

  @ApiProperty({ type: [LaneHourAnswer], description: 'The hours that differ.' })
  readonly hours!: readonly LaneHourAnswer[];

  @ApiProperty({ type: [LaneDifferenceAnswer] })
  readonly differences!: readonly LaneDifferenceAnswer[];

  @ApiProperty({
    type: LaneInvoiceAnswer,
    nullable: true,
    description: 'Null where no invoice of the period is final.',
  })
  readonly invoice!: LaneInvoiceAnswer | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly read_at!: string | null;
}
