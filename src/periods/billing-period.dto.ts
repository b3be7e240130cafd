import { ApiProperty, ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length, Matches } from 'class-validator';
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

export class BillingPeriodQueryDto {
  @ApiProperty({ description: "A meter's key" })
  @IsString()
  @Length(1, 64)
  readonly meter!: string;
}

export class StatementEventsQueryDto extends IntersectionType(BillingPeriodQueryDto, PagedDto) {
  @ApiPropertyOptional({
    default: 0,
    minimum: 0,
    description: 'What is behind an amendment, by its revision; 0 is the statement itself',
  })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'revision must be a whole number' })
  readonly revision?: string;
}
