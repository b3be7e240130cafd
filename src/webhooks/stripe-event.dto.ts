import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import { COUNT, INSTANT, INSTANT_OR_NULL, TEXT_OR_NULL } from '../answers/answer-fields.js';
import { PagedDto } from '../database/paged.dto.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import type { Effect } from './stripe-event-handler.js';
import type { EventRow } from './stripe-event-list.store.js';
import { EVENT_OUTCOMES, type EventOutcome } from './stripe-inbox.store.js';

const EFFECT = {
  type: 'object',
  required: ['kind'],
  properties: { kind: { type: 'string' } },
  additionalProperties: {
    anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }, { type: 'null' }],
  },
};

/** Query of GET /v1/stripe-events. */
export class StripeEventQueryDto extends PagedDto {
  @ApiPropertyOptional({ description: "Stripe's, such as invoice.created" })
  @IsOptional()
  @IsString()
  @Length(1, 255)
  readonly type?: string;

  @ApiPropertyOptional({ enum: EVENT_OUTCOMES })
  @IsOptional()
  @IsIn(EVENT_OUTCOMES)
  readonly outcome?: EventOutcome;
}

/** An event as it is answered: what became of it, not what it says, which may be personal. */
export class StripeEventAnswer {
  @ApiProperty({ description: "Stripe's, evt_…" })
  readonly id!: string;

  @ApiProperty()
  readonly type!: string;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Of what the event is about.' })
  readonly object_id!: string | null;

  @ApiProperty()
  readonly livemode!: boolean;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'The connected account, for events of one.' })
  readonly stripe_account!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly created_at!: string | null;

  @ApiProperty(INSTANT)
  readonly received_at!: string;

  @ApiProperty({ enum: EVENT_OUTCOMES })
  readonly outcome!: EventOutcome;

  @ApiProperty({ type: 'array', items: EFFECT, description: 'What it led to.' })
  readonly effects!: readonly Effect[];

  @ApiProperty(COUNT)
  readonly attempts!: number;

  @ApiProperty(TEXT_OR_NULL)
  readonly last_error!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly next_attempt_at!: string | null;

  @ApiProperty(INSTANT_OR_NULL)
  readonly settled_at!: string | null;
}

/** What Stripe is answered, once the event is written down. */
export class StripeEventReceipt {
  @ApiProperty({ enum: [true] })
  readonly received!: true;

  @ApiProperty({ description: 'Whether the event was here before.' })
  readonly copy!: boolean;
}

export function fromEvent(event: EventRow): StripeEventAnswer {
  return {
    id: event.eventId,
    type: event.type,
    object_id: event.objectId,
    livemode: event.livemode,
    stripe_account: event.accountId,
    created_at: instantOrNull(event.eventAt),
    received_at: formatInstant(event.receivedAt),
    outcome: event.outcome,
    effects: event.effects,
    attempts: event.attempts,
    last_error: event.lastError,
    next_attempt_at: instantOrNull(event.nextAttemptAt),
    settled_at: instantOrNull(event.settledAt),
  };
}

function instantOrNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
