import { Injectable } from '@nestjs/common';
import { requireCustomer } from '../customers/require-customer.js';
import type { Queryable } from '../database/connections.js';
import { readGate } from '../database/gate.js';
import { Database } from '../database/database.js';
import { isTimezone } from '../domain/billing-period.js';
import {
  formatInstant,
  MICROS_PER_QUARTER_HOUR,
  parseInstant,
  quarterHour,
  type Micros,
} from '../domain/instant.js';
import type { Meter } from '../domain/meter.js';
import { type AskedWindow, type UsageWindow, windowBoundaries } from '../domain/usage-window.js';
import { requireMeter } from '../meters/require-meter.js';
import { Problem } from '../problem/problem.js';
import {
  usageByPeriod,
  usageByWindow,
  usageSpan,
  type UsageRow,
  type UsageSelection,
} from './usage-query.js';
import type { UsageAnswer, UsageDatum } from './usage.answer.js';

export interface UsageRequest {
  readonly meter: string;
  readonly customer_id?: string;
  readonly from?: string;
  readonly to?: string;
  readonly window?: AskedWindow;
  readonly timezone?: string;
  readonly group_by?: readonly string[];
  readonly filter?: Readonly<Record<string, readonly string[]>>;
}

/** Answers how much was used, by whom and when. */
@Injectable()
export class UsageService {
  constructor(private readonly db: Database) {}

  query(tenantId: string, request: UsageRequest): Promise<UsageAnswer> {
    // Several questions, asked on one connection.
    return this.db.work.transaction((tx) => this.answer(tx, tenantId, request));
  }

  private async answer(
    db: Queryable,
    tenantId: string,
    request: UsageRequest,
  ): Promise<UsageAnswer> {
    const meter = await requireMeter(db, tenantId, request.meter);
    const customerNo =
      request.customer_id === undefined
        ? null
        : (await requireCustomer(db, tenantId, request.customer_id)).customerNo;
    const timezone = request.timezone ?? 'UTC';
    if (!isTimezone(timezone)) {
      throw new Problem('timezone_unknown', 'timezone must be a name of the IANA database');
    }
    const { from, to } = await this.range(db, tenantId, meter, customerNo, request);
    const groupBy = (request.group_by ?? []).map((name) => dimensionIndex(meter, name));
    const filter = new Map(
      Object.entries(request.filter ?? {}).map(([name, values]) => [
        dimensionIndex(meter, name),
        values,
      ]),
    );
    const selection: UsageSelection = { tenantId, meter, customerNo, from, to, groupBy, filter };
    const window = request.window ?? 'total';
    const data =
      window === 'period'
        ? (await usageByPeriod(db, selection)).map((row) =>
            toDatum(row, row.w, row.window_end ?? row.w, request.group_by),
          )
        : await this.inWindows(db, selection, window, timezone, request.group_by);
    return { meter: meter.key, from: formatInstant(from), to: formatInstant(to), window, data };
  }

  private async inWindows(
    db: Queryable,
    selection: UsageSelection,
    window: UsageWindow | 'total',
    timezone: string,
    groupBy: readonly string[] | undefined,
  ): Promise<readonly UsageDatum[]> {
    const { tenantId, meter, customerNo, from, to } = selection;
    const span = await usageSpan(db, tenantId, meter.meterNo, customerNo);
    // Windows are cut only where there is usage: years without any cost nothing.
    const first = Math.max(from, span?.first ?? to);
    const last = Math.min(to, (span?.last ?? from) + MICROS_PER_QUARTER_HOUR);
    if (first >= last) return [];
    const boundaries =
      window === 'total' ? [from, to] : boundariesOf(window, timezone, first, last);
    // The first and the last window are cut where the range is: they hold what is said of them.
    const clipped = boundaries.map((boundary) => Math.min(Math.max(boundary, from), to));
    const rows = await usageByWindow(db, selection, clipped.slice(0, -1));
    return rows.map((row) => toDatum(row, clipped[row.w - 1]!, clipped[row.w]!, groupBy));
  }

  /** Without `from` and `to`: from the first usage there is, to now or the last there is. */
  private async range(
    db: Queryable,
    tenantId: string,
    meter: Meter,
    customerNo: number | null,
    request: UsageRequest,
  ): Promise<{ from: Micros; to: Micros }> {
    const from = aligned(request.from, 'from');
    const to = aligned(request.to, 'to');
    if (from !== undefined && to !== undefined) return ordered(from, to);
    const gate = await readGate(db, tenantId);
    const span = await usageSpan(db, tenantId, meter.meterNo, customerNo);
    const now = quarterHour(gate.now) + MICROS_PER_QUARTER_HOUR;
    const end = to ?? Math.max(now, (span?.last ?? 0) + MICROS_PER_QUARTER_HOUR);
    return ordered(from ?? Math.min(span?.first ?? end, end), end);
  }
}

function ordered(from: Micros, to: Micros): { from: Micros; to: Micros } {
  if (from > to) {
    const detail = 'to must not be before from';
    throw new Problem('validation_failed', detail, {
      errors: [{ pointer: '/to', code: 'invalid', detail }],
    });
  }
  return { from, to };
}

function aligned(text: string | undefined, name: string): Micros | undefined {
  if (text === undefined) return undefined;
  const at = parseInstant(text);
  if (at === undefined) {
    const detail = `${name} must be an RFC 3339 time with an offset`;
    throw new Problem('validation_failed', detail, {
      errors: [{ pointer: `/${name}`, code: 'invalid', detail }],
    });
  }
  if (quarterHour(at) !== at) {
    throw new Problem('window_not_aligned', `${name} must fall on a quarter hour`);
  }
  return at;
}

function boundariesOf(window: UsageWindow, timezone: string, from: Micros, to: Micros): Micros[] {
  try {
    return windowBoundaries(window, timezone, from, to);
  } catch (error) {
    if (error instanceof RangeError) throw new Problem('too_many_windows', error.message);
    throw error;
  }
}

function dimensionIndex(meter: Meter, name: string): number {
  const index = meter.dimensions.indexOf(name);
  if (index === -1) {
    throw new Problem('dimension_unknown', `the meter ${meter.key} has no dimension ${name}`);
  }
  return index;
}

function toDatum(
  row: UsageRow,
  start: Micros,
  end: Micros,
  groupBy: readonly string[] | undefined,
): UsageDatum {
  return {
    customer_id: row.customer_id,
    window_start: formatInstant(start),
    window_end: formatInstant(end),
    value: row.value,
    event_count: row.event_count,
    ...(groupBy === undefined || groupBy.length === 0
      ? {}
      : {
          group: Object.fromEntries(
            groupBy.map((name, i) => [name, i === 0 ? row.group1 : row.group2]),
          ),
        }),
  };
}
