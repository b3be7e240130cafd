import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsString, Length } from 'class-validator';
import { COUNT, ID_OR_NULL, INSTANT, INSTANT_OR_NULL } from '../answers/answer-fields.js';
import { formatInstant } from '../domain/instant.js';
import { IsAbsentOr } from '../problem/field-rules.js';
import type { PeriodClose } from './close-progress.store.js';

export class CreatePeriodCloseDto {
  @ApiPropertyOptional({ description: 'RFC 3339; not later than now, which is the default' })
  @IsAbsentOr()
  @IsString()
  readonly as_of?: string;

  @ApiPropertyOptional()
  @IsAbsentOr()
  @IsString()
  @Length(1, 255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: "A meter's key" })
  @IsAbsentOr()
  @IsString()
  @Length(1, 64)
  readonly meter?: string;

  @ApiPropertyOptional({ description: 'Tell what would be closed, and close nothing' })
  @IsAbsentOr()
  @IsBoolean()
  readonly dry_run?: boolean;
}

const STATUSES = ['running', 'finished', 'dry_run'] as const;

class PeriodCloseProgress {
  @ApiProperty(COUNT)
  readonly due!: number;

  @ApiProperty(COUNT)
  readonly closed!: number;
}

export class PeriodCloseAnswer {
  @ApiProperty({ ...ID_OR_NULL, description: 'Null for a dry run.' })
  readonly id!: string | null;

  @ApiProperty({ enum: STATUSES })
  readonly status!: (typeof STATUSES)[number];

  @ApiProperty(INSTANT)
  readonly as_of!: string;

  @ApiProperty()
  readonly dry_run!: boolean;

  @ApiProperty()
  readonly progress!: PeriodCloseProgress;

  @ApiProperty({
    ...COUNT,
    description: 'Periods this close has written the statement of; of a dry run, would write.',
  })
  readonly closed!: number;

  @ApiProperty(COUNT)
  readonly already_closed!: number;

  @ApiProperty({ ...COUNT, description: 'Closed periods that were handed to the push stage.' })
  readonly pushes!: number;

  @ApiProperty(INSTANT_OR_NULL)
  readonly closed_at!: string | null;
}

export function fromPeriodClose(close: PeriodClose): PeriodCloseAnswer {
  return {
    id: close.id,
    status: close.finishedAt === null ? 'running' : 'finished',
    as_of: formatInstant(close.asOf),
    dry_run: false,
    progress: { due: Math.max(close.due, close.closed), closed: close.closed },
    closed: close.closed,
    already_closed: close.alreadyClosed,
    pushes: close.pushes,
    closed_at: formatInstant(close.closedAt),
  };
}
