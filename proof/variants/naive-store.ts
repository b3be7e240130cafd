import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Transaction } from '../../src/database/connections.js';
import { eventKey } from '../../src/domain/event-key.js';
import { fingerprint } from '../../src/domain/fingerprint.js';
import { MICROS_PER_DAY, MICROS_PER_MILLISECOND } from '../../src/domain/instant.js';
import type { UsageEvent } from '../../src/domain/usage-event.js';
import { countEvent } from '../../src/domain/usage-match.js';
import { insertUsage, type FreshEvent } from '../../src/ledger/entry.store.js';
import { readKeys } from '../../src/ledger/registry.store.js';
import { TenantCatalog } from '../../src/ledger/tenant-catalog.js';
import type { Verdict } from '../history.js';

/** Where a variant goes its own way; everything else is as it should be. */
export interface NaiveWays {
  /** Of the session, before anything else. */
  readonly setting?: string;
  /** Takes the ids of a batch, and tells which were free. */
  takeKeys(tx: Transaction, tenantId: string, batch: readonly NaiveEvent[]): Promise<Set<string>>;
  /** After the rows, before the commit. */
  beforeCommit?(tx: Transaction): Promise<void>;
  /** Answers while the commit is still to come. */
  readonly answersEarly?: boolean;
}

export interface NaiveEvent {
  readonly event: UsageEvent;
  readonly eventKey: string;
  readonly fingerprint: Buffer;
}

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/** A small recorder on the product's tables: right where its ways are. */
export class NaiveStore {
  readonly pool: pg.Pool;
  private readonly catalogs = new Map<string, TenantCatalog>();

  constructor(
    url: string,
    private readonly ways: NaiveWays,
  ) {
    this.pool = new pg.Pool({
      connectionString: url,
      max: 6,
      application_name: 'countonce naive',
      connectionTimeoutMillis: 3_000,
      query_timeout: 8_000,
      types,
      options: `-c TimeZone=UTC -c DateStyle=ISO ${ways.setting ?? ''}`,
    });
    this.pool.on('error', () => undefined);
  }

  async tenantOf(apiKey: string): Promise<string | undefined> {
    const hash = createHash('sha256').update(apiKey).digest();
    const sql = 'SELECT tenant_id FROM api_key WHERE key_hash = $1';
    return (await this.pool.query<{ tenant_id: string }>(sql, [hash])).rows[0]?.tenant_id;
  }

  async record(tenantId: string, events: readonly UsageEvent[]): Promise<Verdict[]> {
    const client = await this.pool.connect();
    client.on('error', () => undefined);
    try {
      await client.query('BEGIN');
      const tx: Transaction = {
        isTransaction: true,
        query: async <Row extends object>(sql: string, parameters: readonly unknown[] = []) =>
          (await client.query<Row>(sql, [...parameters])).rows,
      };
      const verdicts = await this.write(tx, tenantId, events);
      await this.ways.beforeCommit?.(tx);
      const committed = client.query('COMMIT').finally(() => client.release());
      if (this.ways.answersEarly === true) committed.catch(() => undefined);
      else await committed;
      return verdicts;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  private async write(
    tx: Transaction,
    tenantId: string,
    events: readonly UsageEvent[],
  ): Promise<Verdict[]> {
    const catalog = await this.catalogOf(tx, tenantId);
    await catalog.load(tx, new Set(events.map(({ customerId }) => customerId)));
    const batch = events.map((event) => ({
      event,
      eventKey: eventKey(event.source, event.usageEventId),
      fingerprint: fingerprint(event),
    }));
    const firsts = [...new Map(batch.toReversed().map((one) => [one.eventKey, one])).values()];
    const taken = await this.ways.takeKeys(tx, tenantId, firsts.toReversed());
    const nowMicros = Date.now() * MICROS_PER_MILLISECOND;
    const fresh = firsts
      .filter((one) => taken.has(one.eventKey))
      .map((one) => toFresh(one, catalog, nowMicros));
    if (fresh.length > 0) await insertUsage(tx, tenantId, fresh, nowMicros);
    const known = await readKeys(
      tx,
      tenantId,
      firsts.map((one) => one.eventKey),
    );
    return batch.map((one) => {
      if (known.get(one.eventKey)?.fingerprint.equals(one.fingerprint) !== true) return 'conflict';
      return taken.delete(one.eventKey) ? 'accepted' : 'duplicate';
    });
  }

  private async catalogOf(tx: Transaction, tenantId: string): Promise<TenantCatalog> {
    const known = this.catalogs.get(tenantId);
    if (known !== undefined) return known;
    const read = await TenantCatalog.read(tx, tenantId);
    this.catalogs.set(tenantId, read);
    return read;
  }
}

function toFresh(
  { event, eventKey: key }: NaiveEvent,
  catalog: TenantCatalog,
  nowMicros: number,
): FreshEvent {
  const counted = countEvent(event, catalog.byType);
  if (!Array.isArray(counted)) throw new Error(counted.detail);
  const occurredAt = event.occurredAt ?? nowMicros;
  const day = Math.floor(occurredAt / MICROS_PER_DAY) * MICROS_PER_DAY;
  return {
    event,
    eventKey: key,
    customerNo: catalog.customer(event.customerId)!.customerNo,
    occurredAt,
    entries: counted.map((one) => ({
      counted: one,
      uniqueKey:
        one.uniqueValue === undefined
          ? null
          : createHash('md5').update(one.uniqueValue).digest('hex'),
      periodStart: day,
      originStart: day,
      revision: 0,
      late: false,
      billable: true,
    })),
  };
}
