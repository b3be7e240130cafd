import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray } from 'class-validator';
import { COUNT } from '../answers/answer-fields.js';
import { formatInstant } from '../domain/instant.js';
import { IsAbsentOr, IsShortText } from '../problem/field-rules.js';
import type { Erasure } from './erasure.store.js';

const REASON_CHARACTERS_MAX = 1_000;
const TEXTS_MAX = 100;

export class CreateErasureDto {
  @ApiProperty({
    minLength: 1,
    maxLength: REASON_CHARACTERS_MAX,
    description: "Kept for good, without the customer's ids and names: it must not tell of it",
  })
  @IsShortText(REASON_CHARACTERS_MAX)
  readonly reason!: string;

  @ApiPropertyOptional({
    type: [String],
    maxItems: TEXTS_MAX,
    description: 'Other words for the customer, which are looked for as its ids and names are',
  })
  @IsAbsentOr()
  @IsArray()
  @ArrayMaxSize(TEXTS_MAX)
  @IsShortText(255, { each: true })
  readonly texts?: readonly string[];
}

export class ErasureProgress {
  @ApiProperty({ description: 'What is being erased, or `done`' })
  readonly phase!: string;

  @ApiProperty({ ...COUNT, description: 'Usage events without their texts by now' })
  readonly usage_events!: number;

  @ApiProperty({ ...COUNT, description: 'Rows elsewhere that were changed or taken out' })
  readonly other_rows!: number;
}

export class ErasureAnswer {
  @ApiProperty({ format: 'uuid' })
  readonly id!: string;

  @ApiProperty({ enum: ['running', 'finished'] })
  readonly status!: 'running' | 'finished';

  @ApiProperty({ description: 'What the customer goes by now: its usage and statements stay' })
  readonly customer_id!: string;

  @ApiProperty()
  readonly reason!: string;

  @ApiProperty({ type: ErasureProgress })
  readonly progress!: ErasureProgress;

  @ApiProperty({ format: 'date-time' })
  readonly created_at!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  readonly finished_at!: string | null;
}

export function fromErasure(erasure: Erasure): ErasureAnswer {
  const { phase, usageEvents, otherRows, createdAt, finishedAt } = erasure;
  return {
    id: erasure.id,
    status: finishedAt === null ? 'running' : 'finished',
    customer_id: erasure.pseudonym,
    reason: erasure.reason,
    progress: { phase, usage_events: usageEvents, other_rows: otherRows },
    created_at: formatInstant(createdAt),
    finished_at: finishedAt === null ? null : formatInstant(finishedAt),
  };
}
