import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';
import { DECIMAL, INSTANT } from '../answers/answer-fields.js';
import { formatInstant } from '../domain/instant.js';
import { HOLD_REASONS, type HoldReason } from '../outbox/hold-reason.js';
import { PUSH_STATUSES, type PushStatus } from '../outbox/push-status.js';
import { IsAbsentOr } from '../problem/field-rules.js';
import type { FlushedHold, FlushedPush } from './flush.store.js';

export class CreateFlushDto {
  @ApiPropertyOptional({ description: "A meter's key; without it, every meter" })
  @IsAbsentOr()
  @IsString()
  @Length(1, 64)
  readonly meter?: string;
}

/**
 * `pending`: something is to be sent or has no answer yet. `held` and `rejected`: what could go has
 * arrived, the rest needs somebody.
 */
const FLUSH_STATUSES = ['pending', 'delivered', 'held', 'rejected'] as const;
export type FlushStatus = (typeof FLUSH_STATUSES)[number];

class FlushedPushAnswer {
  @ApiProperty()
  readonly identifier!: string;

  @ApiProperty()
  readonly meter!: string;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty({ enum: PUSH_STATUSES })
  readonly status!: PushStatus;

  @ApiProperty(DECIMAL)
  readonly value!: string;
}

class FlushedHoldAnswer {
  @ApiProperty()
  readonly meter!: string;

  @ApiProperty(INSTANT)
  readonly period_start!: string;

  @ApiProperty({ enum: HOLD_REASONS })
  readonly reason!: HoldReason;

  @ApiProperty(DECIMAL)
  readonly value!: string;
}

export class FlushAnswer {
  @ApiProperty()
  readonly customer_id!: string;

  @ApiProperty({ enum: FLUSH_STATUSES })
  readonly status!: FlushStatus;

  @ApiProperty({ type: [FlushedPushAnswer] })
  readonly pushes!: readonly FlushedPushAnswer[];

  @ApiProperty({ type: [FlushedHoldAnswer] })
  readonly held!: readonly FlushedHoldAnswer[];
}

const ON_THE_WAY: ReadonlySet<string> = new Set(['pending', 'sending', 'unknown', 'disputed']);

export function toFlushAnswer(
  customerId: string,
  toPlan: number,
  pushes: readonly FlushedPush[],
  holds: readonly FlushedHold[],
): FlushAnswer {
  return {
    customer_id: customerId,
    status: statusOf(toPlan, pushes, holds),
    pushes: pushes.map(({ periodStart, ...push }) => ({
      identifier: push.identifier,
      meter: push.meter,
      period_start: formatInstant(periodStart),
      status: push.status,
      value: push.value,
    })),
    held: holds.map(({ periodStart, ...hold }) => ({
      meter: hold.meter,
      period_start: formatInstant(periodStart),
      reason: hold.reason,
      value: hold.value,
    })),
  };
}

function statusOf(
  toPlan: number,
  pushes: readonly FlushedPush[],
  holds: readonly FlushedHold[],
): FlushStatus {
  if (toPlan > 0 || pushes.some(({ status }) => ON_THE_WAY.has(status))) return 'pending';
  if (holds.length > 0) return 'held';
  return pushes.some(({ status }) => status === 'rejected') ? 'rejected' : 'delivered';
}
