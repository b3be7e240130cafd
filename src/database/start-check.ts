import { Connections, type Queryable } from './connections.js';
import { OWN_TABLE_ROWS } from './own-tables.js';
import {
  APPEND_ONLY_NAMES,
  CAN_ACT,
  OWNERS_FUNCTIONS,
  rolesSqlFor,
  SERVICE_ROLE,
  TENANT_ROLE,
} from './roles.js';

/** The database lets us do too much, or does not keep what it says; the message says what to do. */
export class UnsafeDatabase extends Error {
  override readonly name = 'UnsafeDatabase';
}

interface Trust {
  readonly user: string;
  readonly isUnbound: boolean;
  /** Books that could be changed, by either role. */
  readonly open: string[];
  /** Functions that would do with their owner's rights what we do not know. */
  readonly unknownFunctions: string[];
  /** Tables of tenants that no policy guards. */
  readonly unwalled: string[];
  readonly owned: number;
  readonly synchronousCommit: string;
}

const TRUST = `
  SELECT current_user::text AS "user",
         (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS "isUnbound",
         array(SELECT DISTINCT c.relname::text
                 FROM ${OWN_TABLE_ROWS} c
                 JOIN pg_roles r ON r.rolname IN (current_user, $1)
                WHERE c.own_name ~ $2
                  AND (has_table_privilege(r.oid, c.oid, 'UPDATE, DELETE, TRUNCATE')
                       OR EXISTS (SELECT FROM pg_attribute a
                                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                                     AND a.attgenerated = ''
                                     AND has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')))
                ORDER BY 1) AS open,
         array(SELECT DISTINCT p.proname::text
                 FROM pg_proc p
                 JOIN pg_roles r ON r.rolname IN (current_user, $1)
                WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
                  AND p.proname <> ALL ($3::text[])
                  AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
                ORDER BY 1) AS "unknownFunctions",
         array(SELECT c.relname::text
                 FROM ${OWN_TABLE_ROWS} c
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
                WHERE NOT c.relrowsecurity
                ORDER BY 1) AS unwalled,
         (SELECT count(*) FROM ${OWN_TABLE_ROWS} c
           WHERE pg_get_userbyid(c.relowner) = current_user) AS owned,
         current_setting('synchronous_commit') AS "synchronousCommit"`;

/** Who may be told what was committed, and still lose it. */
const UNSAFE_COMMIT: ReadonlySet<string> = new Set(['off', 'local']);

/**
 * Looks at what we may do in a migrated database before anything is done there.
 *
 * Where the user of `url` may act as our roles, that is what is worked as. Else, as the owner of the
 * tables who cannot make roles, as itself: it has taken the rights over the books from itself, and
 * the wall between tenants is in the statements alone.
 *
 * @returns What to work as.
 * @throws UnsafeDatabase where that may do too much, or a commit here is none.
 */
export async function checkStart(url: string): Promise<typeof SERVICE_ROLE | undefined> {
  const role = (await canAct(url)) ? SERVICE_ROLE : undefined;
  const trust = await oneQuery<Trust>(
    url,
    TRUST,
    [TENANT_ROLE, APPEND_ONLY_NAMES, OWNERS_FUNCTIONS],
    role,
  );
  const wrongs = wrongsOf(trust, role);
  if (wrongs.length > 0) throw new UnsafeDatabase(wrongs.join('\n'));
  return role;
}

/**
 * The settings without which a crash of the machine, not of the process, damages what was committed.
 * Only the server's administrator can set them.
 */
export async function settingsThatLose(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `SELECT name FROM pg_settings
      WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name`,
  );
  return rows.map(({ name }) => name);
}

/** Whether the user of `url` may act as our roles. */
export async function canAct(url: string): Promise<boolean> {
  return (await oneQuery<{ canAct: boolean | null }>(url, CAN_ACT, [])).canAct === true;
}

function wrongsOf(trust: Trust, role: string | undefined): string[] {
  const { user, open, unwalled, unknownFunctions } = trust;
  const wrongs: string[] = [];
  if (trust.isUnbound || (role !== undefined && trust.owned > 0)) {
    wrongs.push(`${user} may do everything in the database: no role of it can be worked as.`);
  }
  if (role === undefined && trust.owned === 0) {
    wrongs.push(`${user} neither owns the tables nor may act as ${SERVICE_ROLE}.`);
  }
  if (role !== undefined && user !== role) {
    wrongs.push(`Work is done as ${user} and not as ${role}: something drops the role at login.`);
  }
  if (open.length > 0) {
    wrongs.push(`${user} may change what must never change: ${open.join(', ')}.`);
  }
  if (role !== undefined && unknownFunctions.length > 0) {
    wrongs.push(
      `${user} may do with their owner's rights what ${unknownFunctions.join(', ')} do, which is not Countonce's: ` +
        'REVOKE EXECUTE ON FUNCTION … FROM PUBLIC, and grant it to those who need it.',
    );
  }
  if (role !== undefined && unwalled.length > 0) {
    wrongs.push(`No policy keeps tenants apart in ${unwalled.join(', ')}.`);
  }
  if (wrongs.length > 0) {
    wrongs.push(
      'Run `countonce migrate` as the owner of the tables. If it cannot make the roles, a superuser ' +
        `runs this first:\n${rolesSqlFor(user)}`,
    );
  }
  if (UNSAFE_COMMIT.has(trust.synchronousCommit)) {
    wrongs.push(
      `synchronous_commit is ${trust.synchronousCommit}: what was answered could be lost. Set it to ` +
        'on: ALTER DATABASE … SET synchronous_commit = on, and for the user likewise.',
    );
  }
  return wrongs;
}

async function oneQuery<Row extends object>(
  url: string,
  sql: string,
  parameters: readonly unknown[],
  role?: typeof SERVICE_ROLE,
): Promise<Row> {
  const connections = new Connections(url, 'start', 1, role);
  try {
    return (await connections.query<Row>(sql, parameters))[0]!;
  } finally {
    await connections.end();
  }
}
