import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsObject,
  ValidateNested,
} from 'class-validator';
import { IsAbsentOr, IsInstant, IsShortText } from '../problem/field-rules.js';
import { IsSource, REASON_CHARACTERS_MAX } from './void.dto.js';

const IDS_MAX = 10_000;

/** Which events are voided: those that each of the members lets through. */
export class BulkVoidFilterDto {
  @ApiPropertyOptional({ type: [String], minItems: 1, maxItems: IDS_MAX })
  @IsAbsentOr()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(IDS_MAX)
  @IsShortText(255, { each: true })
  readonly usage_event_ids?: readonly string[];

  @ApiPropertyOptional({ maxLength: 255, description: 'Who made the ids' })
  @IsSource()
  readonly source?: string;

  @ApiPropertyOptional({ description: "A customer's id or alias" })
  @IsAbsentOr()
  @IsShortText(255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: 'A meter in which the events count' })
  @IsAbsentOr()
  @IsShortText(64)
  readonly meter?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Occurred at or after' })
  @IsAbsentOr()
  @IsInstant()
  readonly from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Occurred before' })
  @IsAbsentOr()
  @IsInstant()
  readonly to?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Received at or after' })
  @IsAbsentOr()
  @IsInstant()
  readonly received_from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Received before' })
  @IsAbsentOr()
  @IsInstant()
  readonly received_to?: string;
}

export class CreateBulkVoidDto {
  @ApiProperty({ description: 'At least one member; events that come later are left alone' })
  @IsObject()
  @ValidateNested()
  @Type(() => BulkVoidFilterDto)
  readonly filter!: BulkVoidFilterDto;

  @ApiProperty({ minLength: 1, maxLength: REASON_CHARACTERS_MAX })
  @IsShortText(REASON_CHARACTERS_MAX)
  readonly reason!: string;

  @ApiPropertyOptional({ description: 'Tell what would be voided, and void nothing' })
  @IsAbsentOr()
  @IsBoolean()
  readonly dry_run?: boolean;
}
