import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { COUNT, DECIMAL, INSTANT } from '../answers/answer-fields.js';
import { ASKED_WINDOWS, type AskedWindow } from '../domain/usage-window.js';

export class UsageDatum {
  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty(INSTANT)
  readonly window_start!: string;

  @ApiProperty(INSTANT)
  readonly window_end!: string;

  @ApiProperty(DECIMAL)
  readonly value!: string;

  @ApiProperty(COUNT)
  readonly event_count!: number;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string', nullable: true },
    description: 'Where `group_by` asks for it: by dimension, null for events that lack it.',
  })
  readonly group?: Readonly<Record<string, string | null>>;
}

export class UsageAnswer {
  @ApiProperty()
  readonly meter!: string;

  @ApiProperty(INSTANT)
  readonly from!: string;

  @ApiProperty(INSTANT)
  readonly to!: string;

  @ApiProperty({ enum: ASKED_WINDOWS })
  readonly window!: AskedWindow;

  @ApiProperty({ type: [UsageDatum] })
  readonly data!: readonly UsageDatum[];
}
