import { ApiProperty } from '@nestjs/swagger';
import {
  COUNT,
  DECIMAL,
  INSTANT,
  INSTANT_OR_NULL,
  TEXT_OR_NULL,
} from '../answers/answer-fields.js';
import {
  PUSHED_KINDS,
  PUSH_STATUSES,
  type PushedKind,
  type PushStatus,
} from '../outbox/push-status.js';
import { SHOWN_STATUSES, type ShownStatus } from './push-query.dto.js';

class PushTransitionAnswer {
  @ApiProperty({
    type: String,
    enum: PUSH_STATUSES,
    nullable: true,
    description: 'Null for the first.',
  })
  readonly from!: PushStatus | null;

  @ApiProperty({ enum: PUSH_STATUSES })
  readonly to!: PushStatus;

  @ApiProperty(TEXT_OR_NULL)
  readonly reason!: string | null;

  @ApiProperty(INSTANT)
  readonly at!: string;
}

/** A push, or usage that is held in place of one. */
export class PushAnswer {
  @ApiProperty()
  readonly identifier!: string;

  @ApiProperty()
  readonly meter!: string;

  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty(TEXT_OR_NULL)
  readonly stripe_customer_id!: string | null;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty({ ...COUNT, description: 'In its lane; 0 for what is held.' })
  readonly sequence!: number;

  @ApiProperty({ enum: PUSHED_KINDS })
  readonly kind!: PushedKind;

  @ApiProperty(DECIMAL)
  readonly value!: string;

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'What Stripe counts it by; null: held.' })
  readonly timestamp!: string | null;

  @ApiProperty({ enum: SHOWN_STATUSES })
  readonly status!: ShownStatus;

  @ApiProperty(TEXT_OR_NULL)
  readonly reason!: string | null;

  @ApiProperty(COUNT)
  readonly attempts!: number;

  @ApiProperty(INSTANT_OR_NULL)
  readonly first_attempt_at!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly last_error!: string | null;

  @ApiProperty({ type: [PushTransitionAnswer] })
  readonly transitions!: readonly PushTransitionAnswer[];
}
