import { hash } from 'node:crypto';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { PeriodKey } from '../usage/period-values.js';
import type { Destination } from './push-obstacle.js';

/** Where the pushes of one period go. */
export interface PushLane extends PeriodKey {
  readonly laneId: string;
  readonly destination: Destination;
}

/** What was kept of a lane. */
export interface LaneState {
  readonly laneId: string;
  readonly lastSequence: number;
  readonly parkedCode: string | null;
  readonly parkedAt: Micros | null;
}

/** Refusals that end when the Stripe meter is active again. */
const CURED_BY_ACTIVE_METER: ReadonlySet<string> = new Set(['archived_meter', 'no_active_meter']);

/** As long as what was read of a meter before the refusal is believed. */
const PARKED_FOR = 5 * 60_000_000;

export function laneOf(tenantId: string, key: PeriodKey, destination: Destination): PushLane {
  const { customerNo, meterNo, periodStart } = key;
  const parts = [
    tenantId,
    destination.accountId,
    destination.livemode ? 'live' : 'test',
    destination.meter.stripeMeterId,
    destination.stripeCustomerId,
    String(customerNo),
    String(meterNo),
    formatInstantMicros(periodStart),
  ];
  return { laneId: uuidOf(JSON.stringify(parts)), customerNo, meterNo, periodStart, destination };
}

/** Whether what a lane was parked for has passed: its meter was read as active well after that. */
export function isCured(state: LaneState, { meter }: Destination): boolean {
  if (state.parkedCode === null || state.parkedAt === null) return false;
  return CURED_BY_ACTIVE_METER.has(state.parkedCode) && meter.readAt > state.parkedAt + PARKED_FOR;
}

/** The first 16 bytes of SHA-256, with version 8 and RFC 9562's variant. */
function uuidOf(text: string): string {
  const digest = hash('sha256', text, 'buffer');
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
