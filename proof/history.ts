import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import type { ProofEvent } from './usage.js';

export type Tenant = 'first' | 'second';

/** What a client was answered about an event. */
export type Verdict = 'accepted' | 'duplicate' | 'conflict' | 'rejected';

/**
 * One line of the history. `invoke` is written before a request leaves, `ok` once its outcome is
 * known, `fail` where it surely had none, `info` where nobody knows.
 */
export type HistoryLine =
  | {
      readonly op: 'send';
      readonly type: 'invoke';
      readonly process: string;
      readonly tenant: Tenant;
      readonly request: number;
      readonly events: readonly ProofEvent[];
    }
  | {
      readonly op: 'send';
      readonly type: 'ok';
      readonly request: number;
      readonly attempts: number;
      readonly verdicts: readonly Verdict[];
      /** Codes of what was rejected. */
      readonly errors?: readonly string[];
    }
  | { readonly op: 'send'; readonly type: 'info'; readonly request: number; readonly why: string }
  | {
      readonly op: 'read';
      readonly type: 'ok';
      readonly process: string;
      readonly tenant: Tenant;
      readonly customer: string;
      readonly meter: string;
      readonly invokedMs: number;
      readonly count: number;
    }
  | {
      readonly op: 'crash' | 'fault' | 'close' | 'clock';
      readonly type: 'info' | 'ok';
      readonly what: string;
    };

/** The history that is checked in the end: a line of JSON for whatever a client did or learned. */
export class History {
  private readonly stream: WriteStream;
  private readonly startMs = performance.now();
  private requests = 0;

  constructor(readonly file: string) {
    this.stream = createWriteStream(file);
  }

  /** Milliseconds since the history began. */
  now(): number {
    return Math.round((performance.now() - this.startMs) * 1_000) / 1_000;
  }

  nextRequest(): number {
    return ++this.requests;
  }

  add(line: HistoryLine): void {
    this.stream.write(`${JSON.stringify({ t: this.now(), ...line })}\n`);
  }

  async close(): Promise<void> {
    this.stream.end();
    await once(this.stream, 'close');
  }
}
