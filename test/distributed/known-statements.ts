import type { Rule } from './sql-rules.js';

/** Statements that break a rule and stay as they are for now. The list may only get shorter. */
export interface Known {
  readonly rule: Rule;
  /** Why it is left, and not mended. */
  readonly why: string;
  /** What it does on Citus. */
  readonly effect: string;
  /** File and tables, as the check tells them. */
  readonly places: readonly string[];
}

export const KNOWN_STATEMENTS: readonly Known[] = [
  {
    rule: 'reads-across-tenants',
    why: 'The key says who calls: every shard is asked, once for each key and as long as a process remembers it.',
    effect:
      'Signing in costs a question to every shard; two tenants with one key (BOOTSTRAP_API_KEY is looked up first) would be told apart by nothing.',
    places: ['src/access/api-key.store.ts api_key'],
  },
  {
    rule: 'reads-across-tenants',
    why: 'A tenant is looked up by its name, and a key of the environment by its digest, when a process starts or a tenant is made.',
    effect: 'Nothing but time.',
    places: ['src/access/tenant.service.ts api_key', 'src/access/tenant.service.ts tenant'],
  },
  {
    rule: 'reads-across-tenants',
    why: 'Figures of /metrics are of all tenants.',
    effect: 'Every scrape asks every shard.',
    places: [
      'src/health/metrics.controller.ts approval',
      'src/health/metrics.controller.ts quarantine_tally',
      'src/health/metrics.controller.ts stripe_event',
      'src/health/metrics.controller.ts usage_delta',
      'src/health/push-figures.store.ts push',
    ],
  },
  {
    rule: 'reads-across-tenants',
    why: 'Whoever calls Stripe for a customer, whatever its tenant, keeps others from it; the wall hides other tenants all the same.',
    effect: 'Every shard is asked each time that pushes are chosen.',
    places: ['src/push/push-due.store.ts push'],
  },
  {
    rule: 'reads-across-tenants',
    why: 'A command or a start asks once about all tenants.',
    effect: 'Nothing but time.',
    places: [
      'src/commands/evidence/export-run.ts tenant',
      'src/commands/replay.ts tenant',
      'src/reconciliation/restore/restoration.store.ts push',
      'src/reconciliation/restore/restoration.store.ts tenant',
    ],
  },
  {
    rule: 'reads-across-tenants',
    why: 'Workers first list the tenants with work due, then work for each by itself.',
    effect:
      'Every shard is asked each time a loop comes round: with many workers the first thing that will be too much.',
    places: [
      'src/access/approval/approval.store.ts approval,tenant',
      'src/access/audit/audit-read.store.ts audit_head,tenant',
      'src/corrections/bulk-void.timer.ts bulk_void,tenant',
      'src/erasure/erasure.timer.ts erasure,tenant',
      'src/idempotency/command-answer.store.ts command_answer,tenant',
      'src/periods/amendment.timer.ts amendment_due,period_amendment,tenant',
      'src/periods/close.timer.ts billing_period,period_close,tenant',
      'src/push/push-reading.worker.ts push,push_reading,push_work,tenant',
      'src/push/push-worker.ts push,push_work,tenant',
      'src/quarantine/quarantine.timer.ts quarantine_tally',
      'src/reconciliation/reconciliation.store.ts reconciliation',
      'src/reconciliation/reconciliation.timer.ts push_lane,tenant',
      'src/replay/replay.store.ts replay',
      'src/usage/fold.ts tenant,usage_delta',
      'src/webhooks/invoice-lookup.timer.ts billing_source,tenant',
      'src/webhooks/stripe-claim.store.ts stripe_event',
      'src/webhooks/subscription-refresh.timer.ts billing_source,customer,subscription_reading,tenant',
    ],
  },
  {
    rule: 'inserts-in-expression',
    why: 'Recording and folding are being written anew elsewhere.',
    effect:
      'Citus runs each part by itself over the coordinator, one after the other, in the same transaction. Each part is of one shard, but each is a round trip, and what it gives back goes to the coordinator and to the worker again.',
    places: [
      'src/ledger/entry.store.ts amendment_due',
      'src/ledger/entry.store.ts usage_delta',
      'src/ledger/entry.store.ts usage_entry',
      'src/ledger/entry.store.ts usage_event',
      'src/ledger/entry.store.ts usage_unique',
      'src/ledger/void-entry.store.ts amendment_due',
      'src/ledger/void-entry.store.ts usage_delta',
      'src/ledger/void-entry.store.ts usage_entry',
      'src/usage/fold.ts usage_total',
    ],
  },
  {
    rule: 'inserts-in-expression',
    why: 'One statement here is one round trip, which on one machine is what counts; a part reads nothing that another of its statement writes, so one after the other comes to the same.',
    effect: 'As above: right, and slower.',
    places: [
      'src/access/audit/audit.store.ts audit_entry',
      'src/erasure/usage-texts.store.ts usage_unique',
      'src/outbox/change-status.store.ts push_transition',
      'src/outbox/dispute.store.ts push_reading',
      'src/outbox/dispute.store.ts push_transition',
      'src/outbox/insert-pushes.store.ts push',
      'src/periods/flush.store.ts push_work',
      'src/push/push-claim.store.ts push_transition',
      'src/reconciliation/restore/finding.store.ts push_transition',
      'src/replay/mend.store.ts replay_change',
      'src/replay/mend.store.ts usage_total',
      'src/replay/mend.store.ts usage_unique',
      'src/replay/revert.store.ts usage_total',
      'src/replay/revert.store.ts usage_unique',
      'src/usage/move-usage.ts usage_entry',
      'src/usage/reshape-usage.store.ts usage_entry',
    ],
  },
  {
    rule: 'expression-before-insert',
    why: 'As above: what one part gives back, the last one inserts.',
    effect: 'As above: right, and slower.',
    places: [
      'src/erasure/usage-texts.store.ts usage_delta',
      'src/outbox/insert-pushes.store.ts push_transition',
      'src/outbox/withdraw.store.ts push_transition',
      'src/push/push-claim.store.ts push_transition',
      'src/push/push-settle.store.ts push_transition',
      'src/reconciliation/confirm.store.ts push_transition',
      'src/reconciliation/reconciliation-scope.store.ts reconciliation_lane',
    ],
  },
  {
    rule: 'physical-row',
    why: 'Rows without a key of their own are taken by where they lie, inside of one tenant and one statement.',
    effect:
      'Sent whole to one shard it is right. Where Citus plans the inner SELECT by itself, a row that moved in between is not found, and is taken next time.',
    places: ['src/erasure/usage-texts.store.ts ctid', 'src/usage/fold.ts ctid'],
  },
  {
    rule: 'joins-not-by-tenant',
    why: 'Figures of all tenants put together by UNION ALL.',
    effect: 'Every shard is asked twice.',
    places: ['src/health/push-figures.store.ts push'],
  },
  {
    rule: 'reads-across-tenants',
    why: 'A month holds all tenants, and leaves as one.',
    effect:
      'Retention does not work on Citus, which detaches no part beside its writers: months stay.',
    places: [
      'src/retention/checkpoint.store.ts usage_entry,usage_event',
      'src/retention/month-file.ts meter',
      'src/retention/obstacles.query.ts billing_period,bulk_void,erasure,replay,usage_entry',
      'src/retention/obstacles.query.ts usage_total',
      'src/retention/retention.ts tenant',
    ],
  },
  {
    rule: 'joins-not-by-tenant',
    why: 'As above.',
    effect: 'As above.',
    places: [
      'src/retention/checkpoint.store.ts usage_entry,usage_event',
      'src/retention/obstacles.query.ts billing_period,bulk_void,erasure,replay,usage_entry',
    ],
  },
  {
    rule: 'insert-by-copy',
    why: 'As above.',
    effect: 'As above.',
    places: [
      'src/retention/checkpoint.store.ts usage_checkpoint',
      'src/retention/checkpoint.store.ts usage_checkpoint_member',
    ],
  },
  {
    rule: 'detach-concurrently',
    why: 'As above.',
    effect: 'As above.',
    places: ['src/retention/detach.ts DETACH'],
  },
  {
    rule: 'whole-table',
    why: 'As above.',
    effect: 'As above.',
    places: ['src/retention/retention.ts LOCK'],
  },
];

/** Texts that only the running program completes, and that no filling makes SQL; read by eye. */
export const UNREAD: readonly string[] = [
  // A hint for people.
  'src/database/start-check.ts',
  // Put together of more pieces than are tried; each piece has `tenant_id = $1`.
  'src/usage/usage-query.ts',
];
