import { createServer, type IncomingMessage } from 'node:http';
import { parseInstant } from '../../src/domain/instant.js';
import type { UsageEvent } from '../../src/domain/usage-event.js';
import type { Verdict } from '../history.js';
import type { ProofEvent } from '../usage.js';
import { NaiveStore } from './naive-store.js';
import { WAYS } from './naive-ways.js';
import { pollTotals } from './polled-totals.js';
import type { VariantName } from './variants.js';

const FLUSH_MS = 2_000;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A server behind the same door as the product's, wrong in one way. Configured as the product is. */
export async function serveVariant(variant: VariantName): Promise<void> {
  const store = new NaiveStore(process.env['DATABASE_URL']!, WAYS[variant]);
  const server = new NaiveServer(store, variant);
  if (variant === 'polling-sequence') void pollTotals(store.pool);
  createServer((request, response) => {
    void server.answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  }).listen(Number(process.env['PORT']), '127.0.0.1');
  await new Promise(() => undefined);
}

class NaiveServer {
  /** Of the variant that never refuses: what is to be written once the database is back. */
  private readonly buffered: { tenantId: string; events: readonly UsageEvent[] }[] = [];
  private readonly tenants = new Map<string, string>();

  constructor(
    private readonly store: NaiveStore,
    private readonly variant: VariantName,
  ) {
    if (variant === 'fail-open') setInterval(() => void this.flush(), FLUSH_MS);
  }

  async answer(request: IncomingMessage): Promise<Answer> {
    if (request.method === 'GET') return this.read(request.url ?? '');
    try {
      const key = String(request.headers.authorization).replace('Bearer ', '');
      const { events } = JSON.parse(await textOf(request)) as { events: ProofEvent[] };
      const tenantId = await this.tenantOf(key);
      return await this.record(tenantId, events.map(toUsageEvent));
    } catch (error) {
      return { status: 503, body: { detail: String(error) } };
    }
  }

  private async record(tenantId: string, events: readonly UsageEvent[]): Promise<Answer> {
    try {
      return receipt(200, await this.store.record(tenantId, events));
    } catch (error) {
      const isDeadlock = (error as { code?: string }).code === '40P01';
      // «Somebody else is writing the same ids: then they are there already.»
      if (this.variant === 'unsorted-batches' && isDeadlock) return all(200, events, 'duplicate');
      if (this.variant !== 'fail-open') throw error;
      // «Usage must never be refused.»
      this.buffered.push({ tenantId, events });
      return all(202, events, 'accepted');
    }
  }

  /** Reads are not where variants go wrong. */
  private read(url: string): Answer {
    return url.startsWith('/health')
      ? { status: 200, body: { status: 'ok' } }
      : { status: 404, body: { detail: 'not here' } };
  }

  private async tenantOf(key: string): Promise<string> {
    const tenantId = this.tenants.get(key) ?? (await this.store.tenantOf(key));
    if (tenantId === undefined) throw new Error('no such key');
    this.tenants.set(key, tenantId);
    return tenantId;
  }

  private async flush(): Promise<void> {
    for (const waiting of this.buffered.splice(0)) {
      await this.store
        .record(waiting.tenantId, waiting.events)
        .catch(() => this.buffered.push(waiting));
    }
  }
}

function receipt(status: number, verdicts: readonly Verdict[]): Answer {
  return { status, body: { results: verdicts.map((verdict) => ({ status: verdict })) } };
}

function all(status: number, events: readonly UsageEvent[], verdict: Verdict): Answer {
  return receipt(
    status,
    events.map(() => verdict),
  );
}

function toUsageEvent(event: ProofEvent): UsageEvent {
  return {
    usageEventId: event.usage_event_id,
    source: '',
    customerId: event.customer_id,
    meter: event.meter,
    quantity: event.quantity,
    occurredAt: event.occurred_at === undefined ? undefined : parseInstant(event.occurred_at),
    properties: event.properties,
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
