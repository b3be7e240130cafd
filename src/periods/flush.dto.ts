import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';
import { formatInstant } from '../domain/instant.js';
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
export type FlushStatus = 'pending' | 'delivered' | 'held' | 'rejected';

export interface FlushAnswer {
  readonly customer_id: string;
  readonly status: FlushStatus;
  readonly pushes: readonly {
    readonly identifier: string;
    readonly meter: string;
    readonly period_start: string;
    readonly status: string;
    readonly value: string;
  }[];
  readonly held: readonly {
    readonly meter: string;
    readonly period_start: string;
    readonly reason: string;
    readonly value: string;
  }[];
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
