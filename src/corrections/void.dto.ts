import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, ValidateIf } from 'class-validator';
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

/** Absent or empty: nobody but the sender. */
export function IsSource(): PropertyDecorator {
  return (target, property) => {
    ValidateIf((_, value) => value !== undefined && value !== '')(target, property);
    IsShortText(255)(target, property);
  };
}
