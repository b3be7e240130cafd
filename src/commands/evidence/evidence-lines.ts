import type { AuditRow } from '../../access/audit/audit.store.js';
import { formatInstant, formatInstantMicros, type Micros } from '../../domain/instant.js';
import type { Amendment } from '../../periods/amendment.query.js';
import type { BillingPeriodRow } from '../../periods/billing-period.query.js';
import type { InvoiceFacts } from '../../periods/period-invoice.query.js';
import type { StatementAnswer } from '../../periods/statement.dto.js';
import type { TransitionRow } from '../../push/push-list.store.js';
import type { LaneVerdict } from '../../reconciliation/lane-verdict.store.js';
import { meterEventBody } from '../../stripe/meter-event-body.js';
import type { PeriodHold, PeriodPush } from '../../usage/period-pushes.store.js';
import type { StatementEntryRow } from '../../usage/statement-entry.store.js';
import type { EventAbout } from '../../webhooks/events-about.store.js';

/** One line of a file of evidence, but for the first and the last. */
export type EvidenceLine = { readonly type: string } & Readonly<Record<string, unknown>>;

type Named = Pick<BillingPeriodRow, 'meter' | 'periodStart'>;

function of({ meter, periodStart }: Named): { meter: string; period_start: string } {
  return { meter, period_start: formatInstant(periodStart) };
}

/** The statement as the API answers it, and the lines of its amendments, with what each was made with. */
export function statementLines(
  row: BillingPeriodRow,
  answer: StatementAnswer,
  made: readonly Amendment[],
): EvidenceLine[] {
  const { amendments, ...statement } = answer;
  const { aggregation, carriedLast } = row;
  return [
    { type: 'statement', aggregation, carried_last: carriedLast, ...statement },
    ...amendments.map((each) => {
      const known = made.find(({ revision }) => revision === each.revision);
      const carried = { carried_last: known?.carriedLast ?? carriedLast };
      return { type: 'amendment', ...of(row), ...carried, ...each };
    }),
  ];
}

export function entryLine(
  period: Named,
  row: StatementEntryRow,
  withProperties: boolean,
): EvidenceLine {
  return {
    type: 'entry',
    ...of(period),
    event_key: row.eventKey,
    is_void: row.isVoid,
    quantity: row.quantity,
    revision: row.revision,
    billable: row.billable,
    late: row.late,
    occurred_at: formatInstant(row.occurredAt),
    received_at: formatInstant(row.receivedAt),
    origin_period_start: formatInstant(row.originStart),
    usage_event_id: row.usageEventId,
    source: row.source,
    sent_customer_id: row.sentCustomerId,
    copies: row.copies,
    kind: row.kind,
    entry_no: row.entryNo,
    settings_version: row.settingsVersion,
    dimensions: row.dimensions,
    unique_key: row.uniqueKey,
    ...(row.isVoid ? { void_reason: row.voidReason, bulk_void_id: row.bulkVoidId } : {}),
    ...(withProperties ? { properties: row.properties } : {}),
  };
}

export function pushLine(
  period: Named,
  push: PeriodPush,
  transitions: readonly TransitionRow[],
): EvidenceLine {
  return {
    type: 'push',
    ...of(period),
    identifier: push.identifier,
    sequence: push.sequence,
    kind: push.kind,
    hour: orNull(push.hour),
    value: push.value,
    timestamp: formatInstant(push.timestamp),
    status: push.status,
    reason: push.reason,
    settled_by: push.settledBy,
    counts_as: push.countsAs,
    not_counted: push.notCounted,
    purpose: push.purpose,
    lane_id: push.laneId,
    stripe_account: push.accountId,
    livemode: push.livemode,
    stripe_meter: push.stripeMeterId,
    stripe_customer_id: push.stripeCustomerId,
    target: push.target,
    attempts: push.attempts,
    unknown_attempts: push.unknownAttempts,
    created_at: formatInstant(push.createdAt),
    first_attempt_at: orNull(push.firstAttemptAt),
    last_attempt_at: orNull(push.lastAttemptAt),
    delivered_at: orNull(push.deliveredAt),
    last_error: push.lastError,
    value_key: push.valueKey,
    body: meterEventBody(push),
    transitions: transitions.map(({ from, to, reason, at }) => ({
      from,
      to,
      reason,
      at: formatInstant(at),
    })),
  };
}

export function holdLine(period: Named, hold: PeriodHold): EvidenceLine {
  const { heldSince, countsAs, ...rest } = hold;
  const told = { ...rest, held_since: formatInstant(heldSince), counts_as: countsAs };
  return { type: 'hold', ...of(period), ...told };
}

export function invoiceLine(period: Named, invoice: InvoiceFacts): EvidenceLine {
  return {
    type: 'invoice',
    ...of(period),
    id: invoice.id,
    status: invoice.status,
    stripe_account: invoice.accountId,
    livemode: invoice.livemode,
    made_at: formatInstant(invoice.madeAt),
    finalizes_at: orNull(invoice.finalizesAt),
    finalized_at: orNull(invoice.finalizedAt),
    line_start: formatInstant(invoice.lineStart),
    line_end: formatInstant(invoice.lineEnd),
  };
}

export function reconciliationLine(period: Named, lane: LaneVerdict): EvidenceLine {
  return {
    type: 'reconciliation',
    ...of(period),
    id: lane.reconciliationId,
    cause: lane.cause,
    lane_id: lane.laneId,
    stripe_meter: lane.stripeMeterId,
    stripe_customer_id: lane.stripeCustomerId,
    verdict: lane.verdict,
    why: lane.why,
    ours: lane.ours,
    unsettled: lane.unsettled,
    stripe: lane.stripe,
    drift: lane.drift,
    differences: lane.differences,
    invoice: lane.invoice,
    read_at: formatInstant(lane.readAt),
  };
}

export function stripeEventLine(event: EventAbout): EvidenceLine {
  return {
    type: 'stripe_event',
    id: event.eventId,
    event_type: event.type,
    object_id: event.objectId,
    livemode: event.livemode,
    stripe_account: event.accountId,
    created_at: orNull(event.eventAt),
    received_at: formatInstant(event.receivedAt),
    outcome: event.outcome,
    effects: event.effects,
    attempts: event.attempts,
    last_error: event.lastError,
    settled_at: orNull(event.settledAt),
    body_sha256: event.bodyDigest,
    body: event.body,
  };
}

/** With all that its hash is made over. `before` and `after` are texts: the digest is that of the text. */
export function auditLine(entry: AuditRow): EvidenceLine {
  const { digests } = entry;
  return {
    type: 'audit_entry',
    sequence: entry.sequence,
    at: formatInstantMicros(entry.at),
    actor: { kind: entry.actorKind, id: entry.actorId, name: entry.actorName },
    action: entry.action,
    subject: entry.subject,
    reason: entry.reason,
    before: entry.before,
    after: entry.after,
    salt: entry.salt?.toString('hex') ?? null,
    digests: {
      subject: digests.subject.toString('hex'),
      reason: digests.reason.toString('hex'),
      before: digests.before.toString('hex'),
      after: digests.after.toString('hex'),
    },
    previous_hash: entry.previousHash.toString('hex'),
    hash: entry.hash.toString('hex'),
  };
}

function orNull(instant: Micros | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
