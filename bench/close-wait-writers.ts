import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { loadConfig } from '../src/config/config.js';
import { Database } from '../src/database/database.js';
import type { UsageEvent } from '../src/domain/usage-event.js';
import { Recorder } from '../src/ledger/recorder.js';

const CUSTOMERS = 100;

/** The other side of close-wait: records until the parent says stop, then tells how much. */
export async function main(args: string[]): Promise<void> {
  const [url = '', tenantId = '', writers, events] = args;
  const config = loadConfig({});
  const db = new Database(url, config.DATABASE_POOL_SIZE);
  const recorder = new Recorder(db, config);
  let stopping = false;
  let recorded = 0;
  let failures = 0;
  const from = performance.now();
  const writing = Array.from({ length: Number(writers) }, async () => {
    while (!stopping) {
      try {
        const verdicts = await recorder.record(tenantId, newEvents(Number(events)));
        recorded += verdicts.filter((verdict) => verdict.status === 'accepted').length;
      } catch (error) {
        failures++;
        process.stderr.write(`${String(error)}\n`);
      }
    }
  });
  process.send?.('writing');
  await once(process, 'message');
  stopping = true;
  await Promise.all(writing);
  process.send?.({ rate: (recorded * 1_000) / (performance.now() - from), failures });
  await db.end();
  process.disconnect();
}

function newEvents(count: number): UsageEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    usageEventId: randomUUID(),
    source: '',
    customerId: `customer ${i % CUSTOMERS}`,
    meter: 'tokens',
    quantity: String(1 + (i % 7)),
    occurredAt: undefined,
    properties: undefined,
  }));
}
