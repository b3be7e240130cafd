import { hash } from 'node:crypto';
import pg from 'pg';
import { joinedTransaction } from './command-context.js';
import { constraintOfWorker } from './worker-error.js';
import { TENANT_ROLE, TENANT_SETTING, type SERVICE_ROLE } from './roles.js';
import { tenantInScope } from './tenant-scope.js';
import { isMonthMissing, MAKE_USAGE_MONTHS } from './usage-months.js';
import { types } from './value-types.js';

/** What a statement may be run on: an open transaction, or connections that commit each alone. */
export interface Queryable {
  query<Row extends object>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface Statement {
  readonly sql: string;
  readonly parameters?: readonly unknown[];
}

/** An open transaction; its own type, so that a store that needs one says so. */
export interface Transaction extends Queryable {
  readonly isTransaction: true;
}

/** Names of statements that are prepared, by their text. */
const names = new Map<string, string>();

/** By the text: behind a pooler another process must not mean something else by the name. */
function named(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) {
    name = `countonce_${hash('sha256', sql, 'hex').slice(0, 16)}`;
    names.set(sql, name);
  }
  return name;
}

/** Has all that `ask` sends before it first waits leave in one packet: each would wake the server. */
function inOneWrite<T>(client: pg.PoolClient, ask: () => T): T {
  const { stream } = (client as pg.PoolClient & pg.Client).connection;
  stream.cork();
  try {
    return ask();
  } finally {
    stream.uncork();
  }
}

const kept = new Set<string>();

/**
 * Has the server keep the plan of a statement that is asked often and takes longer to plan than to
 * run. The plan serves any parameters: one that may be NULL for "all" would have it read all.
 *
 * @returns The text itself.
 */
export function keepPlan(sql: string): string {
  kept.add(sql);
  return sql;
}

/** A migration has changed what a prepared statement answers: only a new connection prepares it anew. */
const PLAN_OUTDATED = '0A000';

/** Deadlock and serialization failure: nothing happened, the same again may well succeed. */
const RETRIED_AT_ONCE: ReadonlySet<string> = new Set(['40001', '40P01', PLAN_OUTDATED]);
const ATTEMPTS_MAX = 4;

/** The server has become a standby: only a new connection may lead to the one in its place. */
const READ_ONLY = '25006';

const DISK_FULL = '53100';

/** Where PostgreSQL warns from that it stopped waiting for a standby; its words depend on the locale. */
const STANDBY_WAIT = 'SyncRepWaitForLSN';

/**
 * The server committed, and stopped waiting for the standby that would have the commit after a failover:
 * a warning to PostgreSQL, an unknown outcome to whoever was to be told that it lasts.
 */
export class UnreplicatedCommit extends Error {
  override readonly name = 'UnreplicatedCommit';
  /** transaction_resolution_unknown */
  readonly code = '08007';

  constructor() {
    super('the commit may not have reached the standby');
  }
}

export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The name of the constraint that refused a row: the only thing such an error is recognised by. */
export function violatedConstraint(error: unknown): string | undefined {
  const name = error instanceof Error && 'constraint' in error ? error.constraint : undefined;
  return typeof name === 'string' ? name : constraintOfWorker(error);
}

/**
 * A pool of connections for one kind of work, so that one kind cannot starve another. Inside a command
 * that runs under an idempotency key, its statements and transactions are parts of that command's own.
 */
export class Connections implements Queryable {
  private readonly pool: pg.Pool;
  /** When a statement last found the server's disk full, by the clock of this process. */
  diskFullAtMs = -Infinity;
  /** How often one of them has been asked for so far. */
  uses = 0;
  /** Those whose last commit no standby has confirmed. */
  private readonly unreplicated = new WeakSet<pg.PoolClient>();
  private readonly prepares: boolean;

  /**
   * @param role What they work as; none: the user of `url` itself, without the wall.
   * @param options.prepares Whether the server keeps the plan of every statement: for few statements,
   * of which none is made up as it goes.
   */
  constructor(
    url: string,
    name: string,
    size: number,
    private readonly role?: typeof SERVICE_ROLE,
    { statementTimeoutMs = 60_000, prepares = false } = {},
  ) {
    this.prepares = prepares;
    this.pool = new pg.Pool({
      connectionString: url,
      max: size,
      application_name: `countonce ${name}`,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      pipeline: true,
      types,
      // The server gives up before the client does, so that a time-out here is never a surprise there.
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + 5_000,
      idle_in_transaction_session_timeout: 30_000,
      // Compiling a statement costs more than any of ours gains by it.
      options: `-c TimeZone=UTC -c DateStyle=ISO -c jit=off${role === undefined ? '' : ` -c role=${role}`}`,
    });
    // An idle connection that dies is replaced at the next use.
    this.pool.on('error', () => undefined);
    this.pool.on('connect', (client) => {
      client.on('notice', ({ routine }) => {
        if (routine === STANDBY_WAIT) this.unreplicated.add(client);
      });
    });
  }

  async query<Row extends object>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<Row[]> {
    const joined = joinedTransaction(this);
    if (joined !== undefined) return joined.query<Row>(sql, parameters);
    // The setting that names the tenant holds for one transaction.
    if (this.tenant() !== undefined) return this.transaction((tx) => tx.query(sql, parameters));
    return this.repeated(() => this.withClient((client) => this.ask<Row>(client, sql, parameters)));
  }

  /**
   * Runs `work` in one READ COMMITTED transaction and commits.
   *
   * A deadlock or serialization failure runs it again, and so does a month that is not made yet, once
   * it is: `work` must not act outside the database.
   * Where COMMIT itself breaks, the outcome is unknown and the error is passed on.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const joined = joinedTransaction(this);
    return this.repeated(() =>
      joined === undefined ? this.once([], (tx) => work(tx)) : joined.transaction(work),
    );
  }

  /**
   * The same, never as part of a command, with statements that are sent with BEGIN, before its answer.
   *
   * @param opening Those that only read: a BEGIN that fails does not keep them from being run. Each has a
   * snapshot of its own.
   * @param work Gets the rows of the last of them.
   */
  openedTransaction<Row extends object, T>(
    opening: readonly Statement[],
    work: (tx: Transaction, rows: Row[]) => Promise<T>,
  ): Promise<T> {
    return this.repeated(() => this.once(opening, work));
  }

  private async repeated<T>(run: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        const state = sqlState(error);
        const lacksMonth = isMonthMissing(error);
        if (state === undefined || !(RETRIED_AT_ONCE.has(state) || lacksMonth)) throw error;
        if (attempt === ATTEMPTS_MAX) throw error;
        if (lacksMonth) await this.makeMonths();
        await new Promise((resume) => setTimeout(resume, Math.random() * 20 * attempt));
      }
    }
  }

  /** By itself, so that others see the months at once, whatever becomes of the work that lacked one. */
  private async makeMonths(): Promise<void> {
    await this.withClient((client) => client.query(MAKE_USAGE_MONTHS));
  }

  private once<Row extends object, T>(
    opening: readonly Statement[],
    work: (tx: Transaction, rows: Row[]) => Promise<T>,
  ): Promise<T> {
    return this.withClient(async (client) => {
      const begun = inOneWrite(client, () => [
        // Never prepared: one of them names the tenant, and would be kept for each tenant and connection.
        ...this.begin().map(async (sql) => (await client.query<Row>(sql)).rows),
        ...opening.map(({ sql, parameters }) => this.ask<Row>(client, sql, parameters)),
      ]);
      // All of them are answered before anything else: of several errors the first one tells why.
      const failed = (await Promise.allSettled(begun)).find(({ status }) => status === 'rejected');
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
      const rows = await begun.at(-1)!;
      const tx: Transaction = {
        isTransaction: true,
        query: (sql, parameters) => this.ask(client, sql, parameters),
      };
      const result = await work(tx, rows);
      const committed = await client.query('COMMIT');
      // After a failed statement COMMIT answers ROLLBACK, and without an error.
      if (committed.command !== 'COMMIT') throw new Error('the transaction was rolled back');
      return result;
    });
  }

  private async ask<Row extends object>(
    client: pg.PoolClient,
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<Row[]> {
    const name = this.prepares || kept.has(sql) ? named(sql) : undefined;
    const values = [...parameters];
    const { rows } = await (name === undefined
      ? client.query<Row>(sql, values)
      : client.query<Row>({ name, text: sql, values }));
    return rows;
  }

  /** Hands a connection back without an open transaction, and not at all where it is of no use any more. */
  private async withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    this.uses++;
    const client = await this.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      const result = await work(client);
      if (this.unreplicated.delete(client)) throw new UnreplicatedCommit();
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
      const state = sqlState(error);
      if (state === READ_ONLY || state === PLAN_OUTDATED) broken = error as Error;
      if (state === DISK_FULL) this.diskFullAtMs = performance.now();
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  /**
   * Statements of their own, sent in a row, so that the wall costs no round trip. Not one text: of a text
   * with a SET in it Citus sends the whole to the workers.
   */
  private begin(): string[] {
    const tenantId = this.tenant();
    if (tenantId === undefined) return ['BEGIN'];
    return [
      'BEGIN',
      `SET LOCAL ROLE ${TENANT_ROLE}`,
      `SET LOCAL ${TENANT_SETTING} = '${tenantId}'`,
    ];
  }

  private tenant(): string | undefined {
    return this.role === undefined ? undefined : tenantInScope();
  }

  async end(): Promise<void> {
    await this.pool.end();
  }
}
