/**
 * SQL for the rows of given events. Events and entries are kept by the instant of receipt, so that new
 * ones are written beside each other; the registry of ids, which has them in the order of their keys,
 * tells that instant. $1 is the tenant.
 */

/** Beside a row `k` of the registry: that `e` is of the same event and received with it. */
const RECEIVED_WITH = `
  e.tenant_id = k.tenant_id AND e.event_key = k.event_key AND e.received_at = k.received_at`;

/**
 * A FROM item: the rows of `usage_event` that have these keys.
 *
 * @param keys SQL of a `uuid[]`.
 */
export const eventsWithKeys = (keys: string): string => `(
  SELECT e.* FROM usage_event_key k JOIN usage_event e ON ${RECEIVED_WITH}
   WHERE k.tenant_id = $1 AND k.event_key = ANY (${keys}))`;

/** A FROM item: their entries that are no voids; one that was moved keeps its instant. */
export const entriesWithKeys = (keys: string): string => `(
  SELECT e.* FROM usage_event_key k JOIN usage_entry e ON ${RECEIVED_WITH} AND NOT e.is_void
   WHERE k.tenant_id = $1 AND k.event_key = ANY (${keys}))`;

/** A FROM item: their entries, voids among them, which were received later. */
export const ledgerWithKeys = (keys: string): string => `(
  SELECT * FROM ${entriesWithKeys(keys)} e
   UNION ALL
  SELECT e.* FROM usage_entry e
   WHERE e.tenant_id = $1 AND e.event_key = ANY (${keys}) AND e.is_void)`;

/**
 * Whether an entry is a void or was moved, and so stands beside or in place of another one. Few are, and
 * an index by event holds these alone: who looks for them says so.
 */
export const isLater = (entry: string): string => `(${entry}.is_void OR ${entry}.entry_no > 0)`;
