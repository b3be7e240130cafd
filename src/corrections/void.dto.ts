import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, ValidateIf } from 'class-validator';
import type { VoidEffect } from '../ledger/void.store.js';
import { IsAbsentOr, IsShortText } from '../problem/field-rules.js';

/** As `usage_void_reason_check` has it. */
export const REASON_CHARACTERS_MAX = 1_000;

/** Which usage event counts no more, and why. */
export class VoidUsageEventDto {
  @ApiProperty({ minLength: 1, maxLength: 255 })
  @IsShortText(255)
  readonly usage_event_id!: string;

  @ApiPropertyOptional({ maxLength: 255, default: '', description: 'Who made the id' })
  @IsSource()
  readonly source?: string;

  @ApiProperty({ minLength: 1, maxLength: REASON_CHARACTERS_MAX })
  @IsShortText(REASON_CHARACTERS_MAX)
  readonly reason!: string;

  /** Has an id of its own, and is recorded in the same transaction, or neither is done. */
  @ApiPropertyOptional({ allOf: [{ $ref: '#/components/schemas/UsageEventDto' }] })
  @IsAbsentOr()
  @IsObject()
  readonly replacement?: Readonly<Record<string, unknown>>;
}

/** What became of a usage event that was voided; the same however often it is asked for. */
export interface VoidAnswer {
  readonly usage_event_id: string;
  readonly source: string;
  readonly voided_at: string;
  readonly reason: string;
  /** In the meter that the event names, else the first it counts in. */
  readonly effect: Omit<VoidEffect, 'meter' | 'period_start'> & {
    readonly meter: string | null;
    readonly period_start: string | null;
  };
  readonly effects: readonly VoidEffect[];
  /** Its id and source are null once its customer was erased. */
  readonly replacement: {
    readonly usage_event_id: string | null;
    readonly source: string | null;
    readonly status: 'accepted' | 'duplicate';
  } | null;
}

/** Absent or empty: nobody but the sender. */
export function IsSource(): PropertyDecorator {
  return (target, property) => {
    ValidateIf((_, value) => value !== undefined && value !== '')(target, property);
    IsShortText(255)(target, property);
  };
}
