import type { KeyTraffic, LaneTraffic } from './traffic.js';
import type { World } from './world.js';

interface InAccount {
  account: string;
  livemode: boolean;
}

export interface AttemptsReport {
  /** By account, customer and event name. */
  in_flight: (InAccount & LaneTraffic)[];
  /** By account, API and idempotency key. */
  keys: (InAccount & KeyTraffic)[];
}

export function attemptsOf(world: World): AttemptsReport {
  const report: AttemptsReport = { in_flight: [], keys: [] };
  for (const { id: account, livemode, traffic } of world.accounts.all()) {
    for (const lane of traffic.lanes()) report.in_flight.push({ account, livemode, ...lane });
    for (const key of traffic.keys()) report.keys.push({ account, livemode, ...key });
  }
  return report;
}
