import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import { PagedDto } from '../database/paged.dto.js';
import { PERIOD_STATUSES, type PeriodStatus } from './billing-period.query.js';

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
