import { ApiProperty } from '@nestjs/swagger';
import { COUNT, DECIMAL, INSTANT } from '../answers/answer-fields.js';

/** Why an entry is billed where it is. */
export const PLACEMENTS = ['not_billable', 'amendment', 'own_period', 'carried_forward'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** An entry as a statement adds it up. */
export class EntryAnswer {
  @ApiProperty()
  readonly meter!: string;

  @ApiProperty()
  readonly is_void!: boolean;

  @ApiProperty({ ...DECIMAL, description: 'Below zero where it takes something out.' })
  readonly value!: string;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty({ ...COUNT, description: 'Of the amendment; 0: the statement itself.' })
  readonly revision!: number;

  @ApiProperty({ enum: PLACEMENTS })
  readonly placement!: Placement;

  @ApiProperty({ ...INSTANT, description: 'Of the period in which it occurred.' })
  readonly origin_period_start!: string;

  @ApiProperty()
  readonly late!: boolean;

  @ApiProperty(INSTANT)
  readonly recorded_at!: string;
}
