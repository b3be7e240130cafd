import { basename } from 'node:path';
import pg from 'pg';
import { audit } from '../access/audit/audit.js';
import { Connections, type Transaction } from '../database/connections.js';
import { behindClosedGate } from '../database/gate.js';
import type { Micros } from '../domain/instant.js';
import { countMonth, writeCheckpoint } from './checkpoint.store.js';
import { detachMonth } from './detach.js';
import { writeMonthFile } from './month-file.js';
import { obstaclesOf, type Obstacle } from './obstacles.query.js';
import {
  dropMonth,
  markDetached,
  markFiled,
  markWritten,
  oldMonths,
  rowsOfTenants,
  sealMonth,
  unsealMonth,
  wantFile,
  type OldMonth,
} from './retained-month.store.js';

/** A month of hundreds of millions of rows takes its time. */
const STATEMENT_MAX_MS = 24 * 3_600_000;
/** Held by whoever retains. */
const RETAINING = 'SELECT pg_try_advisory_lock(7126350911848279) AS held';

/** Somebody else is at it. */
export class RetentionRunning extends Error {}
/** It was begun with a file, and is to go on without one. */
export class FileWanted extends Error {}

export interface RetentionHooks {
  /** A step begins. */
  onStep(month: string, step: 'check' | 'seal' | 'checkpoint' | 'detach' | 'file' | 'drop'): void;
  isStopping(): boolean;
}

/** What became of a month. */
export interface MonthOutcome {
  /** `2026-01` */
  readonly month: string;
  /** `leaving`: it was begun, and goes on the next time. */
  readonly status: 'stays' | 'may_leave' | 'leaving' | 'left';
  readonly obstacles: readonly Obstacle[];
  /** Null until its checkpoint is written. */
  readonly events: number | null;
  readonly entries: number | null;
  readonly file: string | null;
  /** Hex, of the file's bytes. */
  readonly sha256: string | null;
}

/**
 * Lets old months leave the ledger, one after another from the oldest on. Each step is told to the
 * database when it is done, so that whoever comes after a crash goes on with the next.
 *
 * Works as the owner of the tables.
 */
export class Retention {
  private readonly connections: Connections;
  private readonly session: pg.Client;

  private constructor(url: string) {
    this.connections = new Connections(url, 'retention', 2, undefined, {
      statementTimeoutMs: STATEMENT_MAX_MS,
    });
    this.session = new pg.Client({
      connectionString: url,
      application_name: 'countonce retention',
      options: '-c TimeZone=UTC -c statement_timeout=0 -c idle_session_timeout=0',
    });
  }

  /** @throws RetentionRunning */
  static async open(url: string): Promise<Retention> {
    const retention = new Retention(url);
    // Whatever ends it, the next statement tells.
    retention.session.on('error', () => undefined);
    await retention.session.connect();
    const { rows } = await retention.session.query<{ held: boolean }>(RETAINING);
    if (rows[0]?.held === true) return retention;
    await retention.end();
    throw new RetentionRunning();
  }

  /** What would become of the months that ended by then. */
  async rehearse(endedBy: Micros): Promise<MonthOutcome[]> {
    const outcomes: MonthOutcome[] = [];
    for (const month of await oldMonths(this.connections, endedBy)) {
      if (month.state !== null) {
        outcomes.push(outcomeOf(month, 'leaving'));
        continue;
      }
      const staying = outcomes.filter(({ status }) => status === 'stays').length;
      const obstacles = [...earlier(staying), ...(await obstaclesOf(this.connections, month))];
      outcomes.push(outcomeOf(month, obstacles.length === 0 ? 'may_leave' : 'stays', obstacles));
    }
    return outcomes;
  }

  /**
   * @param directory Where files are written to; without one, what leaves is gone.
   * @throws FileWanted
   */
  async run(
    endedBy: Micros,
    directory: string | undefined,
    hooks: RetentionHooks,
  ): Promise<MonthOutcome[]> {
    const outcomes: MonthOutcome[] = [];
    for (const { start } of await oldMonths(this.connections, endedBy)) {
      if (hooks.isStopping()) break;
      const staying = outcomes.filter(({ status }) => status !== 'left').length;
      const [month] = (await oldMonths(this.connections, endedBy)).filter((m) => m.start === start);
      outcomes.push(
        staying > 0
          ? outcomeOf(month!, 'stays', earlier(staying))
          : await this.retain(month!, directory, hooks),
      );
    }
    return outcomes;
  }

  /** Stops waiting for readers; what waits goes on the next time. */
  async cancel(): Promise<void> {
    const { processID } = this.session as pg.Client & { readonly processID: number };
    await this.connections.query('SELECT pg_cancel_backend($1)', [processID]);
  }

  async end(): Promise<void> {
    await this.session.end();
    await this.connections.end();
  }

  private async retain(
    month: OldMonth,
    directory: string | undefined,
    hooks: RetentionHooks,
  ): Promise<MonthOutcome> {
    if (month.wantsFile === true && directory === undefined) throw new FileWanted();
    const step = (name: Parameters<RetentionHooks['onStep']>[1]): void =>
      hooks.onStep(nameOf(month), name);
    let { state } = month;
    if (state === null) {
      step('check');
      const obstacles = await obstaclesOf(this.connections, month);
      if (obstacles.length > 0) return outcomeOf(month, 'stays', obstacles);
      step('seal');
      await sealMonth(this.connections, month, directory !== undefined);
      state = 'sealed';
    } else if (directory !== undefined) await wantFile(this.connections, month);
    if (state === 'sealed') {
      step('checkpoint');
      const obstacles = await this.checkpoint(month);
      if (obstacles.length > 0) return outcomeOf(month, 'stays', obstacles);
      state = 'written';
    }
    if (state === 'written') {
      if (hooks.isStopping()) return this.left(month, 'leaving');
      step('detach');
      if (!(await detachMonth(this.session, month))) return this.left(month, 'leaving');
      await markDetached(this.connections, month);
    }
    if (hooks.isStopping()) return this.left(month, 'leaving');
    if (directory !== undefined) {
      step('file');
      const counted = await this.again(month);
      await markFiled(
        this.connections,
        month,
        await writeMonthFile(this.connections, counted, directory),
      );
    }
    const counted = await this.again(month);
    step('drop');
    await this.connections.transaction((tx) => letGo(tx, counted));
    return outcomeOf(counted, 'left');
  }

  /**
   * Writes what the month comes to, once nobody changes it any more: who entered the gate before it was
   * sealed has left it, who enters later sees that it is.
   *
   * @returns Why it may not leave after all; then it is as if it had never been sealed.
   */
  private async checkpoint(month: OldMonth): Promise<Obstacle[]> {
    const tenants = await this.connections.query<{ id: string }>(
      'SELECT tenant_id AS id FROM tenant ORDER BY tenant_id',
    );
    for (const { id } of tenants) {
      await behindClosedGate(this.connections, id, () => Promise.resolve());
    }
    return this.connections.transaction(async (tx: Transaction) => {
      // Erasures begin and go on after it, so that they find the texts in the checkpoints.
      await tx.query('LOCK TABLE erasure IN SHARE MODE');
      const obstacles = await obstaclesOf(tx, month);
      if (obstacles.length > 0) {
        await unsealMonth(tx, month);
        return obstacles;
      }
      for (const { id } of tenants) await writeCheckpoint(tx, id, month);
      await markWritten(tx, month, await countMonth(tx, month));
      return [];
    });
  }

  private async left(month: OldMonth, status: 'leaving' | 'left'): Promise<MonthOutcome> {
    return outcomeOf(await this.again(month), status);
  }

  /** As it stands now. */
  private async again({ start, end }: OldMonth): Promise<OldMonth> {
    const months = await oldMonths(this.connections, end);
    return months.find((month) => month.start === start)!;
  }
}

/** Each tenant whose usage was in it finds in its audit that it is gone, and into which file. */
async function letGo(tx: Transaction, month: OldMonth): Promise<void> {
  const { file, sha256 } = month;
  const events = await rowsOfTenants(tx, 'usage_event', month);
  const entries = await rowsOfTenants(tx, 'usage_entry', month);
  await dropMonth(tx, month);
  for (const tenantId of [...new Set([...events.keys(), ...entries.keys()])].toSorted()) {
    await audit(tx, tenantId, {
      action: 'ledger_month.retained',
      subject: `ledger_month:${nameOf(month)}`,
      before: { events: events.get(tenantId) ?? 0, entries: entries.get(tenantId) ?? 0 },
      after: { file: file === null ? null : basename(file), sha256 },
    });
  }
}

function nameOf({ suffix }: OldMonth): string {
  return suffix.replace('_', '-');
}

function earlier(count: number): Obstacle[] {
  return count === 0 ? [] : [{ reason: 'earlier_month_stays', count, example: null }];
}

function outcomeOf(
  month: OldMonth,
  status: MonthOutcome['status'],
  obstacles: readonly Obstacle[] = [],
): MonthOutcome {
  const { events, entries, file, sha256 } = month;
  return { month: nameOf(month), status, obstacles, events, entries, file, sha256 };
}
