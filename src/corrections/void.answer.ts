import { ApiProperty } from '@nestjs/swagger';
import { DECIMAL, INSTANT, INSTANT_OR_NULL, TEXT_OR_NULL } from '../answers/answer-fields.js';
import { VOID_KINDS, type VoidKind } from '../domain/place-usage.js';
import { REPLACEMENT_STATUSES, type ReplacementStatus } from '../ledger/void.store.js';
import { VoidEffectAnswer } from '../usage/void-effect.answer.js';

/** As of one meter; `meter` and `period_start` are null where the event counted in none. */
class MainVoidEffectAnswer {
  @ApiProperty(TEXT_OR_NULL)
  readonly meter!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly period_start!: string | null;

  @ApiProperty({ enum: VOID_KINDS })
  readonly kind!: VoidKind;

  @ApiProperty(DECIMAL)
  readonly value!: string;
}

/** Its id and source are null once its customer was erased. */
class VoidReplacementAnswer {
  @ApiProperty(TEXT_OR_NULL)
  readonly usage_event_id!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly source!: string | null;

  @ApiProperty({ enum: REPLACEMENT_STATUSES })
  readonly status!: ReplacementStatus;
}

/** What became of a usage event that was voided; the same however often it is asked for. */
export class VoidAnswer {
  @ApiProperty()
  readonly usage_event_id!: string;

  @ApiProperty()
  readonly source!: string;

  @ApiProperty(INSTANT)
  readonly voided_at!: string;

  @ApiProperty()
  readonly reason!: string;

  @ApiProperty({ description: 'In the meter that the event names, else the first it counts in.' })
  readonly effect!: MainVoidEffectAnswer;

  @ApiProperty({ type: [VoidEffectAnswer] })
  readonly effects!: readonly VoidEffectAnswer[];

  @ApiProperty({ type: VoidReplacementAnswer, nullable: true })
  readonly replacement!: VoidReplacementAnswer | null;
}
