import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import {
  COUNT,
  DECIMAL_OR_NULL,
  INSTANT,
  INSTANT_OR_NULL,
  TEXT_OR_NULL,
} from '../answers/answer-fields.js';
import type { PropertyValue } from '../domain/usage-event.js';
import { CountedInAnswer, EventExplanation } from './counted-in.answer.js';
import { EntryAnswer } from './entry.answer.js';
import { VoidEffectAnswer } from './void-effect.answer.js';

/** Null members: the customer was erased. */
class ReplacementAnswer {
  @ApiProperty(TEXT_OR_NULL)
  readonly usage_event_id!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly source!: string | null;
}

class VoidOfEventAnswer {
  @ApiProperty(INSTANT)
  readonly voided_at!: string;

  @ApiProperty()
  readonly reason!: string;

  @ApiProperty({ type: [VoidEffectAnswer] })
  readonly effects!: readonly VoidEffectAnswer[];

  @ApiProperty({
    type: ReplacementAnswer,
    nullable: true,
    description: 'What was recorded in its place.',
  })
  readonly replacement!: ReplacementAnswer | null;
}

/** A usage event as it was recorded. Its id, source and properties are null once it was erased. */
export class UsageEventAnswer {
  @ApiProperty(TEXT_OR_NULL)
  readonly usage_event_id!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly source!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'As it was sent: an id or an alias.' })
  readonly customer_id!: string | null;

  @ApiProperty({ description: 'As it was sent: a key or an event type.' })
  readonly meter!: string;

  @ApiProperty(DECIMAL_OR_NULL)
  readonly quantity!: string | null;

  @ApiProperty(INSTANT)
  readonly occurred_at!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: {
      anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }],
    },
    nullable: true,
  })
  readonly properties!: Readonly<Record<string, PropertyValue>> | null;

  @ApiProperty(INSTANT)
  readonly received_at!: string;

  @ApiProperty({ ...COUNT, description: 'How often the same was sent after the first time.' })
  readonly copies!: number;

  @ApiProperty(INSTANT_OR_NULL)
  readonly last_copy_at!: string | null;

  @ApiProperty()
  readonly voided!: boolean;

  @ApiProperty({ type: VoidOfEventAnswer, nullable: true })
  readonly void!: VoidOfEventAnswer | null;

  @ApiProperty({ type: [CountedInAnswer] })
  readonly meters!: readonly CountedInAnswer[];
}

class ExplainedMeterAnswer extends IntersectionType(CountedInAnswer, EventExplanation) {}

/** One that was asked for by its id. */
export class ExplainedUsageEventAnswer extends UsageEventAnswer {
  @ApiProperty({ type: [ExplainedMeterAnswer] })
  declare readonly meters: readonly ExplainedMeterAnswer[];
}

/** One that stands behind a statement. */
export class StatementUsageEventAnswer extends UsageEventAnswer {
  @ApiProperty({ type: [EntryAnswer], description: 'What of it the statement adds up.' })
  readonly entries!: readonly EntryAnswer[];
}
