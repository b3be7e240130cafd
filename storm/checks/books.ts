import type pg from 'pg';

/** Microseconds since 1970. */
type Micros = number;

export interface PushRow {
  readonly identifier: string;
  readonly laneId: string;
  readonly sequence: number;
  readonly kind: 'delta' | 'total';
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly hour: Micros | null;
  readonly value: string;
  readonly timestamp: Micros;
  readonly livemode: boolean;
  readonly stripeCustomerId: string;
  readonly eventName: string;
  readonly status: string;
  readonly reason: string | null;
  readonly settledBy: string | null;
  readonly replaced: boolean;
  readonly closes: boolean;
  readonly purpose: string;
  readonly attempts: number;
  readonly keyNo: number;
  readonly createdAt: Micros;
  readonly firstAttemptAt: Micros | null;
  readonly lastAttemptAt: Micros | null;
  /** Of its lane. */
  readonly superseded: boolean;
  readonly active: boolean;
  readonly parked: boolean;
}

export interface PeriodRow {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly periodEnd: Micros;
  readonly closed: boolean;
  readonly statementValue: string | null;
  readonly carriedLast: string | null;
  readonly meterKey: string;
  readonly aggregation: 'sum' | 'count' | 'max' | 'last' | 'unique_count';
  readonly mode: 'off' | 'shadow' | 'live';
  readonly pushFrom: Micros | null;
  readonly eventName: string | null;
  readonly stripeCustomerId: string | null;
}

export interface EntryRow {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly occurredAt: Micros;
  readonly eventKey: string;
  readonly quantity: string;
  readonly uniqueKey: string | null;
}

export interface HoldRow {
  readonly customerNo: number;
  readonly meterNo: number;
  readonly periodStart: Micros;
  readonly reason: string;
  readonly value: string;
}

export interface TransitionRow {
  readonly identifier: string;
  readonly no: number;
  readonly from: string | null;
  readonly to: string;
  readonly at: Micros;
}

/** All that our database says at the end of a history. */
export interface Books {
  readonly pushes: readonly PushRow[];
  readonly periods: readonly PeriodRow[];
  readonly entries: readonly EntryRow[];
  readonly holds: readonly HoldRow[];
  readonly transitions: readonly TransitionRow[];
  /** Pushes whose minutes are being read. */
  readonly readings: ReadonlySet<string>;
}

const micros = (column: string): string => `(extract(epoch FROM ${column}) * 1000000)::float8`;

const PUSHES = `
  SELECT p.identifier, p.lane_id::text AS "laneId", p.sequence, p.kind,
         p.customer_no::integer AS "customerNo", p.meter_no AS "meterNo",
         ${micros('p.period_start')} AS "periodStart", ${micros('p.hour')} AS hour,
         p.value::text AS value, ${micros('p."timestamp"')} AS "timestamp", p.livemode,
         p.stripe_customer_id AS "stripeCustomerId", p.event_name AS "eventName", p.status,
         p.reason, p.settled_by AS "settledBy", p.replaced, p.closes, p.purpose, p.attempts,
         p.key_no AS "keyNo", ${micros('p.created_at')} AS "createdAt",
         ${micros('p.last_attempt_at')} AS "lastAttemptAt",
         ${micros('p.first_attempt_at')} AS "firstAttemptAt", l.superseded, l.active,
         l.parked_code IS NOT NULL AS parked
    FROM push p LEFT JOIN push_lane l USING (tenant_id, lane_id)
   ORDER BY p.created_at, p.lane_id, p.sequence`;

const PERIODS = `
  SELECT p.customer_no::integer AS "customerNo", p.meter_no AS "meterNo",
         ${micros('p.period_start')} AS "periodStart", ${micros('p.period_end')} AS "periodEnd",
         p.closed_at IS NOT NULL AS closed, p.value::text AS "statementValue",
         coalesce((SELECT a.carried_last FROM period_amendment a
                    WHERE a.tenant_id = p.tenant_id AND a.customer_no = p.customer_no
                      AND a.meter_no = p.meter_no AND a.period_start = p.period_start
                      AND a.created_at IS NOT NULL
                    ORDER BY a.revision DESC LIMIT 1), p.carried_last)::text AS "carriedLast",
         m.key AS "meterKey", s.aggregation,
         coalesce(c.push, s.push) AS mode, ${micros('s.push_from')} AS "pushFrom",
         s.stripe_event_name AS "eventName", c.stripe_customer_id AS "stripeCustomerId"
    FROM billing_period p JOIN customer c USING (tenant_id, customer_no)
    JOIN meter m USING (tenant_id, meter_no)
    JOIN LATERAL (SELECT * FROM meter_settings s
                   WHERE s.tenant_id = p.tenant_id AND s.meter_no = p.meter_no
                   ORDER BY version DESC LIMIT 1) s ON true
   ORDER BY 1, 2, 3`;

/** Of each event and meter the newest entry counts, once its revision of the period is written. */
const ENTRIES = `
  SELECT DISTINCT ON (tenant_id, event_key, meter_no) customer_no::integer AS "customerNo",
         meter_no AS "meterNo", ${micros('period_start')} AS "periodStart",
         ${micros('occurred_at')} AS "occurredAt", event_key::text AS "eventKey",
         quantity::text AS quantity, unique_key::text AS "uniqueKey"
    FROM usage_entry e
   WHERE billable AND (revision = 0 OR EXISTS (
           SELECT FROM period_amendment a
            WHERE a.tenant_id = e.tenant_id AND a.customer_no = e.customer_no
              AND a.meter_no = e.meter_no AND a.period_start = e.period_start
              AND a.revision = e.revision AND a.created_at IS NOT NULL))
   ORDER BY tenant_id, event_key, meter_no, entry_no DESC`;

export async function readBooks(admin: pg.Client): Promise<Books> {
  const rows = async <Row>(sql: string): Promise<Row[]> => (await admin.query(sql)).rows as Row[];
  return {
    pushes: await rows<PushRow>(PUSHES),
    periods: await rows<PeriodRow>(PERIODS),
    entries: await rows<EntryRow>(ENTRIES),
    holds: await rows<HoldRow>(
      `SELECT customer_no::integer AS "customerNo", meter_no AS "meterNo",
              ${micros('period_start')} AS "periodStart", reason, value::text AS value
         FROM push_hold ORDER BY 1, 2, 3, 4`,
    ),
    transitions: await rows<TransitionRow>(
      `SELECT identifier, transition_no AS no, from_status AS "from", to_status AS "to",
              ${micros('at')} AS "at"
         FROM push_transition ORDER BY identifier, transition_no`,
    ),
    readings: new Set(
      (await rows<{ identifier: string }>('SELECT identifier FROM push_reading')).map(
        ({ identifier }) => identifier,
      ),
    ),
  };
}

/** Whether two rows are about one billing period. */
export function isSamePeriod(
  one: Pick<PushRow, 'customerNo' | 'meterNo' | 'periodStart'>,
  other: Pick<PushRow, 'customerNo' | 'meterNo' | 'periodStart'>,
): boolean {
  return (
    one.customerNo === other.customerNo &&
    one.meterNo === other.meterNo &&
    one.periodStart === other.periodStart
  );
}

export function periodName(of: Pick<PushRow, 'customerNo' | 'meterNo' | 'periodStart'>): string {
  return `customer ${of.customerNo}, meter ${of.meterNo}, period ${shown(of.periodStart)}`;
}

export function shown(instant: Micros): string {
  return new Date(instant / 1_000).toISOString().replace('.000Z', 'Z');
}
