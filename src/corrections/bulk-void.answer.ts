import { ApiProperty } from '@nestjs/swagger';
import { COUNT, DECIMAL, ID_OR_NULL, INSTANT_OR_NULL } from '../answers/answer-fields.js';
import { VOID_KINDS, type VoidKind } from '../domain/place-usage.js';
import { BulkVoidFilterDto } from './bulk-void.dto.js';

const STATUSES = ['running', 'finished', 'dry_run'] as const;

/** Events that the filter found, and what became of them so far. */
class BulkVoidProgress {
  @ApiProperty(COUNT)
  readonly found!: number;

  @ApiProperty(COUNT)
  readonly voided!: number;

  @ApiProperty(COUNT)
  readonly already_voided!: number;
}

/** What voids of many events change in one meter. */
export class BulkVoidEffect {
  @ApiProperty()
  readonly meter!: string;

  @ApiProperty({ enum: VOID_KINDS })
  readonly kind!: VoidKind;

  @ApiProperty(COUNT)
  readonly event_count!: number;

  @ApiProperty(DECIMAL)
  readonly value!: string;
}

export class BulkVoidAnswer {
  @ApiProperty({ ...ID_OR_NULL, description: 'Null for a dry run.' })
  readonly id!: string | null;

  @ApiProperty({ enum: STATUSES })
  readonly status!: (typeof STATUSES)[number];

  @ApiProperty()
  readonly dry_run!: boolean;

  @ApiProperty({ description: 'As it was sent; empty once a customer was erased.' })
  readonly filter!: BulkVoidFilterDto;

  @ApiProperty()
  readonly reason!: string;

  @ApiProperty()
  readonly progress!: BulkVoidProgress;

  @ApiProperty({ type: [BulkVoidEffect] })
  readonly effects!: readonly BulkVoidEffect[];

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'Null for a dry run.' })
  readonly created_at!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly finished_at!: string | null;
}
