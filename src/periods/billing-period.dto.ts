import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import { PERIOD_STATUSES, type PeriodStatus } from './billing-period.query.js';

class PagedDto {
  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  readonly cursor?: string;

  @ApiPropertyOptional({ minimum: 1, maximum: 1000, default: 100 })
  @IsOptional()
  readonly limit?: string;
}

export class BillingPeriodListDto extends PagedDto {
  @ApiPropertyOptional({ description: "A meter's key" })
  @IsOptional()
  @IsString()
  @Length(1, 64)
  readonly meter?: string;

  @ApiPropertyOptional({ enum: PERIOD_STATUSES })
  @IsOptional()
  @IsIn(PERIOD_STATUSES)
  readonly status?: PeriodStatus;
}

export class BillingPeriodQueryDto extends PagedDto {
  @ApiProperty({ description: "A meter's key" })
  @IsString()
  @Length(1, 64)
  readonly meter!: string;
}
