import { randomUUID } from 'node:crypto';
import { PushTarget, type PushBody, type SendOutcome } from '../../src/stripe/push-target.js';
import type { StripeAccount } from '../../src/stripe/stripe-account.js';
import { fetchEvent } from '../../src/stripe/stripe-webhooks.js';
import type { Database } from '../../src/database/database.js';
import { readMeterErrorReport } from '../../src/webhooks/meter-error-report.js';
import {
  StripeEventHandler,
  type HandlerResult,
  type InboxEvent,
} from '../../src/webhooks/stripe-event-handler.js';
import type { Scenery } from '../../storm/scenery.js';
import type { Variant } from '../../storm/variants.js';
import { LateRows } from './late-rows.js';

/** One wrong way of pushing, and a history in which it shows. */
export interface WrongVariant extends Variant {
  readonly scenery: (drawn: Scenery) => Scenery;
  /** What the checks say of it. */
  readonly finding: RegExp;
}

const DAY_MS = 24 * 3_600_000;
const LOST = ['lostResponse', '500AfterCommit', 'truncatedBody'] as const;

/** A target that changes what is sent, or what is heard. */
class ChangedTarget extends PushTarget {
  constructor(
    private readonly target: PushTarget,
    private readonly change: {
      readonly body?: (body: PushBody) => PushBody;
      readonly key?: (key: string) => string;
      readonly outcome?: (outcome: SendOutcome) => SendOutcome;
    },
  ) {
    super();
  }

  async send(account: StripeAccount, body: PushBody, idempotencyKey: string): Promise<SendOutcome> {
    const { body: sent = (one) => one, key = (one) => one, outcome = (one) => one } = this.change;
    return outcome(await this.target.send(account, sent(body), key(idempotencyKey)));
  }
}

/** Takes every delivery of a reported meter for refused, and has it pushed again, unread. */
class BelievingHandler extends StripeEventHandler {
  readonly types = ['v1.billing.meter.error_report_triggered'];

  constructor(private readonly db: Database) {
    super();
  }

  async handle(event: InboxEvent, account: StripeAccount): Promise<HandlerResult> {
    const { from, to } = readMeterErrorReport(await fetchEvent(account, event.eventId));
    await this.db.work.query(
      `WITH refused AS (
         UPDATE push SET status = 'disputed', transition_no = transition_no + 1
          WHERE status = 'delivered' AND last_attempt_at BETWEEN to_timestamp($1 / 1e6) AND to_timestamp($2 / 1e6)
         RETURNING *
       ), noted AS (
         INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason)
         SELECT tenant_id, identifier, transition_no, 'delivered', 'disputed', 'reported' FROM refused
       )
       SELECT FROM refused`,
      [from - 5_000_000, to + 5_000_000],
    );
    await this.db.work.query(
      `WITH rejected AS (
         UPDATE push SET status = 'rejected', replaced = true, transition_no = transition_no + 1
          WHERE status = 'disputed' RETURNING *
       ), noted AS (
         INSERT INTO push_transition (tenant_id, identifier, transition_no, from_status, to_status, reason)
         SELECT tenant_id, identifier, transition_no, 'disputed', 'rejected', 'reported' FROM rejected
       )
       INSERT INTO push_work (tenant_id, customer_no, meter_no, period_start, closed)
       SELECT DISTINCT tenant_id, customer_no, meter_no, period_start, true FROM rejected
       ON CONFLICT DO NOTHING`,
    );
    return { outcome: 'done', effects: [] };
  }
}

const lossy = (drawn: Scenery): Scenery => ({
  ...drawn,
  faultsPerStep: 0.8,
  faults: LOST,
  hasChanges: false,
  hasForeignWriter: false,
});

const MINUTES_ONLY = {
  flush: 12,
  minutes: 12,
  hours: 0,
  'a day and more': 0,
  weeks: 0,
  'restart all': 0,
  'kill all': 0,
  'Stripe goes away': 0,
};

export const WRONG_VARIANTS: readonly WrongVariant[] = [
  {
    name: 'a random idempotency key for each attempt',
    target: (target) => new ChangedTarget(target, { key: () => randomUUID() }),
    scenery: lossy,
    finding: /was sent under \d+ keys/,
  },
  {
    name: 'a random identifier for each attempt',
    target: (target) =>
      new ChangedTarget(target, {
        key: () => randomUUID(),
        body: (body) => ({ ...body, identifier: randomUUID() }),
      }),
    scenery: lossy,
    finding: /which no row names/,
  },
  {
    name: 'rows that are written after the call',
    sender: (db, accounts, target) => new LateRows(db, accounts, target),
    scenery: lossy,
    finding: /which no row names/,
  },
  {
    name: 'resending blindly after a day',
    config: (config) =>
      Object.assign(Object.create(Object.getPrototypeOf(config)) as typeof config, config, {
        PUSH_RESEND_WINDOW_SECONDS: 1e9,
      }),
    scenery: (drawn) => ({
      ...lossy(drawn),
      switches: { ...drawn.switches, keyTtlMs: DAY_MS, identifierWindowMs: DAY_MS },
      interval: 'month',
      weights: { 'a day and more': 6 },
    }),
    finding: /is counted 2 times/,
  },
  {
    name: 'no fence',
    rewrite: (sql) => sql.replace('AND p.fence = k.fence', ''),
    // Two must stand still before the same call, one after the other's lease ran out.
    scenery: (drawn) => ({
      ...lossy(drawn),
      workers: 6,
      steps: 80,
      env: { ...drawn.env, PUSH_INTERVAL_SECONDS: '0' },
      faultsPerStep: 0.95,
      faults: ['503'],
      killChance: 0,
      stallChance: 0.95,
      weights: MINUTES_ONLY,
      switches: { ...drawn.switches, concurrentSameCustomer: 'allowed' },
    }),
    finding: /pending again, though one attempt was unknown/,
  },
  {
    name: 'rejecting what got no answer',
    target: (target) =>
      new ChangedTarget(target, {
        outcome: (outcome) =>
          outcome.kind === 'unknown'
            ? { kind: 'refused', code: 'no_answer', message: outcome.why }
            : outcome,
      }),
    scenery: lossy,
    finding: /\(rejected, .* is counted all the same/,
  },
  {
    name: 'taking reports of errors at their word',
    handler: (db) => new BelievingHandler(db),
    scenery: (drawn) => ({
      ...lossy(drawn),
      faults: ['asyncReject'],
      switches: { ...drawn.switches, webhookLost: 0 },
    }),
    finding: /\(rejected, .* is counted all the same/,
  },
  {
    name: 'taking every 200 as counted',
    without: ['inbox', 'reconcile'],
    scenery: (drawn) => ({ ...lossy(drawn), faults: ['asyncReject'] }),
    finding: /is not counted: Stripe refused it after its 200/,
  },
];
