import { ApiProperty } from '@nestjs/swagger';
import {
  DECIMAL,
  DECIMAL_OR_NULL,
  ID,
  INSTANT,
  INSTANT_OR_NULL,
  TEXT_OR_NULL,
} from '../answers/answer-fields.js';
import { REPAIR_ACTIONS, type RepairAction } from './repair-plan.js';

class RepairStepAnswer {
  @ApiProperty({ enum: REPAIR_ACTIONS })
  readonly action!: RepairAction;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Of the push that is read back or made.' })
  readonly identifier!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly hour!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly timestamp!: string | null;

  @ApiProperty({
    ...DECIMAL,
    description: 'What is pushed; of a read-back what may be pushed again.',
  })
  readonly value!: string;

  @ApiProperty({ ...DECIMAL, description: 'What it changes at Stripe, in units.' })
  readonly effect!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Why nothing is done.' })
  readonly why!: string | null;
}

export class RepairLaneAnswer {
  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty()
  readonly meter!: string;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty()
  readonly stripe_customer_id!: string;

  @ApiProperty({
    description: 'It has had other pushes since it was read: it is to be reconciled again.',
  })
  readonly outdated!: boolean;

  @ApiProperty(DECIMAL_OR_NULL)
  readonly drift!: string | null;

  @ApiProperty({ ...DECIMAL, description: 'What all of it changes at Stripe, in units.' })
  readonly effect!: string;

  @ApiProperty({ type: [RepairStepAnswer] })
  readonly actions!: readonly RepairStepAnswer[];
}

export class RepairAnswer {
  @ApiProperty(ID)
  readonly reconciliation_id!: string;

  @ApiProperty()
  readonly dry_run!: boolean;

  @ApiProperty(INSTANT_OR_NULL)
  readonly applied_at!: string | null;

  @ApiProperty({ type: [RepairLaneAnswer] })
  readonly lanes!: readonly RepairLaneAnswer[];
}
