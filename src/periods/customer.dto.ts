import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsObject, IsOptional, ValidateNested } from 'class-validator';
import type { CustomerChange } from '../customers/customer-change.js';
import { PagedDto } from '../database/paged.dto.js';
import { MAPPING_CHANGES, type MappingChange } from '../domain/mapping-change.js';
import { PUSH_MODES, type PushMode } from '../domain/meter.js';
import { IsShortText } from '../problem/field-rules.js';
import { BillingPeriodDto, toSchedule } from './schedule.dto.js';

/** Query of GET /v1/customers. */
export class CustomerListDto extends PagedDto {
  @ApiPropertyOptional({
    enum: ['true', 'false'],
    description: 'Whether it has a stripe_customer_id',
  })
  @IsOptional()
  @IsIn(['true', 'false'])
  readonly mapped?: 'true' | 'false';
}

/** An absent field keeps its value, null clears it. */
export class PutCustomerDto {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 255 })
  @IsOptional()
  @IsShortText(255)
  readonly name?: string | null;

  @ApiPropertyOptional({ type: [String], nullable: true, description: 'All of them.' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsShortText(255, { each: true })
  readonly aliases?: string[] | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    maxLength: 255,
    example: 'cus_NffrFeUfNV2Hib',
  })
  @IsOptional()
  @IsShortText(255)
  readonly stripe_customer_id?: string | null;

  @ApiPropertyOptional({
    enum: PUSH_MODES,
    nullable: true,
    description: 'Null: as the meter says.',
  })
  @IsOptional()
  @IsIn(PUSH_MODES)
  readonly push?: PushMode | null;

  @ApiPropertyOptional({ type: BillingPeriodDto, nullable: true })
  @IsOptional()
  // Of a list, the nested rules alone would see each member, and of an empty one nothing.
  @IsObject()
  @ValidateNested()
  @Type(() => BillingPeriodDto)
  readonly billing_period?: BillingPeriodDto | null;

  @ApiPropertyOptional({
    enum: MAPPING_CHANGES,
    description: 'Needed where the Stripe mapping changes after open periods were pushed.',
  })
  @IsOptional()
  @IsIn(MAPPING_CHANGES)
  readonly from?: MappingChange;
}

/** @throws Problem for a billing period that there is none of, such as in an unknown time zone. */
export function toCustomerChange(customerId: string, dto: PutCustomerDto): CustomerChange {
  return {
    customerId,
    name: dto.name,
    aliases: dto.aliases,
    stripeCustomerId: dto.stripe_customer_id,
    push: dto.push,
    schedule: dto.billing_period && toSchedule(dto.billing_period),
    from: dto.from,
  };
}
