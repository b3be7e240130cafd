import type { Queryable } from '../database/connections.js';
import { sumOf } from '../domain/decimal-arithmetic.js';
import { statementDigest } from '../domain/entry-digest.js';
import { formatInstant } from '../domain/instant.js';
import { periodKeyText } from '../usage/period-values.js';
import { pushedValues, type PushedValue } from '../usage/pushed-values.js';
import { statementValues } from '../usage/statement-values.js';
import { divideParts } from './amendment-parts.js';
import { amendmentsOf, type Amendment } from './amendment.query.js';
import { carriedOut, type BillingPeriodRow } from './billing-period.query.js';
import { invoicesOf, type PeriodInvoice } from './period-invoice.query.js';
import type { StatementAnswer, ValueParts } from './statement.dto.js';

/** @returns One for each period, in their order. */
export async function statementAnswers(
  db: Queryable,
  tenantId: string,
  rows: readonly BillingPeriodRow[],
): Promise<StatementAnswer[]> {
  const open = rows.filter((row) => row.closedAt === null);
  const values = await statementValues(db, tenantId, open);
  const nowOf = new Map(open.map((row, i) => [row, values[i]!]));
  const periods = rows.map((row) => ({ ...row, value: row.value ?? nowOf.get(row)!.value }));
  const out = await carriedOut(db, tenantId, rows);
  const amendments = await amendmentsOf(db, tenantId, periods);
  const amended = periods.map((period) => {
    const changes = (amendments.get(periodKeyText(period)) ?? []).map(({ value }) => value);
    return { ...period, changes, value: sumOf([period.value, ...changes]) };
  });
  const pushed = await pushedValues(db, tenantId, amended);
  const invoices = await invoicesOf(db, tenantId, rows);
  return rows.map((row, i) => {
    const now = nowOf.get(row);
    const eventCount = row.eventCount ?? now!.eventCount;
    const digest = row.digest ?? statementDigest(eventCount, now!.digestSum);
    const { changes, value: amendedValue } = amended[i]!;
    const parts = divideParts(pushed.get(periodKeyText(row))!, changes);
    return {
      customer_id: row.customerId,
      meter: row.meter,
      period_start: formatInstant(row.periodStart),
      period_end: formatInstant(row.periodEnd),
      status: row.status,
      closed_at: row.closedAt === null ? null : formatInstant(row.closedAt),
      value: periods[i]!.value,
      event_count: eventCount,
      carried_in: row.carriedIn ?? now!.carriedIn,
      carried_out: out[i]!,
      ...toParts(parts.statement),
      invoice: toInvoice(invoices.get(periodKeyText(row))),
      amendments: (amendments.get(periodKeyText(row)) ?? []).map((amendment, at) =>
        toAmendment(amendment, parts.amendments[at]!),
      ),
      amended_value: amendedValue,
      digest: digest.toString('hex'),
    };
  });
}

function toInvoice(invoice: PeriodInvoice | undefined): StatementAnswer['invoice'] {
  if (invoice === undefined) return null;
  const { id, status, finalizesAt } = invoice;
  return { id, status, finalizes_at: finalizesAt === null ? null : formatInstant(finalizesAt) };
}

function toParts(parts: PushedValue): ValueParts {
  return {
    delivered_value: parts.delivered,
    confirmed_value: parts.confirmed,
    pending_value: parts.pending,
    unknown_value: parts.unknown,
    held_value: parts.held,
    rejected_value: parts.rejected,
    excluded_value: parts.excluded,
    unbillable_value: parts.unbillable,
  };
}

/** One that is not frozen yet grows with what comes; its number is the one it will have. */
function toAmendment(
  amendment: Amendment,
  parts: PushedValue,
): StatementAnswer['amendments'][number] {
  const { revision, value, eventCount, digest, createdAt } = amendment;
  return {
    revision,
    status: createdAt === null ? 'pending' : 'closed',
    value,
    event_count: eventCount,
    created_at: createdAt === null ? null : formatInstant(createdAt),
    ...toParts(parts),
    digest: digest.toString('hex'),
  };
}
