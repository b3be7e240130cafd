import { ApiProperty } from '@nestjs/swagger';
import { COUNT, INSTANT, INSTANT_OR_NULL, TEXT_OR_NULL } from '../answers/answer-fields.js';
import type { CustomerRecord } from '../customers/customer-record.store.js';
import { latestSchedule } from '../customers/schedule-timeline.js';
import { INTERVALS, type Interval } from '../domain/billing-period.js';
import { formatInstant } from '../domain/instant.js';
import { PUSH_MODES, type PushMode } from '../domain/meter.js';

class ScheduleAnswer {
  @ApiProperty({ enum: INTERVALS })
  readonly interval!: Interval;

  @ApiProperty({ ...COUNT, minimum: 1 })
  readonly interval_count!: number;

  @ApiProperty({ ...INSTANT, description: 'A boundary.' })
  readonly anchor!: string;

  @ApiProperty()
  readonly timezone!: string;

  @ApiProperty({ ...INSTANT_OR_NULL, description: 'Null: from the beginning.' })
  readonly effective_from!: string | null;
}

export class CustomerAnswer {
  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty(TEXT_OR_NULL)
  readonly name!: string | null;

  @ApiProperty({ type: [String] })
  readonly aliases!: readonly string[];

  @ApiProperty(TEXT_OR_NULL)
  readonly stripe_customer_id!: string | null;

  @ApiProperty({
    type: String,
    enum: PUSH_MODES,
    nullable: true,
    description: 'Null: as the meter says.',
  })
  readonly push!: PushMode | null;

  @ApiProperty({ description: 'The latest schedule.' })
  readonly billing_period!: ScheduleAnswer;

  @ApiProperty(INSTANT)
  readonly created_at!: string;
}

export function fromCustomer(customer: CustomerRecord): CustomerAnswer {
  const { schedule, effectiveFrom } = latestSchedule(customer.timeline);
  return {
    customer_id: customer.customerId,
    name: customer.name,
    aliases: customer.aliases,
    stripe_customer_id: customer.stripeCustomerId,
    push: customer.push,
    billing_period: {
      interval: schedule.interval,
      interval_count: schedule.intervalCount,
      anchor: formatInstant(schedule.anchor),
      timezone: schedule.timezone,
      effective_from: effectiveFrom === undefined ? null : formatInstant(effectiveFrom),
    },
    created_at: formatInstant(customer.createdAt),
  };
}
