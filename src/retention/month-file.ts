import { createHash } from 'node:crypto';
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Connections, Transaction } from '../database/connections.js';
import { formatInstant } from '../domain/instant.js';
import type { OldMonth } from './retained-month.store.js';

const LINES_PER_PAGE = 2_000;

const line = (type: string, more = ''): string => `
  (jsonb_build_object('type', '${type}') || to_jsonb(u)
    || jsonb_build_object('quantity', trim_scale(u.quantity)::text ${more}))::text AS line`;

/** Decimals are strings, so that no reader rounds them. */
const LINES = {
  event: (suffix: string): string => `SELECT ${line('event')} FROM usage_event_${suffix} u`,
  entry: (suffix: string): string => `
    SELECT ${line('entry', `, 'meter', m.key`)}
      FROM usage_entry_${suffix} u JOIN meter m USING (tenant_id, meter_no)`,
};
type Kind = keyof typeof LINES;

/** Where a month was written to. */
export interface MonthFile {
  readonly file: string;
  /** Hex, of the file's bytes. */
  readonly sha256: string;
}

/**
 * Writes the rows of a month that is detached into a file of gzipped NDJSON: a header, each event, each
 * entry, and an end with how many there were. It has its name once it is whole and on the disk; only its
 * owner reads it. Doing it again writes the same file anew.
 *
 * @throws Error where it has not as many rows as the checkpoint was written from.
 */
export async function writeMonthFile(
  connections: Connections,
  month: OldMonth,
  directory: string,
): Promise<MonthFile> {
  return connections.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await tx.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const [installation] = await tx.query<{ id: string }>(
      'SELECT installation_id AS id FROM installation',
    );
    const name = `countonce-${month.suffix.replace('_', '-')}-${installation!.id}.ndjson.gz`;
    const file = join(directory, name);
    const sha256 = await write(`${file}.part`, linesOf(tx, month, installation!.id));
    await rename(`${file}.part`, file);
    await syncDirectory(dirname(file));
    return { file, sha256 };
  });
}

async function write(path: string, lines: AsyncIterable<string>): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path, 'w', 0o600);
  try {
    await pipeline(Readable.from(lines), createGzip(), async (packed: AsyncIterable<Buffer>) => {
      for await (const chunk of packed) {
        hash.update(chunk);
        await handle.appendFile(chunk);
      }
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

async function* linesOf(
  tx: Transaction,
  month: OldMonth,
  installationId: string,
): AsyncGenerator<string, void, undefined> {
  const text = (document: object): string => `${JSON.stringify(document)}\n`;
  const counts: Record<Kind, number> = { event: 0, entry: 0 };
  yield text({
    type: 'header',
    format: 'countonce-month',
    version: 1,
    installation_id: installationId,
    from: formatInstant(month.start),
    to: formatInstant(month.end),
  });
  for (const kind of ['event', 'entry'] as const) {
    for await (const page of pagesOf(tx, kind, month.suffix)) {
      counts[kind] += page.length;
      yield page.map(({ line }) => `${line}\n`).join('');
    }
  }
  if (counts.event !== month.events || counts.entry !== month.entries) {
    throw new Error(
      `the month has ${counts.event} events and ${counts.entry} entries, and had ${month.events} and ` +
        `${month.entries} when its checkpoint was written`,
    );
  }
  yield text({ type: 'end', events: counts.event, entries: counts.entry });
}

async function* pagesOf(
  tx: Transaction,
  kind: Kind,
  suffix: string,
): AsyncGenerator<{ line: string }[], void, undefined> {
  const [table] = await tx.query<{ isThere: boolean }>(
    `SELECT to_regclass('usage_${kind}_${suffix}') IS NOT NULL AS "isThere"`,
  );
  if (!table!.isThere) return;
  await tx.query(`DECLARE ${kind}_line NO SCROLL CURSOR FOR ${LINES[kind](suffix)}`);
  for (;;) {
    const page = await tx.query<{ line: string }>(`FETCH ${LINES_PER_PAGE} FROM ${kind}_line`);
    if (page.length > 0) yield page;
    if (page.length < LINES_PER_PAGE) return;
  }
}

/** A name lasts once the directory that it stands in does. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
