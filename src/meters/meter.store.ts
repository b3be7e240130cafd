import { keepPlan, type Queryable, type Transaction } from '../database/connections.js';
import { formatInstantMicros, type Micros } from '../domain/instant.js';
import type { MappingChange } from '../domain/mapping-change.js';
import type { Meter } from '../domain/meter.js';

/** A meter under its newest settings. */
export interface StoredMeter extends Meter {
  /** What was said when its `stripeEventName` last changed. */
  readonly mappingFrom: MappingChange | null;
  /** The version of the gate behind which it did. */
  readonly mappingVersion: number;
  readonly createdAt: Micros;
}

/** What one version of the settings says. */
export type MeterSettings = Omit<Meter, 'meterNo' | 'key' | 'version'>;

const COLUMNS = `
       m.meter_no AS "meterNo", m.key, s.version, s.aggregation, s.display_name AS "displayName",
       s.unit, s.event_types AS "eventTypes", s.value_property AS "valueProperty",
       s.unique_property AS "uniqueProperty", s.filter, s.dimensions, s.carry_last AS "carryLast",
       s.stripe_event_name AS "stripeEventName", s.mapping_from AS "mappingFrom",
       s.mapping_version AS "mappingVersion", s.push,
       s.push_from AS "pushFrom", s.billing_starts_at AS "billingStartsAt", s.late_usage AS "lateUsage", s.archived,
       m.created_at AS "createdAt"`;

const NEWEST = `
  FROM meter m
  JOIN meter_settings s
    ON s.tenant_id = $1 AND s.meter_no = m.meter_no
   AND s.version = (SELECT max(n.version) FROM meter_settings n
                     WHERE n.tenant_id = $1 AND n.meter_no = m.meter_no)`;

const BY_KEY = keepPlan(`SELECT ${COLUMNS} ${NEWEST} WHERE m.tenant_id = $1 AND m.key = $2`);

/** All meters of the tenant by number, archived ones included. */
export async function metersOf(db: Queryable, tenantId: string): Promise<StoredMeter[]> {
  return db.query<StoredMeter>(
    `SELECT ${COLUMNS} ${NEWEST} WHERE m.tenant_id = $1 ORDER BY m.meter_no`,
    [tenantId],
  );
}

/** Every version of the settings of every meter, with the instant at which it was asked for. */
export async function meterVersionsOf(
  db: Queryable,
  tenantId: string,
): Promise<(Meter & { readonly versionedAt: Micros })[]> {
  return db.query(
    `SELECT ${COLUMNS}, s.created_at AS "versionedAt"
       FROM meter m JOIN meter_settings s ON s.tenant_id = $1 AND s.meter_no = m.meter_no
      WHERE m.tenant_id = $1 ORDER BY m.meter_no, s.version`,
    [tenantId],
  );
}

export async function meterByKey(
  db: Queryable,
  tenantId: string,
  key: string,
): Promise<StoredMeter | undefined> {
  const [meter] = await db.query<StoredMeter>(BY_KEY, [tenantId, key]);
  return meter;
}

/** Meters in the order of their keys, which follow `afterKey`. */
export async function metersAfter(
  db: Queryable,
  tenantId: string,
  afterKey: string,
  limit: number,
): Promise<StoredMeter[]> {
  return db.query<StoredMeter>(
    `SELECT ${COLUMNS} ${NEWEST} WHERE m.tenant_id = $1 AND m.key > $2 ORDER BY m.key LIMIT $3`,
    [tenantId, afterKey, limit],
  );
}

/** Makes a meter without settings. Only behind the closed gate: numbers are counted up. */
export async function insertMeter(tx: Transaction, tenantId: string, key: string): Promise<number> {
  const [made] = await tx.query<{ meterNo: number }>(
    `INSERT INTO meter (tenant_id, meter_no, key)
     SELECT $1::uuid, coalesce(max(meter_no), 0) + 1, $2::text FROM meter WHERE tenant_id = $1::uuid
     RETURNING meter_no AS "meterNo"`,
    [tenantId, key],
  );
  return made!.meterNo;
}

export async function insertSettings(
  tx: Transaction,
  tenantId: string,
  meterNo: number,
  version: number,
  settings: MeterSettings & Pick<StoredMeter, 'mappingFrom' | 'mappingVersion'>,
): Promise<void> {
  await tx.query(
    `INSERT INTO meter_settings (tenant_id, meter_no, version, aggregation, display_name, unit,
            event_types, value_property, unique_property, filter, dimensions, carry_last,
            stripe_event_name, mapping_from, push, push_from, billing_starts_at, late_usage,
            archived, mapping_version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20)`,
    [
      tenantId,
      meterNo,
      version,
      settings.aggregation,
      settings.displayName,
      settings.unit,
      settings.eventTypes,
      settings.valueProperty,
      settings.uniqueProperty,
      JSON.stringify(settings.filter),
      settings.dimensions,
      settings.carryLast,
      settings.stripeEventName,
      settings.mappingFrom,
      settings.push,
      instantOrNull(settings.pushFrom),
      instantOrNull(settings.billingStartsAt),
      settings.lateUsage,
      settings.archived,
      settings.mappingVersion,
    ],
  );
}

function instantOrNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstantMicros(instant);
}
