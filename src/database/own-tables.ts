/**
 * The tables that the migrations make. An application that embeds Countonce may have others in the
 * same schema: nothing of ours looks at those or gives rights to them.
 */
const OWN_TABLES = [
  'amendment_due',
  'api_key',
  'approval',
  'approval_policy',
  'audit_entry',
  'audit_head',
  'billing_period',
  'billing_source',
  'bulk_void',
  'close_mark',
  'command_answer',
  'customer',
  'customer_identity',
  'customer_schedule',
  'erased_stripe_customer',
  'erasure',
  'installation',
  'invoice_period',
  'item_period',
  'meter',
  'meter_settings',
  'migration',
  'period_amendment',
  'period_close',
  'push',
  'push_hold',
  'push_lane',
  'push_reading',
  'push_transition',
  'push_unplanned',
  'push_work',
  'quarantine_tally',
  'quarantined_event',
  'reconciliation',
  'reconciliation_lane',
  'replay',
  'replay_change',
  'replay_difference',
  'retained_month',
  'stripe_account',
  'stripe_account_identity',
  'stripe_event',
  'stripe_invoice',
  'stripe_meter',
  'stripe_pace',
  'stripe_reads',
  'subscription_item',
  'subscription_reading',
  'tenant',
  'usage_checkpoint',
  'usage_checkpoint_member',
  'usage_delta',
  'usage_entry',
  'usage_event',
  'usage_event_copy',
  'usage_event_key',
  'usage_total',
  'usage_unique',
  'usage_void',
];

/**
 * SQL: the rows of pg_class of our tables and of their partitions; `own_name` is the name of the
 * table itself, or of the one that it is a partition of.
 */
export const OWN_TABLE_ROWS = `(
  SELECT c.*, root.relname AS own_name
    FROM pg_class c JOIN pg_class root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
     AND root.relname = ANY ('{${OWN_TABLES.join()}}'))`;
