import type { Latency } from '../rig/statistics.js';
import type { UsageShape } from './usage.js';

/** How much is done: on so many lanes, each doing one thing after the other, or at a pace. */
export interface Amount {
  readonly lanes: number;
  /** What is under way at the end is finished, and counts. */
  readonly seconds: number;
  /** Begun at fixed moments, whatever came of those before; latencies count from these moments. */
  readonly perSecond?: number;
}

/** What the load process is asked to do over and over. */
export type Job =
  | {
      readonly kind: 'post';
      readonly amount: Amount;
      /** Taken in turn. */
      readonly urls: readonly string[];
      readonly apiKey: string;
      readonly eventsPerRequest: number;
      readonly usage: UsageShape;
      /** Whose recorded events are sent again: one name for one database. */
      readonly memory: string;
      /** Whether the answer must give the verdicts; other routes just answer 2xx. */
      readonly verdicts: boolean;
    }
  | {
      readonly kind: 'stream';
      readonly url: string;
      readonly apiKey: string;
      readonly lines: number;
      readonly usage: UsageShape;
    }
  | {
      /** The plain table `bare`. */
      readonly kind: 'insert';
      readonly amount: Amount;
      readonly databaseUrl: string;
      readonly eventsPerRequest: number;
      readonly usage: UsageShape;
    }
  | {
      /** GET of the URLs, one at random each time. */
      readonly kind: 'get';
      readonly amount: Amount;
      readonly urls: readonly string[];
      readonly apiKey: string;
    }
  | {
      /** A statement, with one of the lists of parameters at random each time. */
      readonly kind: 'select';
      readonly amount: Amount;
      readonly databaseUrl: string;
      readonly sql: string;
      readonly parameters: readonly (readonly unknown[])[];
    };

export interface Done {
  /** Events, rows or questions: whatever the job is counted in. */
  readonly units: number;
  readonly seconds: number;
  readonly latency: Latency;
  /** What was recorded for the first time, as the answers said. */
  readonly recorded: { readonly events: number; readonly quantity: number };
}

export type Reply = { readonly done: Done } | { readonly failed: string };
