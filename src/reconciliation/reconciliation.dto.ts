import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsOptional, IsString, Length } from 'class-validator';

export class CreateReconciliationDto {
  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @Length(1, 255)
  readonly customer_id?: string;

  @ApiPropertyOptional({ description: "A meter's key" })
  @IsOptional()
  @IsString()
  @Length(1, 64)
  readonly meter?: string;

  @ApiPropertyOptional({
    description: 'RFC 3339; absent: periods that are open or ended less than 35 days ago',
  })
  @IsOptional()
  @IsString()
  readonly period_start?: string;
}

export class CreateRepairsDto {
  @ApiPropertyOptional({ description: 'Tell what would be done, and do nothing. Default true' })
  @IsOptional()
  @IsBoolean()
  readonly dry_run?: boolean;
}
