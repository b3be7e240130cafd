import type { Queryable } from '../../database/connections.js';
import { isMigrated } from '../../database/migrated.js';
import { monthsAhead } from '../../database/months-ahead.js';
import { OWN_TABLE_ROWS } from '../../database/own-tables.js';
import { checkStart, UnsafeDatabase } from '../../database/start-check.js';
import { PUSH_STOP_DETAILS, pushStop } from '../../outbox/push-guard.js';
import { fail, ok, warn, type Check } from './check.js';

const VERSION_MIN = 150_000;
const CLOCKS_APART_WARN_MS = 2_000;
/** A sender's clock may be five minutes ahead; ours must leave it that. */
const CLOCKS_APART_MAX_MS = 60_000;

/** Who may be told what was committed, and still lose it. */
const UNSAFE_COMMIT: ReadonlySet<string> = new Set(['off', 'local']);

const APPEND_ONLY = [
  'usage_event_key',
  'usage_event',
  'usage_entry',
  'usage_void',
  'audit_entry',
] as const;

interface Settings {
  readonly version: number;
  readonly versionText: string;
  readonly readOnly: boolean;
  readonly encoding: string;
  readonly timeZone: string;
  readonly synchronousCommit: string;
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly connectionsMax: number;
  readonly connectionsReserved: number;
}

const SETTINGS = `
  SELECT current_setting('server_version_num')::integer AS version,
         current_setting('server_version') AS "versionText",
         pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "readOnly",
         current_setting('server_encoding') AS encoding,
         current_setting('TimeZone') AS "timeZone",
         current_setting('synchronous_commit') AS "synchronousCommit",
         current_setting('fsync') AS fsync,
         current_setting('full_page_writes') AS "fullPageWrites",
         current_setting('max_connections')::integer AS "connectionsMax",
         current_setting('superuser_reserved_connections')::integer AS "connectionsReserved"`;

/** The server and its settings. @param connectionsNeeded by one process of ours. */
export async function checkServer(db: Queryable, connectionsNeeded: number): Promise<Check[]> {
  const [settings] = await db.query<Settings>(SETTINGS);
  if (settings === undefined) throw new Error('no settings were read');
  const { version, versionText, encoding, timeZone } = settings;
  return [
    version >= VERSION_MIN
      ? ok('PostgreSQL', versionText)
      : fail('PostgreSQL', versionText, 'Use PostgreSQL 15 or newer.'),
    settings.readOnly
      ? fail('writable', 'the server is read-only', 'Point DATABASE_URL to the primary.')
      : ok('writable', 'yes'),
    encoding === 'UTF8'
      ? ok('encoding', encoding)
      : fail('encoding', encoding, 'Make the database anew with ENCODING UTF8.'),
    timeZone === 'UTC'
      ? ok('TimeZone', timeZone)
      : fail(
          'TimeZone',
          timeZone,
          'A pooler drops our settings: let it pass `options`, or ALTER DATABASE … SET TimeZone = UTC.',
        ),
    UNSAFE_COMMIT.has(settings.synchronousCommit)
      ? fail(
          'synchronous_commit',
          settings.synchronousCommit,
          'Set it to on: what we answered could be lost.',
        )
      : ok('synchronous_commit', settings.synchronousCommit),
    checkOn('fsync', settings.fsync),
    checkOn('full_page_writes', settings.fullPageWrites),
    checkConnections(settings, connectionsNeeded),
  ];
}

function checkOn(name: string, setting: string): Check {
  return setting === 'on'
    ? ok(name, setting)
    : fail(name, setting, 'Set it to on: a crash could damage the ledger.');
}

function checkConnections(
  { connectionsMax, connectionsReserved }: Settings,
  needed: number,
): Check {
  const free = connectionsMax - connectionsReserved;
  const detail = `${free} may connect, one process takes up to ${needed}`;
  const advice = 'Raise max_connections, or lower DATABASE_POOL_SIZE.';
  if (needed > free) return fail('connections', detail, advice);
  return 2 * needed > free
    ? warn('connections', detail, `${advice} A second process would not find room.`)
    : ok('connections', detail);
}

/** How far the database's clock is from ours: periods and late usage go by the database's. */
export async function checkClock(db: Queryable): Promise<Check> {
  const before = Date.now();
  const [clock] = await db.query<{ ms: number }>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS ms`,
  );
  const apartMs = Math.round((clock?.ms ?? 0) - (before + Date.now()) / 2);
  const detail = `${apartMs} ms from ours`;
  const advice = 'Synchronise both clocks (NTP).';
  if (Math.abs(apartMs) > CLOCKS_APART_MAX_MS) return fail('clock', detail, advice);
  return Math.abs(apartMs) > CLOCKS_APART_WARN_MS
    ? warn('clock', detail, advice)
    : ok('clock', detail);
}

export async function checkMigrated(db: Queryable): Promise<Check> {
  return (await isMigrated(db))
    ? ok('migrated', 'the schema is that of this version')
    : fail('migrated', 'the schema is not that of this version', 'Run `npx countonce migrate`.');
}

/** What keeps the ledger from being changed by mistake, a part of it alone included. */
export async function checkAppendOnly(db: Queryable): Promise<Check> {
  const rows = await db.query<{ name: string }>(
    `SELECT b.relname::text AS name
       FROM ${OWN_TABLE_ROWS} b
      WHERE b.own_name = ANY ($1::text[])
        AND NOT EXISTS (SELECT FROM pg_trigger
                         WHERE tgrelid = b.oid AND NOT tgisinternal AND tgenabled IN ('O', 'A')
                           AND tgname = b.relname || '_append_only')
      ORDER BY 1`,
    [APPEND_ONLY],
  );
  const missing = rows.map(({ name }) => name);
  return missing.length === 0
    ? ok('append-only', APPEND_ONLY.join(', '))
    : fail(
        'append-only',
        `no trigger guards ${missing.join(', ')}`,
        'Enable the triggers …_append_only again, and find out who dropped them.',
      );
}

/** Whether there is a place for usage of the months to come. */
export async function checkMonths(db: Queryable): Promise<Check> {
  const ahead = await monthsAhead(db);
  const detail = `${ahead} after this one`;
  // For an hour after a month has begun there are two.
  return ahead >= 2
    ? ok('months', detail)
    : warn('months', detail, 'Look whether a worker runs: it makes three, and logs why it cannot.');
}

/** What the service may do there, and whether tenants are behind walls. */
export async function checkRights(url: string): Promise<Check> {
  try {
    const role = await checkStart(url);
    if (role !== undefined) return ok('rights', `works as ${role}`);
    return warn(
      'rights',
      'works as the owner of the tables',
      'Run `npx countonce migrate`: it says how to give it roles.',
    );
  } catch (error) {
    if (!(error instanceof UnsafeDatabase)) throw error;
    return fail(
      'rights',
      error.message.replaceAll('\n', ' '),
      'The service does not start like this.',
    );
  }
}

/** Whether this database is the one to push from. */
export async function checkPushes(db: Queryable): Promise<Check> {
  const stop = await pushStop(db);
  return stop === undefined
    ? ok('pushes', 'go from this database')
    : fail('pushes', PUSH_STOP_DETAILS[stop], 'Run `npx countonce restored --dry-run`, and look.');
}
