import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
} from 'class-validator';
import { INSTANT_OR_NULL } from '../answers/answer-fields.js';
import { parseInstant, type Micros } from '../domain/instant.js';
import { MAPPING_CHANGES, type MappingChange } from '../domain/mapping-change.js';
import {
  AGGREGATIONS,
  LATE_USAGE_POLICIES,
  PUSH_MODES,
  type Aggregation,
  type LateUsagePolicy,
  type PushMode,
} from '../domain/meter.js';
import { IsAbsentOr, IsInstant, IsShortText } from '../problem/field-rules.js';
import { IsFilter, toFilter, type SentFilter } from './meter-filter.js';
import type { MeterChange } from './meter-settings.js';

/** An absent field keeps its value, null clears it to its default. */
export class PutMeterDto {
  @ApiPropertyOptional({ enum: AGGREGATIONS, description: 'Needed to make a meter.' })
  @IsAbsentOr()
  @IsIn(AGGREGATIONS)
  readonly aggregation?: Aggregation;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 255 })
  @IsOptional()
  @IsShortText(255)
  readonly display_name?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 255 })
  @IsOptional()
  @IsShortText(255)
  readonly unit?: string | null;

  @ApiPropertyOptional({ type: [String], nullable: true, description: 'Default: its key.' })
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(100)
  @ArrayUnique()
  @IsShortText(255, { each: true })
  readonly event_types?: string[] | null;

  @ApiPropertyOptional({ type: String, nullable: true, default: 'quantity' })
  @IsOptional()
  @IsShortText(255)
  readonly value_property?: string | null;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string' } },
    nullable: true,
    example: { region: ['eu', 'us'] },
  })
  @IsOptional()
  @IsFilter()
  // As it was sent: class-transformer leaves out properties called as a method of an object is.
  @Transform(({ obj }: { obj: { filter?: unknown } }) => obj.filter)
  readonly filter?: SentFilter | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Of unique_count.' })
  @IsOptional()
  @IsShortText(255)
  readonly unique_property?: string | null;

  @ApiPropertyOptional({ type: [String], nullable: true, maxItems: 2 })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(2)
  @ArrayUnique()
  @IsShortText(255, { each: true })
  readonly dimensions?: string[] | null;

  @ApiPropertyOptional({ type: Boolean, nullable: true, description: 'Of last.' })
  @IsOptional()
  @IsBoolean()
  readonly carry_last?: boolean | null;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 100 })
  @IsOptional()
  @IsShortText(100)
  readonly stripe_event_name?: string | null;

  @ApiPropertyOptional({ enum: PUSH_MODES, nullable: true, default: 'live' })
  @IsOptional()
  @IsIn(PUSH_MODES)
  readonly push?: PushMode | null;

  @ApiPropertyOptional({
    ...INSTANT_OR_NULL,
    description: 'A full UTC hour: usage is pushed by the hour.',
  })
  @IsOptional()
  @IsInstant()
  readonly push_from?: string | null;

  @ApiPropertyOptional(INSTANT_OR_NULL)
  @IsOptional()
  @IsInstant()
  readonly billing_starts_at?: string | null;

  @ApiPropertyOptional({ enum: LATE_USAGE_POLICIES, nullable: true })
  @IsOptional()
  @IsIn(LATE_USAGE_POLICIES)
  readonly late_usage?: LateUsagePolicy | null;

  @ApiPropertyOptional({
    enum: MAPPING_CHANGES,
    description: 'Needed where the Stripe mapping changes after open periods were pushed.',
  })
  @IsOptional()
  @IsIn(MAPPING_CHANGES)
  readonly from?: MappingChange;
}

export function toMeterChange(dto: PutMeterDto): MeterChange {
  return {
    aggregation: dto.aggregation,
    displayName: dto.display_name,
    unit: dto.unit,
    eventTypes: dto.event_types,
    valueProperty: dto.value_property,
    filter: dto.filter && toFilter(dto.filter),
    uniqueProperty: dto.unique_property,
    dimensions: dto.dimensions,
    carryLast: dto.carry_last,
    stripeEventName: dto.stripe_event_name,
    push: dto.push,
    pushFrom: toInstant(dto.push_from),
    billingStartsAt: toInstant(dto.billing_starts_at),
    lateUsage: dto.late_usage,
  };
}

function toInstant(text: string | null | undefined): Micros | null | undefined {
  return text === null || text === undefined ? text : parseInstant(text);
}
