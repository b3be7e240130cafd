import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { COUNT, FREE_OBJECT, ID, INSTANT, TEXT_OR_NULL } from '../answers/answer-fields.js';
import { formatInstant } from '../domain/instant.js';
import type { QuarantinedEvent } from '../quarantine/quarantine-list.store.js';
import type { RefusalError } from '../quarantine/refused-event.js';
import { VerdictCounts } from './receipt.answer.js';

class RefusalErrorAnswer implements RefusalError {
  @ApiProperty()
  readonly code!: string;

  @ApiProperty({ description: 'A JSON pointer into the event.' })
  readonly pointer!: string;

  @ApiProperty()
  readonly detail!: string;
}

/** An event in quarantine. */
export class QuarantinedEventAnswer {
  @ApiProperty(ID)
  readonly id!: string;

  @ApiProperty()
  readonly usage_event_id!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Null where what was sent is none.' })
  readonly source!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'As it was sent: an id or an alias.' })
  readonly customer_id!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'As it was sent: a key or an event type.' })
  readonly meter!: string | null;

  @ApiProperty({ description: 'Of the first error.' })
  readonly code!: string;

  @ApiProperty({ type: [RefusalErrorAnswer] })
  readonly errors!: readonly RefusalErrorAnswer[];

  @ApiPropertyOptional({
    type: [String],
    nullable: true,
    description: 'Of a conflict: what differs; null where the details are gone.',
  })
  readonly fields?: readonly string[] | null;

  @ApiProperty({
    ...FREE_OBJECT,
    nullable: true,
    description: 'As it was sent; null where it is too large to be kept.',
  })
  readonly event!: unknown;

  @ApiProperty({ description: 'Whether it was sent as not billable.' })
  readonly historical!: boolean;

  @ApiProperty({ ...COUNT, minimum: 1, description: 'How often the same was sent.' })
  readonly count!: number;

  @ApiProperty(INSTANT)
  readonly first_seen_at!: string;

  @ApiProperty(INSTANT)
  readonly last_seen_at!: string;
}

export class QuarantineReplayAnswer extends VerdictCounts {
  @ApiProperty({
    ...COUNT,
    description: 'What matches and was not come to: another call goes on there.',
  })
  readonly remaining!: number;
}

export function fromQuarantined(event: QuarantinedEvent): QuarantinedEventAnswer {
  const { code, fields } = event;
  return {
    id: event.id,
    usage_event_id: event.usageEventId,
    source: event.source,
    customer_id: event.customerId,
    meter: event.meter,
    code,
    errors: event.errors,
    ...(code === 'usage_event_conflict' ? { fields } : {}),
    event: event.event,
    historical: event.historical,
    count: event.count,
    first_seen_at: formatInstant(event.firstSeenAt),
    last_seen_at: formatInstant(event.lastSeenAt),
  };
}
