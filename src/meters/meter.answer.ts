import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { COUNT, INSTANT, INSTANT_OR_NULL, TEXT_OR_NULL } from '../answers/answer-fields.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import {
  AGGREGATIONS,
  LATE_USAGE_POLICIES,
  PUSH_MODES,
  type Aggregation,
  type LateUsagePolicy,
  type PushMode,
} from '../domain/meter.js';
import {
  STRIPE_FORMULAS,
  STRIPE_METER_STATUSES,
  type StripeFormula,
  type StripeMeterStatus,
} from '../stripe/stripe-meter.js';
import { METER_PROBLEMS, type MeterCheck, type MeterProblem } from '../stripe/stripe-meters.js';
import type { StoredMeter } from './meter.store.js';

/** What the settings of a meter are by now. */
export class MeterAnswer {
  @ApiProperty()
  readonly key!: string;

  @ApiProperty({ enum: AGGREGATIONS })
  readonly aggregation!: Aggregation;

  @ApiProperty(TEXT_OR_NULL)
  readonly display_name!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  readonly unit!: string | null;

  @ApiProperty({ type: [String] })
  readonly event_types!: readonly string[];

  @ApiProperty()
  readonly value_property!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string' } },
    description: 'An event counts where each of these properties has one of its values.',
  })
  readonly filter!: Readonly<Record<string, readonly string[]>>;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Of unique_count.' })
  readonly unique_property!: string | null;

  @ApiProperty({ type: [String] })
  readonly dimensions!: readonly string[];

  @ApiProperty({ description: 'Of last: an empty period starts with the value before.' })
  readonly carry_last!: boolean;

  @ApiProperty(TEXT_OR_NULL)
  readonly stripe_event_name!: string | null;

  @ApiProperty({ enum: PUSH_MODES })
  readonly push!: PushMode;

  @ApiProperty(INSTANT_OR_NULL)
  readonly push_from!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly billing_starts_at!: string | null;

  @ApiProperty({ enum: LATE_USAGE_POLICIES })
  readonly late_usage!: LateUsagePolicy;

  @ApiProperty()
  readonly archived!: boolean;

  @ApiProperty({ ...COUNT, minimum: 1 })
  readonly settings_version!: number;

  @ApiProperty(INSTANT)
  readonly created_at!: string;
}

class MeterAtStripe {
  @ApiProperty({ description: 'Its id at Stripe.' })
  readonly meter!: string;

  @ApiProperty({ enum: STRIPE_FORMULAS })
  readonly formula!: StripeFormula;

  @ApiProperty({ enum: STRIPE_METER_STATUSES })
  readonly status!: StripeMeterStatus;
}

class MeterProblemAtStripe {
  @ApiProperty({ enum: METER_PROBLEMS })
  readonly problem!: MeterProblem;
}

@ApiExtraModels(MeterAtStripe, MeterProblemAtStripe)
export class PutMeterAnswer extends MeterAnswer {
  @ApiPropertyOptional({
    oneOf: [MeterAtStripe, MeterProblemAtStripe].map((one) => ({ $ref: getSchemaPath(one) })),
    description: 'What stands at Stripe under the `stripe_event_name`, where the meter has one.',
  })
  readonly stripe?: MeterCheck;
}

export function fromMeter(meter: StoredMeter): MeterAnswer {
  return {
    key: meter.key,
    aggregation: meter.aggregation,
    display_name: meter.displayName,
    unit: meter.unit,
    event_types: meter.eventTypes,
    value_property: meter.valueProperty,
    filter: meter.filter,
    unique_property: meter.uniqueProperty,
    dimensions: meter.dimensions,
    carry_last: meter.carryLast,
    stripe_event_name: meter.stripeEventName,
    push: meter.push,
    push_from: fromInstant(meter.pushFrom),
    billing_starts_at: fromInstant(meter.billingStartsAt),
    late_usage: meter.lateUsage,
    archived: meter.archived,
    settings_version: meter.version,
    created_at: formatInstant(meter.createdAt),
  };
}

function fromInstant(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
