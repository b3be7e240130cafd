import type { Queryable } from '../../database/connections.js';
import { OWN_TABLE_ROWS } from '../../database/own-tables.js';
import { SERVICE_ROLE, TENANT_ROLE } from '../../database/roles.js';
import { CommandFailure } from '../command-failure.js';
import { FUNCTIONS_BESIDE_TABLES, FUNCTIONS_ON_WORKERS, KEYS_IN_PLACE } from './placement.js';

/** Where the foreign keys stand that are taken off for the time of it. */
export const SAVED_KEYS = 'distribution_foreign_key';

/** One table of ours, without its parts. */
export interface TableState {
  readonly name: string;
  readonly hasTenant: boolean;
  readonly done: boolean;
  /** Whether rows that were copied to the workers are still here as well. */
  readonly hasRest: boolean;
  readonly bytes: number;
}

/** What is done already, and what there is to do. */
export interface DistributionState {
  readonly tables: readonly TableState[];
  readonly triggers: readonly { readonly table: string; readonly name: string }[];
  readonly foreignKeys: readonly string[];
  /** Unique keys without the tenant, in tables that are not distributed yet. */
  readonly keys: readonly {
    readonly name: string;
    readonly table: string;
    readonly isConstraint: boolean;
  }[];
  readonly functions: readonly string[];
  /** Sequences that numbers are taken from on workers, where our roles may not yet. */
  readonly sequences: readonly string[];
  readonly isSaved: boolean;
  readonly savedForeignKeys: readonly { readonly table: string; readonly name: string }[];
  readonly setCommands: string;
}

const NOT_THERE = `The extension citus is not in this database. On the coordinator and on every worker, with citus in
shared_preload_libraries, a superuser runs in a database of this name:
  CREATE EXTENSION citus;
and on the coordinator:
  SELECT citus_set_coordinator_host('COORDINATOR', 5432);
  SELECT citus_add_node('WORKER', 5432);   -- once for each worker
Then run this again. docs/distributed.md tells the whole of it.`;

const NO_LOGIN = `The nodes of Citus connect to one another as the role that is at work. A superuser runs on the
coordinator, in this database, so that the workers hear of it:
  ALTER ROLE ${SERVICE_ROLE} LOGIN;
  ALTER ROLE ${TENANT_ROLE} LOGIN;
and on a worker that does not have them: CREATE ROLE … LOGIN. Without a password nobody else can log in as
them; let the nodes alone do so by pg_hba.conf or pg_dist_authinfo. Then run this again.`;

/**
 * Looks whether there is a Citus that tables can be distributed on.
 *
 * @throws CommandFailure that says what to do where there is none.
 */
export async function requireCitus(db: Queryable): Promise<void> {
  const [extension] = await db.query(`SELECT FROM pg_extension WHERE extname = 'citus'`);
  if (extension === undefined) throw new CommandFailure(NOT_THERE, 'citus_missing');
  const nodes = await db.query(
    `SELECT FROM pg_dist_node WHERE isactive AND noderole = 'primary' AND shouldhaveshards`,
  );
  if (nodes.length === 0) {
    throw new CommandFailure(
      `No node of Citus takes shards. Add the workers: SELECT citus_add_node('WORKER', 5432).`,
      'citus_no_workers',
    );
  }
  const unready = await db.query(
    `SELECT FROM run_command_on_workers($1) WHERE NOT success OR result <> '2'`,
    [
      `SELECT count(*) FROM pg_roles
        WHERE rolname IN ('${SERVICE_ROLE}', '${TENANT_ROLE}') AND rolcanlogin`,
    ],
  );
  if (unready.length > 0) throw new CommandFailure(NO_LOGIN, 'citus_roles');
  const others = await db.query(
    `SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name LIKE 'countonce %' AND application_name <> 'countonce distribute'`,
  );
  if (others.length > 0) {
    throw new CommandFailure(
      'Countonce is at work on this database. Stop every process of it, then run this again.',
      'processes_running',
    );
  }
}

const TABLES = `
  SELECT c.relname::text AS name, d.logicalrelid IS NOT NULL AS done,
         EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
           AS "hasTenant",
         (pg_relation_size(c.oid) + coalesce(
           (SELECT sum(pg_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t), 0))::float8
           AS bytes
    FROM ${OWN_TABLE_ROWS} c
    LEFT JOIN pg_dist_partition d ON d.logicalrelid = c.oid
   WHERE NOT c.relispartition
   ORDER BY c.relname <> 'tenant', c.relname`;

const TRIGGERS = `
  SELECT c.relname::text AS "table", t.tgname::text AS name
    FROM ${OWN_TABLE_ROWS} c JOIN pg_trigger t ON t.tgrelid = c.oid
   WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgname !~ '^truncate_trigger_'
     AND t.tgname ~ ('^' || c.relname || '_') ORDER BY 1, 2`;

const FOREIGN_KEYS = `
  SELECT f.conname::text AS name
    FROM ${OWN_TABLE_ROWS} c JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f'
   WHERE f.conparentid = 0 ORDER BY 1`;

const KEYS = `
  SELECT k.relname::text AS name, c.relname::text AS "table",
         EXISTS (SELECT FROM pg_constraint u WHERE u.conindid = k.oid AND u.contype = 'u')
           AS "isConstraint"
    FROM ${OWN_TABLE_ROWS} c
    JOIN pg_index x ON x.indrelid = c.oid AND x.indisunique
    JOIN pg_class k ON k.oid = x.indexrelid
   WHERE k.relname = ANY ($1)
     AND NOT EXISTS (SELECT FROM pg_attribute a
                      WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
                        AND a.attnum = ANY (x.indkey::smallint[]))
   ORDER BY 1`;

/** Functions that are made on Citus get to the workers by themselves, but without the argument. */
const FUNCTIONS = `
  SELECT n.name FROM unnest($1::text[], $2::text[]) AS n (name, argument)
   WHERE NOT EXISTS (SELECT FROM pg_dist_object o
                      WHERE o.classid = 'pg_proc'::regclass AND o.objid = n.name::regprocedure
                        AND (n.argument IS NULL OR o.distribution_argument_index IS NOT NULL))`;

/** Rights to a sequence stay on the node where they are given; each takes numbers from one of its own. */
const SEQUENCES = `
  SELECT s.oid::regclass::text AS name
    FROM ${OWN_TABLE_ROWS} c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
     AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
   WHERE EXISTS (
     SELECT FROM run_command_on_all_nodes(format(
              'SELECT has_sequence_privilege(%1$L, %3$L, %4$L) AND has_sequence_privilege(%2$L, %3$L, %4$L)',
              '${SERVICE_ROLE}', '${TENANT_ROLE}', s.oid::regclass, 'USAGE')) r
      WHERE NOT r.success OR r.result <> 't')
   ORDER BY 1`;

/** To be called where `requireCitus` found one. */
export async function distributionState(db: Queryable): Promise<DistributionState> {
  const tables = await db.query<Omit<TableState, 'hasRest'>>(TABLES);
  const isBegun = tables.some(({ done }) => done);
  const [saved] = await db.query<{ there: boolean }>(
    `SELECT to_regclass('public.${SAVED_KEYS}') IS NOT NULL AS there`,
  );
  const isSaved = saved!.there;
  const isWhole = isBegun && !isSaved;
  const wanted = { ...FUNCTIONS_ON_WORKERS, ...FUNCTIONS_BESIDE_TABLES };
  const [setting] = await db.query<{ value: string }>(
    // What new sessions get: this one may be older than the setting.
    `SELECT CASE WHEN EXISTS (SELECT FROM pg_db_role_setting s
                               JOIN pg_database d ON d.oid = s.setdatabase AND s.setrole = 0
                              WHERE d.datname = current_database()
                                AND 'citus.propagate_set_commands=local' = ANY (s.setconfig))
                 THEN 'local' ELSE current_setting('citus.propagate_set_commands') END AS value`,
  );
  return {
    tables: tables.map((table) => ({ ...table, hasRest: table.done && table.bytes > 0 })),
    triggers: await db.query(TRIGGERS),
    foreignKeys: isSaved || isWhole ? [] : namesOf(await db.query(FOREIGN_KEYS)),
    keys: await db.query(KEYS, [KEYS_IN_PLACE.map(({ name }) => name)]),
    functions: namesOf(await db.query(FUNCTIONS, [Object.keys(wanted), Object.values(wanted)])),
    sequences: namesOf(await db.query(SEQUENCES)),
    isSaved,
    savedForeignKeys: isSaved
      ? await db.query(
          `SELECT s.table_name AS "table", s.name FROM ${SAVED_KEYS} s ORDER BY s.table_name, s.name`,
        )
      : [],
    setCommands: setting!.value,
  };
}

function namesOf(rows: readonly object[]): string[] {
  return (rows as readonly { readonly name: string }[]).map(({ name }) => name);
}
