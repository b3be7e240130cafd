import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { sqlState, type Transaction } from '../database/connections.js';
import { Database } from '../database/database.js';
import { behindOpenGate, readGate } from '../database/gate.js';
import { withinTenant } from '../database/tenant-scope.js';
import { eventKey } from '../domain/event-key.js';
import { fingerprint } from '../domain/fingerprint.js';
import type { UsageEvent } from '../domain/usage-event.js';
import type { Candidate } from './candidate.js';
import { EVENTS_PER_TRANSACTION_MAX, RecordingQueue } from './recording-queue.js';
import {
  RecordingTransaction,
  StaleCatalog,
  type RecordingSettings,
} from './recording-transaction.js';
import { TenantCatalog } from './tenant-catalog.js';
import type { Verdict } from './verdict.js';

const STALE_RETRIES_MAX = 20;

export interface RecordingOptions {
  /** Recorded and shown, but never billed: usage from before Countonce took over. */
  readonly historical?: boolean;
  /** Whether negative values of properties may pass; those of `quantity` are checked at the door. */
  readonly mayAdjust?: boolean;
}

/** Records usage events: each id once, for ever, with what it counts, in one transaction. */
@Injectable()
export class Recorder {
  private readonly catalogs = new Map<string, TenantCatalog>();
  private readonly queues = new Map<string, RecordingQueue>();

  constructor(
    private readonly db: Database,
    private readonly config: Config,
  ) {}

  /**
   * Records events of one tenant and answers after the commit.
   *
   * Copies among the events follow the rule for copies across requests: the first one wins.
   *
   * @returns One verdict per event, in the order given.
   * @throws Where the database cannot say what became of them; sending all of them again is right.
   */
  async record(
    tenantId: string,
    events: readonly UsageEvent[],
    options: RecordingOptions = {},
  ): Promise<Verdict[]> {
    const candidates = events.map((event, index) => toCandidate(event, index, options));
    const queue = this.queueOf(tenantId);
    const chunks: Promise<Verdict[]>[] = [];
    for (let from = 0; from < candidates.length; from += EVENTS_PER_TRANSACTION_MAX) {
      chunks.push(queue.add(candidates.slice(from, from + EVENTS_PER_TRANSACTION_MAX)));
    }
    return (await Promise.all(chunks)).flat();
  }

  /**
   * Records one event together with what else the transaction does. It must be behind the gate
   * already, shared or alone: nothing that a recorded event depends on changes meanwhile.
   */
  async recordWithin(
    tx: Transaction,
    tenantId: string,
    event: UsageEvent,
    options: RecordingOptions = {},
  ): Promise<Verdict> {
    const catalog = await TenantCatalog.read(tx, tenantId);
    await catalog.load(tx, new Set([event.customerId]));
    const gate = await readGate(tx, tenantId);
    const recording = new RecordingTransaction(tx, catalog, this.settingsOf(tenantId), gate);
    const [verdict] = await recording.run([toCandidate(event, 0, options)]);
    return verdict!;
  }

  private queueOf(tenantId: string): RecordingQueue {
    let queue = this.queues.get(tenantId);
    if (queue === undefined) {
      // Half of the connections, so that one tenant's flood leaves room for the others.
      const lanes = Math.max(1, Math.floor(this.config.DATABASE_POOL_SIZE / 2));
      queue = new RecordingQueue(lanes, (chunk) =>
        withinTenant(tenantId, () => this.commit(tenantId, chunk)),
      );
      this.queues.set(tenantId, queue);
    }
    return queue;
  }

  /** One transaction, begun again where what it was computed from has changed meanwhile. */
  private async commit(tenantId: string, chunk: readonly Candidate[]): Promise<Verdict[]> {
    const settings = this.settingsOf(tenantId);
    let connectionLosses = 0;
    for (let attempt = 1; ; attempt++) {
      const catalog = await this.catalogOf(tenantId);
      await catalog.load(this.db.recording, new Set(chunk.map((c) => c.event.customerId)));
      try {
        let recording: RecordingTransaction | undefined;
        const verdicts = await behindOpenGate(this.db.recording, tenantId, (tx, gate) => {
          recording = new RecordingTransaction(tx, catalog, settings, gate);
          return recording.run(chunk);
        });
        recording?.committed();
        return verdicts;
      } catch (error) {
        if (error instanceof StaleCatalog && attempt <= STALE_RETRIES_MAX) {
          this.catalogs.delete(tenantId);
        } else if (isConnectionLoss(error) && connectionLosses++ === 0) {
          // Nobody knows whether it committed. Asking again is safe: what did comes back as known.
          continue;
        } else throw error;
      }
    }
  }

  private settingsOf(tenantId: string): RecordingSettings {
    return {
      tenantId,
      createsCustomers: this.config.UNKNOWN_CUSTOMER === 'create',
      graceSeconds: this.config.CLOSE_GRACE_SECONDS,
    };
  }

  private async catalogOf(tenantId: string): Promise<TenantCatalog> {
    const known = this.catalogs.get(tenantId);
    if (known !== undefined) return known;
    const read = await TenantCatalog.read(this.db.recording, tenantId);
    this.catalogs.set(tenantId, read);
    return read;
  }
}

function toCandidate(event: UsageEvent, index: number, options: RecordingOptions): Candidate {
  const { historical = false, mayAdjust = false } = options;
  return {
    index,
    event,
    eventKey: eventKey(event.source, event.usageEventId),
    fingerprint: fingerprint(event),
    historical,
    mayAdjust,
  };
}

function isConnectionLoss(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith('08') || state === '57P01' || state === '57P02';
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  return (
    code === 'ECONNRESET' || code === 'EPIPE' || error.message.startsWith('Connection terminated')
  );
}
