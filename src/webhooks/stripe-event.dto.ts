import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import { PagedDto } from '../database/paged.dto.js';
import { formatInstant, type Micros } from '../domain/instant.js';
import type { EventRow } from './stripe-event-list.store.js';
import { EVENT_OUTCOMES, type EventOutcome } from './stripe-inbox.store.js';

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
export function fromEvent(event: EventRow): Record<string, unknown> {
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
