/**
 * The end of a WITH: an entry of kind `moved` in place of each row of `placed`, an entry with its
 * `new_start`, `new_origin`, `new_revision` and `new_late`, that goes elsewhere than it is. However many
 * there are, one row comes back.
 */
export const MOVED = `
  moved AS (
    INSERT INTO usage_entry (tenant_id, event_key, meter_no, is_void, entry_no, customer_no, kind,
           quantity, occurred_at, received_at, period_start, origin_start, revision, late, billable,
           settings_version, dimensions, unique_key)
    SELECT tenant_id, event_key, meter_no, is_void, entry_no + 1, customer_no, 'moved', quantity,
           occurred_at, received_at, new_start, new_origin, new_revision, new_late, billable,
           settings_version, dimensions, unique_key
      FROM placed
     WHERE (period_start, origin_start, revision) <> (new_start, new_origin, new_revision)
    RETURNING 1)
  SELECT count(*) FROM moved`;
