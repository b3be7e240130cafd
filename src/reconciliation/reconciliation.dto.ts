import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsString, Length } from 'class-validator';
import { IsAbsentOr } from '../problem/field-rules.js';

export class CreateReconciliationDto {
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

  @ApiPropertyOptional({
    description: 'RFC 3339; absent: periods that are open or ended less than 35 days ago',
  })
  @IsAbsentOr()
  @IsString()
  readonly period_start?: string;
}

export class CreateRepairsDto {
  @ApiPropertyOptional({ description: 'Tell what would be done, and do nothing. Default true' })
  @IsAbsentOr()
  @IsBoolean()
  readonly dry_run?: boolean;
}
