import type { Micros } from '../domain/instant.js';
import type { Fault } from '../domain/usage-match.js';

/** What became of one usage event. Given only after the commit that makes it true. */
export type Verdict =
  | { readonly status: 'accepted'; readonly late?: { readonly billedPeriodStart: Micros } }
  | { readonly status: 'duplicate'; readonly firstReceivedAt: Micros }
  | {
      readonly status: 'conflict';
      /** The contract's fields that differ; null where the original's details are gone. */
      readonly fields: readonly string[] | null;
      readonly firstReceivedAt: Micros;
    }
  | { readonly status: 'rejected'; readonly faults: readonly Fault[] };

export const VERDICT_STATUSES = [
  'accepted',
  'duplicate',
  'conflict',
  'rejected',
] as const satisfies readonly Verdict['status'][];
