import { hash } from 'node:crypto';
import { formatInstantMicros, type Micros } from '../domain/instant.js';

/** Everything that makes a lane this lane and no other. */
export interface LaneOrigin {
  readonly accountId: string;
  readonly livemode: boolean;
  readonly stripeMeterId: string;
  readonly stripeCustomerId: string;
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
}

/** A lane's id: whoever needs the lane makes the same. */
export function laneIdOf(tenantId: string, of: LaneOrigin): string {
  const parts = [
    tenantId,
    of.accountId,
    of.livemode ? 'live' : 'test',
    of.stripeMeterId,
    of.stripeCustomerId,
    String(of.customerNo),
    String(of.meterNo),
    formatInstantMicros(of.periodStart),
  ];
  return uuidOf(JSON.stringify(parts));
}

/** The first 16 bytes of SHA-256, with version 8 and RFC 9562's variant. */
function uuidOf(text: string): string {
  const digest = hash('sha256', text, 'buffer');
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
