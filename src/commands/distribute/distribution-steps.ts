import { SERVICE_ROLE, TENANT_ROLE } from '../../database/roles.js';
import {
  CHECKED_AT_COMMIT,
  FUNCTIONS_BESIDE_TABLES,
  FUNCTIONS_ON_WORKERS,
  KEYS_IN_PLACE,
  placementOf,
} from './placement.js';
import { SAVED_KEYS, type DistributionState, type TableState } from './distribution-state.js';

/** One thing to do; its statements are one transaction. */
export interface DistributionStep {
  /** For people: `distribute usage_event`. */
  readonly what: string;
  readonly statements: readonly string[];
}

/** Kept until all of them are back, so that a run that was cut off can be gone on with. */
const SAVE_KEYS = [
  `CREATE TABLE public.${SAVED_KEYS} (
     table_name text NOT NULL, name text NOT NULL, definition text NOT NULL,
     PRIMARY KEY (table_name, name))`,
  `INSERT INTO public.${SAVED_KEYS}
   SELECT c.relname, f.conname, pg_get_constraintdef(f.oid)
     FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
    WHERE f.contype = 'f' AND f.conparentid = 0 AND c.relnamespace = 'public'::regnamespace
      AND f.conname = ANY (string_to_array(NAMES, ','))`,
  `DO $$
   DECLARE
     k record;
   BEGIN
     FOR k IN SELECT * FROM public.${SAVED_KEYS} LOOP
       EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT %I', k.table_name, k.name);
     END LOOP;
   END $$`,
];

/** A month that is made from now on has no trigger: its book is distributed, and has none either. */
const MONTHS_WITHOUT_TRIGGERS = `
  CREATE OR REPLACE FUNCTION public.make_usage_month(book text, month_start timestamptz)
  RETURNS void LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
  DECLARE
    month text := book || to_char(month_start, '_YYYY_MM');
  BEGIN
    EXECUTE format(
      'CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)
         WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0,
               autovacuum_vacuum_insert_threshold = 1000000)', month, book);
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', month);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON public.%I FROM %I', month, current_user);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
      book, month, month_start, month_start + interval '1 month');
  END $$`;

/** What is left to do, in order; nothing where all is done. */
export function distributionSteps(state: DistributionState): DistributionStep[] {
  return [
    ...settings(state),
    ...gifts(state, FUNCTIONS_ON_WORKERS),
    ...clearances(state),
    ...state.tables.flatMap(distribution),
    ...state.sequences.map((name) => ({
      what: `let the roles take numbers from ${name} on every node`,
      statements: [
        onAllNodes(`GRANT USAGE ON SEQUENCE ${name} TO ${SERVICE_ROLE}, ${TENANT_ROLE}`),
      ],
    })),
    ...gifts(state, FUNCTIONS_BESIDE_TABLES),
    ...state.tables.filter(({ hasRest }) => hasRest).map(({ name }) => clearing(name)),
    ...restorations(state),
  ];
}

function gifts(
  { functions }: DistributionState,
  of: Readonly<Record<string, string | undefined>>,
): DistributionStep[] {
  return functions
    .filter((name) => name in of)
    .map((name) => {
      const argument = of[name];
      // Sent whole to the node of the tenant, and run there with the rights of its owner.
      const delegation = `, '${argument}', colocate_with => 'public.tenant', force_delegation => true`;
      return {
        what: `give workers the function ${name}`,
        statements: [
          `SELECT create_distributed_function('${name}'${argument === undefined ? '' : delegation})`,
        ],
      };
    });
}

/** A failure on one of them fails the statement. */
function onAllNodes(sql: string): string {
  return `DO $do$
    DECLARE
      failed text;
    BEGIN
      SELECT string_agg(result, '; ') INTO failed
        FROM run_command_on_all_nodes($sql$${sql}$sql$) WHERE NOT success;
      IF failed IS NOT NULL THEN RAISE EXCEPTION '%', failed; END IF;
    END $do$`;
}

/** With it, workers know the tenant and the role of the transaction. */
function settings({ setCommands }: DistributionState): DistributionStep[] {
  if (setCommands === 'local') return [];
  const sql = `
    DO $$ BEGIN
      EXECUTE format('ALTER DATABASE %I SET citus.propagate_set_commands = ''local''',
                     current_database());
    END $$`;
  return [{ what: "set citus.propagate_set_commands = 'local'", statements: [sql] }];
}

/** Takes off what Citus refuses. */
function clearances(state: DistributionState): DistributionStep[] {
  const steps: DistributionStep[] = [];
  if (state.foreignKeys.length > 0) {
    const names = `'${state.foreignKeys.join(',')}'`;
    steps.push({
      what: `take off ${state.foreignKeys.length} foreign keys for the time of it`,
      statements: SAVE_KEYS.map((sql) => sql.replace('NAMES', names)),
    });
  }
  if (state.triggers.length > 0) {
    steps.push({
      what: `drop ${state.triggers.length} triggers, which Citus does not take`,
      statements: [
        MONTHS_WITHOUT_TRIGGERS,
        ...state.triggers.map(({ table, name }) => `DROP TRIGGER ${name} ON public.${table}`),
      ],
    });
  }
  for (const { name, table, isConstraint } of state.keys) {
    const inPlace = KEYS_IN_PLACE.find((key) => key.name === name)!;
    const drop = isConstraint
      ? `ALTER TABLE public.${table} DROP CONSTRAINT ${name}`
      : `DROP INDEX public.${name}`;
    steps.push({ what: `replace the key ${name}`, statements: [drop, inPlace.sql] });
  }
  return steps;
}

function distribution({ name, hasTenant, done }: TableState): DistributionStep[] {
  const placement = placementOf(name, hasTenant);
  if (done || placement === 'local') return [];
  if (placement === 'reference') {
    const sql = `SELECT create_reference_table('public.${name}')`;
    return [{ what: `copy ${name} to every node`, statements: [sql] }];
  }
  const beside = name === 'tenant' ? 'none' : 'public.tenant';
  const sql = `SELECT create_distributed_table('public.${name}', 'tenant_id',
                                               colocate_with => '${beside}')`;
  return [{ what: `distribute ${name}`, statements: [sql] }];
}

/** The rows are on the workers; what is left here is seen by nobody, and only fills the disk. */
function clearing(name: string): DistributionStep {
  const sql = `SELECT truncate_local_data_after_distributing_table('public.${name}')`;
  return { what: `drop the rows of ${name} that stayed behind`, statements: [sql] };
}

/** Where one statement writes a row and what it refers to, Citus does so one after the other. */
function deferral(name: string): string {
  return CHECKED_AT_COMMIT.has(name) ? ' DEFERRABLE INITIALLY DEFERRED' : '';
}

function restorations(state: DistributionState): DistributionStep[] {
  const steps = state.savedForeignKeys.map(({ table, name }) => ({
    what: `put back the foreign key ${name}`,
    statements: [
      `DO $$ BEGIN
         EXECUTE (SELECT format('ALTER TABLE public.%I ADD CONSTRAINT %I %s${deferral(name)}',
                                table_name, name, definition)
                    FROM public.${SAVED_KEYS} WHERE table_name = '${table}' AND name = '${name}');
       END $$`,
      `DELETE FROM public.${SAVED_KEYS} WHERE table_name = '${table}' AND name = '${name}'`,
    ],
  }));
  const last = { what: 'end', statements: [`DROP TABLE public.${SAVED_KEYS}`] };
  return state.isSaved ? [...steps, last] : steps;
}
