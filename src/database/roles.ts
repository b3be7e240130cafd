import { OWN_TABLE_ROWS } from './own-tables.js';

/**
 * Who works on the database. Roles belong to a whole PostgreSQL server, so every database of ours on
 * it shares these two; neither can log in. The rights are said once, here, by rules over the tables
 * that there are: a table that a later migration makes gets its own when `migrate` has run it.
 */

/** What a process works as: every tenant's rows, since workers look for tenants with work due. */
export const SERVICE_ROLE = 'countonce_service';
/** What it works as for one tenant: row-level security hides the rows of all others. */
export const TENANT_ROLE = 'countonce_tenant';
/** The setting that says which tenant that is, for one transaction. */
export const TENANT_SETTING = 'countonce.tenant_id';

/**
 * Functions that work with their owner's rights, so past those of our roles: all there may be. Each is
 * narrow, and looks for itself whose tenant's work it is called in.
 */
export const OWNERS_FUNCTIONS = [
  'erase_audit_texts',
  'erase_push_reasons',
  'erase_usage_texts',
  'make_usage_months',
];

/** Whatever runs SQL without parameters: a connection, or a migration's. */
export interface SqlRunner {
  query(sql: string): Promise<unknown>;
}

/**
 * Books: what stands in them is never changed and never goes. By name, so that a table that is to be
 * one is called like one.
 */
export const APPEND_ONLY_NAMES =
  '^(usage_event|usage_event_key|usage_void|meter_settings|customer_schedule)$|_(entry|transition)$';

/** Rows change and never go: functions look there for whether they may do their work. */
const KEPT_NAMES = '^erasure$';
/** Their owner writes them when a month leaves the ledger; an erasure takes texts out of them. */
const CHECKPOINT_NAMES = '^usage_checkpoint(_member)?$';
/** Their owner's alone. */
const READ_NAMES = '^(migration|retained_month)$';
/** Of the books, those in which the functions of an erasure blank texts, with their owner's rights. */
const ERASED_IN_NAMES = '^(usage_event|usage_entry|usage_void|push_transition|audit_entry)$';

const TABLES = `
  SELECT c.oid, c.oid::regclass::text AS name, c.relispartition AS is_part,
         CASE WHEN c.own_name ~ '${READ_NAMES}' THEN 'SELECT'
              WHEN c.own_name ~ '${CHECKPOINT_NAMES}' THEN 'SELECT, UPDATE'
              WHEN c.own_name ~ '${APPEND_ONLY_NAMES}' THEN 'SELECT, INSERT'
              WHEN c.own_name ~ '${KEPT_NAMES}' THEN 'SELECT, INSERT, UPDATE'
              ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS rights,
         c.own_name ~ '${ERASED_IN_NAMES}' AS is_erased_in,
         c.relrowsecurity AS is_walled,
         EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
           AS has_tenant,
         (SELECT a.attname FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped
             AND EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = c.oid)
           ORDER BY a.attnum LIMIT 1) AS computed_column
    FROM ${OWN_TABLE_ROWS} c`;

/**
 * Whether the user that logged in can work as both roles. PostgreSQL 16 tells being a member from
 * being let to act as one.
 */
export const CAN_ACT = `
  SELECT count(*) = 2 AND bool_and(pg_has_role(session_user, oid,
           CASE WHEN current_setting('server_version_num')::integer >= 160000
                THEN 'SET' ELSE 'MEMBER' END)) AS "canAct"
    FROM pg_roles WHERE rolname IN ('${SERVICE_ROLE}', '${TENANT_ROLE}')`;

/** Another database's migration may make the same role at the same moment; who may not, goes on. */
const MAKE_ROLES = `
  DO $$
  DECLARE
    wanted text;
    can_act boolean;
  BEGIN
    FOREACH wanted IN ARRAY ARRAY['${SERVICE_ROLE}', '${TENANT_ROLE}'] LOOP
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
        BEGIN
          EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
      END IF;
    END LOOP;
    SELECT a."canAct" INTO can_act FROM (${CAN_ACT}) a;
    IF NOT can_act THEN
      EXECUTE format('GRANT ${SERVICE_ROLE}, ${TENANT_ROLE} TO %I', session_user);
    END IF;
  EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN NULL;
  END $$`;

/**
 * Without the roles their owner takes the rights over the books from itself. Once it has them it is
 * not what works any more, and takes back what the functions need.
 *
 * Parts of a table are worked on through the table itself, with its rights and behind its wall: nobody
 * has rights to one alone, and no policy shows its rows.
 *
 * A foreign key locks the row that it refers to, as the owner of that table, who needs the right to
 * update some column for it: a computed one, which nobody can.
 */
const SET_RIGHTS = `
  DO $$
  DECLARE
    t record;
    can_act boolean;
  BEGIN
    SELECT a."canAct" INTO can_act FROM (${CAN_ACT}) a;
    FOR t IN ${TABLES} LOOP
      IF t.is_part THEN
        -- Nothing that is done already: it would wait for every reader, and all recorders for it.
        IF NOT t.is_walled THEN
          EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name);
        END IF;
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %I', t.name, current_user);
        IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('${SERVICE_ROLE}', '${TENANT_ROLE}')) = 2
        THEN
          EXECUTE format('REVOKE ALL ON %s FROM ${SERVICE_ROLE}, ${TENANT_ROLE}', t.name);
        END IF;
        CONTINUE;
      END IF;
      IF t.rights = 'SELECT, INSERT' AND NOT can_act THEN
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %I', t.name, current_user);
        IF t.computed_column IS NOT NULL THEN
          EXECUTE format('GRANT UPDATE (%I) ON %s TO %I', t.computed_column, t.name, current_user);
        END IF;
      ELSIF t.is_erased_in AND can_act AND NOT has_table_privilege(t.oid, 'UPDATE') THEN
        EXECUTE format('GRANT UPDATE ON %s TO %I', t.name, current_user);
      END IF;
      IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('${SERVICE_ROLE}', '${TENANT_ROLE}')) = 2
      THEN
        EXECUTE format('REVOKE ALL ON %s FROM ${SERVICE_ROLE}, ${TENANT_ROLE}', t.name);
        EXECUTE format('GRANT %s ON %s TO ${SERVICE_ROLE}, ${TENANT_ROLE}', t.rights, t.name);
        IF t.has_tenant AND NOT t.is_walled THEN
          EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name);
          EXECUTE format('CREATE POLICY one_tenant ON %s TO ${TENANT_ROLE}
            USING (tenant_id = current_setting(''${TENANT_SETTING}'')::uuid)', t.name);
          EXECUTE format('CREATE POLICY every_tenant ON %s TO ${SERVICE_ROLE} USING (true)', t.name);
        END IF;
      END IF;
    END LOOP;
    FOR t IN SELECT oid::regprocedure::text AS name FROM pg_proc
              WHERE pronamespace = 'public'::regnamespace AND prosecdef
                AND proname = ANY (ARRAY['${OWNERS_FUNCTIONS.join("','")}']) LOOP
      EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', t.name);
      IF (SELECT count(*) FROM pg_roles
           WHERE rolname IN ('${SERVICE_ROLE}', '${TENANT_ROLE}')) = 2 THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ${SERVICE_ROLE}, ${TENANT_ROLE}', t.name);
      END IF;
    END LOOP;
  END $$`;

/**
 * Makes the roles and gives them their rights, as far as the user that logged in may. Doing it again
 * changes nothing. To be run by the owner of the tables, after the migrations.
 */
export async function setUpRoles(db: SqlRunner): Promise<void> {
  await db.query(MAKE_ROLES);
  await db.query(SET_RIGHTS);
}

/** What a superuser runs, before the next `migrate`, where the owner of the tables may make no roles. */
export function rolesSqlFor(user: string): string {
  const name = `"${user.replaceAll('"', '""')}"`;
  return [
    `CREATE ROLE ${SERVICE_ROLE} NOLOGIN;`,
    `CREATE ROLE ${TENANT_ROLE} NOLOGIN;`,
    `GRANT ${SERVICE_ROLE}, ${TENANT_ROLE} TO ${name};`,
  ].join('\n');
}
