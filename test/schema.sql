-- The schema after every migration; npm run schema:write renews it.

CREATE TABLE amendment_due (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  due_at timestamp with time zone NOT NULL,
  CONSTRAINT amendment_due_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start)
);

CREATE TABLE api_key (
  tenant_id uuid NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  name text NOT NULL,
  key_hash bytea NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  replaced_by text COLLATE "C",
  CONSTRAINT api_key_key_hash_check CHECK ((octet_length(key_hash) = 32)),
  CONSTRAINT api_key_key_hash_key UNIQUE (key_hash),
  CONSTRAINT api_key_name_check CHECK (((length(name) >= 1) AND (length(name) <= 255))),
  CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, key_id),
  CONSTRAINT api_key_replaced_by_fkey FOREIGN KEY (tenant_id, replaced_by) REFERENCES api_key(tenant_id, key_id),
  CONSTRAINT api_key_scopes_check CHECK (((scopes <@ ARRAY['usage:write'::text, 'usage:adjust'::text, 'usage:read'::text, 'billing:write'::text, 'admin'::text]) AND (cardinality(scopes) > 0))),
  CONSTRAINT api_key_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);

CREATE TABLE approval (
  tenant_id uuid NOT NULL,
  approval_id uuid NOT NULL,
  command text COLLATE "C" NOT NULL,
  scope text COLLATE "C" NOT NULL,
  route text COLLATE "C" NOT NULL,
  parameters json NOT NULL,
  query json NOT NULL,
  body json,
  hidden_members json NOT NULL,
  request_hash bytea NOT NULL,
  idempotency_key text COLLATE "C" NOT NULL,
  requested_by text COLLATE "C" NOT NULL,
  key_line text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  created_at timestamp with time zone NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  decided_by text COLLATE "C",
  decided_at timestamp with time zone,
  reason text,
  used_by text COLLATE "C",
  used_at timestamp with time zone,
  CONSTRAINT approval_decided_check CHECK ((((decided_by IS NULL) = (decided_at IS NULL)) AND ((state = ANY (ARRAY['requested'::text, 'expired'::text])) OR (decided_by IS NOT NULL)) AND ((state <> 'requested'::text) OR (decided_by IS NULL)))),
  CONSTRAINT approval_pkey PRIMARY KEY (tenant_id, approval_id),
  CONSTRAINT approval_request_hash_check CHECK ((octet_length(request_hash) = 32)),
  CONSTRAINT approval_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'approved'::text, 'refused'::text, 'used'::text, 'expired'::text]))),
  CONSTRAINT approval_two_keys_check CHECK (((decided_by <> requested_by) AND (decided_by <> key_line))),
  CONSTRAINT approval_used_check CHECK ((((state = 'used'::text) = (used_at IS NOT NULL)) AND ((used_at IS NULL) = (used_by IS NULL))))
);

CREATE TABLE approval_policy (
  tenant_id uuid NOT NULL,
  commands text[] NOT NULL,
  changed_at timestamp with time zone NOT NULL,
  CONSTRAINT approval_policy_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT approval_policy_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);

CREATE TABLE audit_entry (
  tenant_id uuid NOT NULL,
  sequence bigint NOT NULL,
  at timestamp with time zone NOT NULL,
  actor_kind text NOT NULL,
  actor_id text,
  actor_name text,
  action text NOT NULL,
  subject text COLLATE "C",
  reason text,
  before json,
  after json,
  salt bytea,
  subject_digest bytea NOT NULL,
  reason_digest bytea NOT NULL,
  before_digest bytea NOT NULL,
  after_digest bytea NOT NULL,
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT audit_entry_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['api_key'::text, 'command_line'::text, 'system'::text]))),
  CONSTRAINT audit_entry_erased_check CHECK (((salt IS NOT NULL) OR ((subject IS NULL) AND (reason IS NULL) AND (before IS NULL) AND (after IS NULL)))),
  CONSTRAINT audit_entry_hash_check CHECK (((octet_length(hash) = 32) AND (octet_length(previous_hash) = 32))),
  CONSTRAINT audit_entry_pkey PRIMARY KEY (tenant_id, sequence)
);

CREATE TABLE audit_head (
  tenant_id uuid NOT NULL,
  sequence bigint NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT audit_head_hash_check CHECK (((sequence >= 0) AND (octet_length(hash) = 32))),
  CONSTRAINT audit_head_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT audit_head_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);

CREATE TABLE billing_period (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  period_end timestamp with time zone NOT NULL,
  backfilled boolean NOT NULL,
  of_item boolean NOT NULL DEFAULT false,
  carried_last numeric,
  closed_at timestamp with time zone,
  period_close_id uuid,
  value numeric,
  carried_in numeric,
  event_count bigint,
  digest bytea,
  CONSTRAINT billing_period_period_end_check CHECK ((period_end > period_start)),
  CONSTRAINT billing_period_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start),
  CONSTRAINT billing_period_statement_check CHECK ((num_nulls(closed_at, period_close_id, value, carried_in, event_count, digest) = ANY (ARRAY[0, 6])))
);

CREATE TABLE billing_source (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  version integer NOT NULL,
  source text NOT NULL,
  effective_from timestamp with time zone NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT billing_source_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, version),
  CONSTRAINT billing_source_source_check CHECK ((source = ANY (ARRAY['schedule'::text, 'stripe'::text])))
);

CREATE TABLE bulk_void (
  tenant_id uuid NOT NULL,
  bulk_void_id uuid NOT NULL,
  filter json NOT NULL,
  selection json NOT NULL,
  reason text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  found bigint NOT NULL,
  voided bigint NOT NULL DEFAULT 0,
  already_voided bigint NOT NULL DEFAULT 0,
  cursor_customer_no bigint,
  cursor_at timestamp with time zone,
  cursor_key uuid,
  finished_at timestamp with time zone,
  CONSTRAINT bulk_void_cursor_check CHECK ((num_nulls(cursor_customer_no, cursor_at, cursor_key) = ANY (ARRAY[0, 3]))),
  CONSTRAINT bulk_void_pkey PRIMARY KEY (tenant_id, bulk_void_id)
);

CREATE TABLE close_mark (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  closed_through timestamp with time zone NOT NULL,
  CONSTRAINT close_mark_pkey PRIMARY KEY (tenant_id, customer_no, meter_no)
);

CREATE TABLE command_answer (
  tenant_id uuid NOT NULL,
  route text COLLATE "C" NOT NULL,
  idempotency_key text COLLATE "C" NOT NULL,
  request_hash bytea NOT NULL,
  made jsonb,
  lease_until timestamp with time zone,
  fence bigint NOT NULL DEFAULT 0,
  status smallint,
  headers jsonb NOT NULL,
  body text,
  created_at timestamp with time zone NOT NULL,
  answered_at timestamp with time zone,
  CONSTRAINT command_answer_answered_check CHECK ((((answered_at IS NULL) = (status IS NULL)) AND ((answered_at IS NULL) = (lease_until IS NOT NULL)) AND ((answered_at IS NOT NULL) OR (made IS NOT NULL)))),
  CONSTRAINT command_answer_idempotency_key_check CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255))),
  CONSTRAINT command_answer_pkey PRIMARY KEY (tenant_id, route, idempotency_key),
  CONSTRAINT command_answer_request_hash_check CHECK ((octet_length(request_hash) = 32)),
  CONSTRAINT command_answer_status_check CHECK (((status >= 200) AND (status <= 499)))
);

CREATE TABLE customer (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  customer_id text COLLATE "C" NOT NULL,
  name text,
  stripe_customer_id text COLLATE "C",
  mapping_from text,
  mapping_version bigint NOT NULL DEFAULT 0,
  push text,
  erasures_before bigint NOT NULL DEFAULT 0,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT customer_customer_id_check CHECK (((length(customer_id) >= 1) AND (length(customer_id) <= 255))),
  CONSTRAINT customer_customer_id_key UNIQUE (tenant_id, customer_id),
  CONSTRAINT customer_mapping_from_check CHECK ((mapping_from = ANY (ARRAY['now'::text, 'period_start'::text]))),
  CONSTRAINT customer_pkey PRIMARY KEY (tenant_id, customer_no),
  CONSTRAINT customer_push_check CHECK ((push = ANY (ARRAY['off'::text, 'shadow'::text, 'live'::text]))),
  CONSTRAINT customer_stripe_customer_id_key UNIQUE (tenant_id, stripe_customer_id)
);

CREATE TABLE customer_identity (
  tenant_id uuid NOT NULL,
  identity text COLLATE "C" NOT NULL,
  customer_no bigint NOT NULL,
  CONSTRAINT customer_identity_identity_check CHECK (((length(identity) >= 1) AND (length(identity) <= 255))),
  CONSTRAINT customer_identity_pkey PRIMARY KEY (tenant_id, identity)
);

CREATE TABLE customer_schedule (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  version integer NOT NULL,
  effective_from timestamp with time zone NOT NULL,
  "interval" text NOT NULL,
  interval_count integer NOT NULL,
  anchor timestamp with time zone NOT NULL,
  timezone text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT customer_schedule_interval_check CHECK (("interval" = ANY (ARRAY['day'::text, 'week'::text, 'month'::text, 'year'::text]))),
  CONSTRAINT customer_schedule_interval_count_check CHECK (((interval_count >= 1) AND (interval_count <= 1000))),
  CONSTRAINT customer_schedule_pkey PRIMARY KEY (tenant_id, customer_no, version)
);

CREATE TABLE erased_stripe_customer (
  tenant_id uuid NOT NULL,
  hash bytea NOT NULL,
  hash_key bytea NOT NULL,
  until timestamp with time zone NOT NULL,
  CONSTRAINT erased_stripe_customer_pkey PRIMARY KEY (tenant_id, hash)
);

CREATE TABLE erasure (
  tenant_id uuid NOT NULL,
  erasure_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  pseudonym text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  sought json,
  hash_key bytea,
  audit_sequence bigint NOT NULL,
  phase text NOT NULL,
  "position" json,
  usage_events bigint NOT NULL DEFAULT 0,
  other_rows bigint NOT NULL DEFAULT 0,
  created_at timestamp with time zone NOT NULL,
  finished_at timestamp with time zone,
  CONSTRAINT erasure_finished_check CHECK ((((finished_at IS NOT NULL) = (phase = 'done'::text)) AND (num_nulls(sought, hash_key) =
CASE phase
    WHEN 'done'::text THEN 2
    ELSE 0
END))),
  CONSTRAINT erasure_phase_check CHECK ((phase = ANY (ARRAY['usage_events'::text, 'totals'::text, 'pushes'::text, 'corrections'::text, 'replays'::text, 'quarantine'::text, 'stripe'::text, 'answers'::text, 'approvals'::text, 'audit'::text, 'done'::text]))),
  CONSTRAINT erasure_pkey PRIMARY KEY (tenant_id, erasure_id)
);

CREATE TABLE installation (
  singleton boolean NOT NULL DEFAULT true,
  installation_id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  cluster text,
  timeline integer,
  restoring_since timestamp with time zone,
  restored_at timestamp with time zone,
  CONSTRAINT installation_pkey PRIMARY KEY (singleton),
  CONSTRAINT installation_singleton_check CHECK (singleton)
);

CREATE TABLE invoice_period (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  period_end timestamp with time zone NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  invoice_id text COLLATE "C" NOT NULL,
  CONSTRAINT invoice_period_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start, period_end, account_id, livemode, invoice_id)
);

CREATE TABLE item_period (
  tenant_id uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  item_id text COLLATE "C" NOT NULL,
  stripe_meter_id text COLLATE "C" NOT NULL,
  period_start timestamp with time zone NOT NULL,
  period_end timestamp with time zone NOT NULL,
  CONSTRAINT item_period_period_end_check CHECK ((period_end > period_start)),
  CONSTRAINT item_period_pkey PRIMARY KEY (tenant_id, account_id, livemode, item_id, stripe_meter_id, period_start)
);

CREATE TABLE meter (
  tenant_id uuid NOT NULL,
  meter_no integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT meter_key_check CHECK ((key ~ '^[a-z][a-z0-9_]{0,63}$'::text)),
  CONSTRAINT meter_key_key UNIQUE (tenant_id, key),
  CONSTRAINT meter_meter_no_check CHECK ((meter_no > 0)),
  CONSTRAINT meter_pkey PRIMARY KEY (tenant_id, meter_no)
);

CREATE TABLE meter_settings (
  tenant_id uuid NOT NULL,
  meter_no integer NOT NULL,
  version integer NOT NULL,
  aggregation text NOT NULL,
  display_name text,
  unit text,
  event_types text[] NOT NULL,
  value_property text NOT NULL,
  unique_property text,
  filter jsonb NOT NULL DEFAULT '{}'::jsonb,
  dimensions text[] NOT NULL DEFAULT '{}'::text[],
  carry_last boolean NOT NULL DEFAULT false,
  stripe_event_name text,
  mapping_from text,
  mapping_version bigint NOT NULL DEFAULT 0,
  push text NOT NULL DEFAULT 'live'::text,
  push_from timestamp with time zone,
  billing_starts_at timestamp with time zone,
  late_usage text NOT NULL,
  archived boolean NOT NULL DEFAULT false,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT meter_settings_aggregation_check CHECK ((aggregation = ANY (ARRAY['sum'::text, 'count'::text, 'max'::text, 'last'::text, 'unique_count'::text]))),
  CONSTRAINT meter_settings_carry_last_check CHECK (((aggregation = 'last'::text) OR (NOT carry_last))),
  CONSTRAINT meter_settings_dimensions_check CHECK ((cardinality(dimensions) <= 2)),
  CONSTRAINT meter_settings_event_types_check CHECK (((cardinality(event_types) >= 1) AND (cardinality(event_types) <= 100))),
  CONSTRAINT meter_settings_late_usage_check CHECK (((late_usage = ANY (ARRAY['amend'::text, 'reject'::text])) OR ((late_usage = 'carry_forward'::text) AND (aggregation = ANY (ARRAY['sum'::text, 'count'::text]))))),
  CONSTRAINT meter_settings_mapping_from_check CHECK ((mapping_from = ANY (ARRAY['now'::text, 'period_start'::text]))),
  CONSTRAINT meter_settings_pkey PRIMARY KEY (tenant_id, meter_no, version),
  CONSTRAINT meter_settings_push_check CHECK ((push = ANY (ARRAY['off'::text, 'shadow'::text, 'live'::text]))),
  CONSTRAINT meter_settings_unique_property_check CHECK (((aggregation = 'unique_count'::text) = (unique_property IS NOT NULL)))
);

CREATE TABLE period_amendment (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  revision integer NOT NULL,
  sealed_at timestamp with time zone NOT NULL,
  value numeric,
  event_count bigint,
  digest bytea,
  carried_last numeric,
  created_at timestamp with time zone,
  CONSTRAINT period_amendment_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start, revision),
  CONSTRAINT period_amendment_revision_check CHECK ((revision > 0)),
  CONSTRAINT period_amendment_written_check CHECK ((num_nulls(value, event_count, digest, created_at) = ANY (ARRAY[0, 4])))
);

CREATE TABLE period_close (
  tenant_id uuid NOT NULL,
  period_close_id uuid NOT NULL,
  as_of timestamp with time zone NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  by_clock boolean NOT NULL,
  due bigint NOT NULL,
  closed bigint NOT NULL DEFAULT 0,
  already_closed bigint NOT NULL,
  pushes bigint NOT NULL DEFAULT 0,
  gate_version bigint NOT NULL,
  closed_at timestamp with time zone NOT NULL,
  finished_at timestamp with time zone,
  CONSTRAINT period_close_pkey PRIMARY KEY (tenant_id, period_close_id)
);

CREATE TABLE push (
  tenant_id uuid NOT NULL,
  identifier text COLLATE "C" NOT NULL,
  lane_id uuid NOT NULL,
  sequence integer NOT NULL,
  kind text NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  hour timestamp with time zone,
  value numeric NOT NULL,
  "timestamp" timestamp with time zone NOT NULL,
  minute timestamp with time zone NOT NULL DEFAULT date_bin('00:01:00'::interval, "timestamp", '2000-01-01 00:00:00+00'::timestamp with time zone),
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  stripe_customer_id text COLLATE "C" NOT NULL,
  event_name text COLLATE "C" NOT NULL,
  customer_key text NOT NULL,
  value_key text NOT NULL,
  formula text NOT NULL,
  event_time_window text,
  purpose text NOT NULL DEFAULT 'usage'::text,
  closes boolean NOT NULL DEFAULT false,
  of_closed boolean NOT NULL DEFAULT false,
  finalizes_at timestamp with time zone NOT NULL,
  transition_no integer NOT NULL,
  status text NOT NULL,
  reason text,
  settled_by text,
  target text,
  key_no integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  unknown_attempts integer NOT NULL DEFAULT 0,
  first_attempt_at timestamp with time zone,
  clock_offset_micros bigint,
  last_attempt_at timestamp with time zone,
  delivered_at timestamp with time zone,
  next_attempt_at timestamp with time zone,
  due_hour timestamp with time zone DEFAULT date_bin('01:00:00'::interval, next_attempt_at, '2000-01-01 00:00:00+00'::timestamp with time zone),
  lease_until timestamp with time zone,
  fence bigint NOT NULL DEFAULT 0,
  last_error text,
  replaced boolean NOT NULL DEFAULT false,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT push_attempts_check CHECK ((((attempts > 0) = (first_attempt_at IS NOT NULL)) AND ((attempts > 0) OR (purpose = 'restored'::text) OR (status = ANY (ARRAY['pending'::text, 'shadow'::text, 'rejected'::text, 'delivered'::text]))))),
  CONSTRAINT push_delivered_check CHECK (((status <> ALL (ARRAY['delivered'::text, 'confirmed'::text, 'disputed'::text])) OR ((settled_by IS NOT NULL) AND (delivered_at IS NOT NULL)))),
  CONSTRAINT push_identifier_check CHECK (((length(identifier) >= 1) AND (length(identifier) <= 100))),
  CONSTRAINT push_kind_check CHECK ((kind = ANY (ARRAY['delta'::text, 'total'::text]))),
  CONSTRAINT push_lane_id_sequence_key UNIQUE (tenant_id, lane_id, sequence),
  CONSTRAINT push_pending_check CHECK (((status <> 'pending'::text) OR (unknown_attempts = 0))),
  CONSTRAINT push_pkey PRIMARY KEY (tenant_id, identifier),
  CONSTRAINT push_purpose_check CHECK ((purpose = ANY (ARRAY['usage'::text, 'repair'::text, 'restored'::text]))),
  CONSTRAINT push_rejected_check CHECK (((status <> 'rejected'::text) OR ((settled_by IS NOT NULL) AND ((unknown_attempts = 0) OR (settled_by <> 'answer'::text))))),
  CONSTRAINT push_sending_check CHECK (((status = 'sending'::text) = (lease_until IS NOT NULL))),
  CONSTRAINT push_settled_by_check CHECK ((settled_by = ANY (ARRAY['answer'::text, 'reading'::text, 'resolution'::text, 'withdrawal'::text]))),
  CONSTRAINT push_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'sending'::text, 'unknown'::text, 'delivered'::text, 'confirmed'::text, 'disputed'::text, 'rejected'::text, 'shadow'::text]))),
  CONSTRAINT push_timestamp_check CHECK ((date_bin('00:00:01'::interval, "timestamp", '2000-01-01 00:00:00+00'::timestamp with time zone) = "timestamp")),
  CONSTRAINT push_transition_fkey FOREIGN KEY (tenant_id, identifier, transition_no, status) REFERENCES push_transition(tenant_id, identifier, transition_no, to_status)
);

CREATE TABLE push_hold (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  reason text NOT NULL,
  identifier text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  value numeric NOT NULL,
  detail text,
  held_since timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT push_hold_identifier_key UNIQUE (tenant_id, identifier),
  CONSTRAINT push_hold_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start, reason)
);

CREATE TABLE push_lane (
  tenant_id uuid NOT NULL,
  lane_id uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  stripe_meter_id text COLLATE "C" NOT NULL,
  stripe_customer_id text COLLATE "C" NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  last_sequence integer NOT NULL DEFAULT 0,
  parked_code text,
  parked_at timestamp with time zone,
  active boolean NOT NULL DEFAULT false,
  outdated boolean NOT NULL DEFAULT false,
  dormant boolean NOT NULL DEFAULT false,
  superseded boolean NOT NULL DEFAULT (outdated OR dormant),
  CONSTRAINT push_lane_key UNIQUE (tenant_id, customer_no, meter_no, period_start, account_id, livemode, stripe_meter_id, stripe_customer_id),
  CONSTRAINT push_lane_parked_at_check CHECK (((parked_code IS NULL) = (parked_at IS NULL))),
  CONSTRAINT push_lane_pkey PRIMARY KEY (tenant_id, lane_id)
);

CREATE TABLE push_reading (
  tenant_id uuid NOT NULL,
  identifier text COLLATE "C" NOT NULL,
  cause text NOT NULL,
  code text,
  next_read_at timestamp with time zone NOT NULL,
  reads integer NOT NULL DEFAULT 0,
  value numeric,
  agreed_since timestamp with time zone,
  last_read_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT push_reading_cause_check CHECK ((cause = ANY (ARRAY['unknown'::text, 'disputed'::text, 'reported'::text, 'drift'::text]))),
  CONSTRAINT push_reading_fkey FOREIGN KEY (tenant_id, identifier) REFERENCES push(tenant_id, identifier),
  CONSTRAINT push_reading_pkey PRIMARY KEY (tenant_id, identifier),
  CONSTRAINT push_reading_value_check CHECK (((value IS NULL) = (agreed_since IS NULL)))
);

CREATE TABLE push_transition (
  tenant_id uuid NOT NULL,
  identifier text COLLATE "C" NOT NULL,
  transition_no integer NOT NULL,
  previous_no integer DEFAULT NULLIF((transition_no - 1), 0),
  from_status text,
  to_status text NOT NULL,
  reason text,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT push_transition_first_check CHECK (((transition_no > 0) AND ((transition_no = 1) = (from_status IS NULL)))),
  CONSTRAINT push_transition_pkey PRIMARY KEY (tenant_id, identifier, transition_no),
  CONSTRAINT push_transition_previous_fkey FOREIGN KEY (tenant_id, identifier, previous_no, from_status) REFERENCES push_transition(tenant_id, identifier, transition_no, to_status),
  CONSTRAINT push_transition_reason_check CHECK (((reason IS NOT NULL) OR (from_status IS NULL) OR (from_status = ANY (ARRAY['pending'::text, 'sending'::text])) OR ((from_status = 'unknown'::text) AND (to_status = 'sending'::text)))),
  CONSTRAINT push_transition_to_status_key UNIQUE (tenant_id, identifier, transition_no, to_status),
  CONSTRAINT push_transition_way_check CHECK (
CASE COALESCE(from_status, 'none'::text)
    WHEN 'none'::text THEN (to_status = ANY (ARRAY['pending'::text, 'shadow'::text, 'delivered'::text]))
    WHEN 'pending'::text THEN (to_status = ANY (ARRAY['sending'::text, 'rejected'::text]))
    WHEN 'sending'::text THEN (to_status = ANY (ARRAY['pending'::text, 'unknown'::text, 'delivered'::text, 'rejected'::text]))
    WHEN 'unknown'::text THEN (to_status = ANY (ARRAY['sending'::text, 'delivered'::text, 'rejected'::text]))
    WHEN 'delivered'::text THEN (to_status = ANY (ARRAY['confirmed'::text, 'disputed'::text]))
    WHEN 'confirmed'::text THEN (to_status = 'disputed'::text)
    WHEN 'disputed'::text THEN (to_status = ANY (ARRAY['delivered'::text, 'confirmed'::text, 'rejected'::text]))
    WHEN 'rejected'::text THEN (to_status = 'delivered'::text)
    ELSE false
END)
);

CREATE TABLE push_unplanned (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  CONSTRAINT push_unplanned_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start)
);

CREATE TABLE push_work (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  closed boolean NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT push_work_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start)
);

CREATE TABLE quarantine_tally (
  tenant_id uuid NOT NULL,
  events bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  dropped bigint NOT NULL DEFAULT 0,
  CONSTRAINT quarantine_tally_check CHECK (((events >= 0) AND (bytes >= 0) AND (dropped >= 0))),
  CONSTRAINT quarantine_tally_pkey PRIMARY KEY (tenant_id)
);

CREATE TABLE quarantined_event (
  tenant_id uuid NOT NULL,
  quarantined_event_id uuid NOT NULL,
  usage_event_id text COLLATE "C" NOT NULL,
  source text COLLATE "C",
  customer_id text COLLATE "C",
  meter text COLLATE "C",
  shape text COLLATE "C" NOT NULL,
  historical boolean NOT NULL,
  event json,
  event_bytes integer NOT NULL,
  code text COLLATE "C" NOT NULL,
  errors json NOT NULL,
  fields json,
  seen bigint NOT NULL,
  first_seen_at timestamp with time zone NOT NULL,
  last_seen_at timestamp with time zone NOT NULL,
  replayed_at timestamp with time zone,
  CONSTRAINT quarantined_event_pkey PRIMARY KEY (tenant_id, quarantined_event_id),
  CONSTRAINT quarantined_event_seen_check CHECK (((seen > 0) AND (last_seen_at >= first_seen_at))),
  CONSTRAINT quarantined_event_shape_check CHECK ((shape = ANY (ARRAY['usage_event'::text, 'cloud_event'::text])))
);

CREATE TABLE reconciliation (
  tenant_id uuid NOT NULL,
  reconciliation_id uuid NOT NULL,
  cause text NOT NULL,
  slot bigint,
  customer_no bigint,
  meter_no integer,
  period_start timestamp with time zone,
  lanes integer NOT NULL,
  lease_until timestamp with time zone,
  fence bigint NOT NULL DEFAULT 0,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamp with time zone,
  repaired_at timestamp with time zone,
  repair jsonb,
  CONSTRAINT reconciliation_cause_check CHECK ((cause = ANY (ARRAY['request'::text, 'close'::text, 'sample'::text]))),
  CONSTRAINT reconciliation_pkey PRIMARY KEY (tenant_id, reconciliation_id),
  CONSTRAINT reconciliation_repair_check CHECK (((repaired_at IS NULL) = (repair IS NULL))),
  CONSTRAINT reconciliation_slot_key UNIQUE (tenant_id, cause, slot)
);

CREATE TABLE reconciliation_lane (
  tenant_id uuid NOT NULL,
  reconciliation_id uuid NOT NULL,
  lane_no integer NOT NULL,
  lane_id uuid NOT NULL,
  period_end timestamp with time zone NOT NULL,
  verdict text,
  why text,
  ours numeric,
  unsettled numeric,
  stripe numeric,
  drift numeric,
  hours jsonb,
  differences jsonb,
  invoice jsonb,
  state text,
  read_at timestamp with time zone,
  CONSTRAINT reconciliation_lane_fkey FOREIGN KEY (tenant_id, reconciliation_id) REFERENCES reconciliation(tenant_id, reconciliation_id),
  CONSTRAINT reconciliation_lane_pkey PRIMARY KEY (tenant_id, reconciliation_id, lane_no),
  CONSTRAINT reconciliation_lane_read_check CHECK ((((verdict IS NULL) = (read_at IS NULL)) AND ((verdict IS NULL) OR ((verdict = 'unreadable'::text) = (why IS NOT NULL))))),
  CONSTRAINT reconciliation_lane_verdict_check CHECK ((verdict = ANY (ARRAY['matched'::text, 'lagging'::text, 'drift'::text, 'unreadable'::text])))
);

CREATE TABLE replay (
  tenant_id uuid NOT NULL,
  replay_id uuid NOT NULL,
  mode text NOT NULL,
  reverts uuid,
  by_command boolean NOT NULL,
  customer_no bigint,
  from_at timestamp with time zone,
  to_at timestamp with time zone,
  phase text NOT NULL,
  "position" jsonb,
  periods bigint NOT NULL,
  checked_periods bigint NOT NULL DEFAULT 0,
  checked_statements bigint NOT NULL DEFAULT 0,
  checked_entries bigint NOT NULL DEFAULT 0,
  checked_totals bigint NOT NULL DEFAULT 0,
  checked_keys bigint NOT NULL DEFAULT 0,
  differences bigint NOT NULL DEFAULT 0,
  changes bigint NOT NULL DEFAULT 0,
  fence bigint NOT NULL DEFAULT 0,
  lease_until timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  finished_at timestamp with time zone,
  CONSTRAINT replay_mode_check CHECK ((mode = ANY (ARRAY['verify'::text, 'apply'::text, 'revert'::text]))),
  CONSTRAINT replay_phase_check CHECK ((phase = ANY (ARRAY['periods'::text, 'registry'::text, 'changes'::text, 'done'::text]))),
  CONSTRAINT replay_pkey PRIMARY KEY (tenant_id, replay_id),
  CONSTRAINT replay_reverts_check CHECK (((mode = 'revert'::text) = (reverts IS NOT NULL))),
  CONSTRAINT replay_reverts_key UNIQUE (tenant_id, reverts)
);

CREATE TABLE replay_change (
  tenant_id uuid NOT NULL,
  replay_id uuid NOT NULL,
  change_no bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  origin_start timestamp with time zone,
  revision integer NOT NULL,
  billable boolean NOT NULL,
  bucket timestamp with time zone NOT NULL,
  dimensions text COLLATE "C" NOT NULL,
  unique_key uuid,
  before jsonb,
  after jsonb,
  CONSTRAINT replay_change_pkey PRIMARY KEY (tenant_id, replay_id, change_no),
  CONSTRAINT replay_change_unique_key_check CHECK (((unique_key IS NULL) = (origin_start IS NOT NULL)))
);

CREATE TABLE replay_difference (
  tenant_id uuid NOT NULL,
  replay_id uuid NOT NULL,
  difference_no integer NOT NULL,
  kind text NOT NULL,
  customer_no bigint,
  meter_no integer,
  period_start timestamp with time zone,
  place jsonb NOT NULL,
  ledger jsonb,
  stored jsonb,
  mended boolean NOT NULL,
  CONSTRAINT replay_difference_pkey PRIMARY KEY (tenant_id, replay_id, difference_no)
);

CREATE TABLE retained_month (
  month timestamp with time zone NOT NULL,
  state text NOT NULL,
  wants_file boolean NOT NULL,
  events bigint,
  entries bigint,
  file text,
  sha256 text,
  sealed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  dropped_at timestamp with time zone,
  CONSTRAINT retained_month_counts_check CHECK ((num_nulls(events, entries) =
CASE state
    WHEN 'sealed'::text THEN 2
    ELSE 0
END)),
  CONSTRAINT retained_month_dropped_at_check CHECK (((state = 'dropped'::text) = (dropped_at IS NOT NULL))),
  CONSTRAINT retained_month_file_check CHECK (((num_nulls(file, sha256) = ANY (ARRAY[0, 2])) AND ((state <> 'dropped'::text) OR (NOT wants_file) OR (file IS NOT NULL)))),
  CONSTRAINT retained_month_pkey PRIMARY KEY (month),
  CONSTRAINT retained_month_state_check CHECK ((state = ANY (ARRAY['sealed'::text, 'written'::text, 'detached'::text, 'dropped'::text])))
);

CREATE TABLE stripe_account (
  tenant_id uuid NOT NULL,
  version uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  connected_account text COLLATE "C",
  secret_key text NOT NULL,
  secret_key_last4 text NOT NULL,
  webhook_secrets text NOT NULL,
  webhook_secret_count integer NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  CONSTRAINT stripe_account_connected_account_check CHECK (((connected_account IS NULL) OR (connected_account = account_id))),
  CONSTRAINT stripe_account_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT stripe_account_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant(tenant_id)
);

CREATE TABLE stripe_account_identity (
  tenant_id uuid NOT NULL,
  key_digest bytea NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT stripe_account_identity_pkey PRIMARY KEY (tenant_id, key_digest)
);

CREATE TABLE stripe_event (
  tenant_id uuid NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  object_id text COLLATE "C",
  livemode boolean NOT NULL,
  account_id text COLLATE "C",
  event_at timestamp with time zone,
  received_at timestamp with time zone NOT NULL,
  body text NOT NULL,
  outcome text NOT NULL,
  effects jsonb NOT NULL,
  fetched json,
  attempts integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  last_error text,
  next_attempt_at timestamp with time zone,
  give_up_at timestamp with time zone NOT NULL,
  lease_until timestamp with time zone,
  fence bigint NOT NULL DEFAULT 0,
  settled_at timestamp with time zone,
  CONSTRAINT stripe_event_event_id_check CHECK (((length(event_id) >= 1) AND (length(event_id) <= 255))),
  CONSTRAINT stripe_event_next_attempt_at_check CHECK (((next_attempt_at IS NOT NULL) = (outcome = ANY (ARRAY['pending'::text, 'waiting'::text, 'failed'::text])))),
  CONSTRAINT stripe_event_outcome_check CHECK ((outcome = ANY (ARRAY['pending'::text, 'done'::text, 'ignored'::text, 'waiting'::text, 'failed'::text, 'dead'::text]))),
  CONSTRAINT stripe_event_pkey PRIMARY KEY (tenant_id, event_id),
  CONSTRAINT stripe_event_settled_at_check CHECK (((settled_at IS NULL) = (outcome = ANY (ARRAY['pending'::text, 'waiting'::text, 'failed'::text]))))
);

CREATE TABLE stripe_invoice (
  tenant_id uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  invoice_id text COLLATE "C" NOT NULL,
  status text NOT NULL,
  finalizes_at timestamp with time zone,
  finalized_at timestamp with time zone,
  made_at timestamp with time zone NOT NULL,
  CONSTRAINT stripe_invoice_pkey PRIMARY KEY (tenant_id, account_id, livemode, invoice_id),
  CONSTRAINT stripe_invoice_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'open'::text, 'paid'::text, 'uncollectible'::text, 'void'::text, 'deleted'::text])))
);

CREATE TABLE stripe_meter (
  tenant_id uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  event_name text COLLATE "C" NOT NULL,
  stripe_meter_id text COLLATE "C" NOT NULL,
  formula text NOT NULL,
  status text NOT NULL,
  event_time_window text,
  customer_key text NOT NULL,
  value_key text NOT NULL,
  read_at timestamp with time zone NOT NULL,
  CONSTRAINT stripe_meter_pkey PRIMARY KEY (tenant_id, account_id, livemode, event_name)
);

CREATE TABLE stripe_pace (
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  leased_until timestamp with time zone NOT NULL,
  slowed_to numeric,
  slowed_at timestamp with time zone,
  CONSTRAINT stripe_pace_pkey PRIMARY KEY (account_id, livemode),
  CONSTRAINT stripe_pace_slowed_check CHECK (((slowed_to IS NULL) = (slowed_at IS NULL)))
);

CREATE TABLE stripe_reads (
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  month timestamp with time zone NOT NULL,
  reads integer NOT NULL,
  last_turn_at timestamp with time zone NOT NULL,
  CONSTRAINT stripe_reads_pkey PRIMARY KEY (account_id, livemode, month)
);

CREATE TABLE subscription_item (
  tenant_id uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  item_id text COLLATE "C" NOT NULL,
  stripe_meter_id text COLLATE "C" NOT NULL,
  subscription_id text COLLATE "C" NOT NULL,
  stripe_customer_id text COLLATE "C" NOT NULL,
  event_name text COLLATE "C",
  starts_at timestamp with time zone NOT NULL,
  ends_at timestamp with time zone,
  live boolean NOT NULL,
  "interval" text NOT NULL,
  interval_count integer NOT NULL,
  anchor timestamp with time zone NOT NULL,
  CONSTRAINT subscription_item_pkey PRIMARY KEY (tenant_id, account_id, livemode, item_id, stripe_meter_id)
);

CREATE TABLE subscription_reading (
  tenant_id uuid NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  livemode boolean NOT NULL,
  stripe_customer_id text COLLATE "C" NOT NULL,
  version integer NOT NULL DEFAULT 0,
  read_at timestamp with time zone,
  next_read_at timestamp with time zone,
  invoices_read_at timestamp with time zone,
  next_invoices_at timestamp with time zone,
  deleted_at timestamp with time zone,
  CONSTRAINT subscription_reading_pkey PRIMARY KEY (tenant_id, account_id, livemode, stripe_customer_id)
);

CREATE TABLE tenant (
  tenant_id uuid NOT NULL DEFAULT gen_random_uuid(),
  tenant_no integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  name text COLLATE "C" NOT NULL,
  gate_version bigint NOT NULL DEFAULT 1,
  closed_through timestamp with time zone NOT NULL DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone,
  clock_closed_through timestamp with time zone NOT NULL DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone,
  clock_offset_micros bigint NOT NULL DEFAULT 0,
  hash_key bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT tenant_hash_key_check CHECK ((octet_length(hash_key) = 32)),
  CONSTRAINT tenant_name_check CHECK (((length(name) >= 1) AND (length(name) <= 255))),
  CONSTRAINT tenant_name_key UNIQUE (name),
  CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT tenant_tenant_no_key UNIQUE (tenant_no)
);

CREATE TABLE usage_checkpoint (
  tenant_id uuid NOT NULL,
  month timestamp with time zone NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  origin_start timestamp with time zone NOT NULL,
  revision integer NOT NULL,
  billable boolean NOT NULL,
  bucket timestamp with time zone NOT NULL,
  dimensions text COLLATE "C" NOT NULL,
  quantity_sum numeric NOT NULL,
  quantity_max numeric,
  entry_count bigint NOT NULL,
  last_quantity numeric,
  last_at timestamp with time zone,
  last_key uuid,
  digest numeric NOT NULL
);

CREATE TABLE usage_checkpoint_member (
  tenant_id uuid NOT NULL,
  month timestamp with time zone NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  revision integer NOT NULL,
  billable boolean NOT NULL,
  bucket timestamp with time zone NOT NULL,
  dimensions text COLLATE "C" NOT NULL,
  unique_key uuid NOT NULL
);

CREATE TABLE usage_delta (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  origin_start timestamp with time zone NOT NULL,
  revision integer NOT NULL,
  billable boolean NOT NULL,
  bucket timestamp with time zone NOT NULL,
  dimensions text COLLATE "C" NOT NULL,
  quantity_sum numeric NOT NULL,
  quantity_max numeric,
  entry_count bigint NOT NULL,
  last_quantity numeric,
  last_at timestamp with time zone,
  last_key uuid,
  digest numeric NOT NULL
);

CREATE TABLE usage_entry (
  tenant_id uuid NOT NULL,
  event_key uuid NOT NULL,
  meter_no integer NOT NULL,
  is_void boolean NOT NULL DEFAULT false,
  entry_no smallint NOT NULL,
  customer_no bigint NOT NULL,
  kind text NOT NULL,
  quantity numeric(27,12) NOT NULL,
  occurred_at timestamp with time zone NOT NULL,
  received_at timestamp with time zone NOT NULL,
  period_start timestamp with time zone NOT NULL,
  origin_start timestamp with time zone NOT NULL,
  revision integer NOT NULL,
  late boolean NOT NULL,
  billable boolean NOT NULL,
  settings_version integer NOT NULL,
  dimensions text COLLATE "C" NOT NULL,
  unique_key uuid,
  CONSTRAINT usage_entry_kind_check CHECK (
CASE kind
    WHEN 'usage'::text THEN (NOT is_void)
    WHEN 'void'::text THEN is_void
    ELSE (kind = 'moved'::text)
END),
  CONSTRAINT usage_entry_pkey PRIMARY KEY (tenant_id, received_at, event_key, meter_no, is_void, entry_no),
  CONSTRAINT usage_entry_quantity_check CHECK ((quantity <> 'NaN'::numeric))
) PARTITION BY RANGE (received_at);

CREATE TABLE usage_event (
  tenant_id uuid NOT NULL,
  event_key uuid NOT NULL,
  source text COLLATE "C",
  usage_event_id text COLLATE "C",
  customer_id text COLLATE "C",
  customer_no bigint NOT NULL,
  meter text COLLATE "C" NOT NULL,
  quantity numeric(27,12),
  occurred_at timestamp with time zone NOT NULL,
  occurred_at_sent boolean NOT NULL,
  properties json,
  received_at timestamp with time zone NOT NULL,
  CONSTRAINT usage_event_erased_check CHECK (((num_nulls(source, usage_event_id, customer_id) = ANY (ARRAY[0, 3])) AND ((usage_event_id IS NOT NULL) OR (properties IS NULL)))),
  CONSTRAINT usage_event_occurred_at_check CHECK (isfinite(occurred_at)),
  CONSTRAINT usage_event_pkey PRIMARY KEY (tenant_id, received_at, event_key),
  CONSTRAINT usage_event_quantity_check CHECK ((quantity <> 'NaN'::numeric)),
  CONSTRAINT usage_event_source_check CHECK ((length(source) <= 255)),
  CONSTRAINT usage_event_usage_event_id_check CHECK (((length(usage_event_id) >= 1) AND (length(usage_event_id) <= 255)))
) PARTITION BY RANGE (received_at);

CREATE TABLE usage_event_copy (
  tenant_id uuid NOT NULL,
  event_key uuid NOT NULL,
  copies bigint NOT NULL,
  last_seen_at timestamp with time zone NOT NULL,
  CONSTRAINT usage_event_copy_pkey PRIMARY KEY (tenant_id, event_key)
);

CREATE TABLE usage_event_key (
  tenant_id uuid NOT NULL,
  event_key uuid NOT NULL,
  fingerprint bytea NOT NULL,
  received_at timestamp with time zone NOT NULL,
  CONSTRAINT usage_event_key_fingerprint_check CHECK ((octet_length(fingerprint) = 16)),
  CONSTRAINT usage_event_key_pkey PRIMARY KEY (tenant_id, event_key)
) PARTITION BY HASH (tenant_id);

CREATE TABLE usage_total (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  origin_start timestamp with time zone NOT NULL,
  revision integer NOT NULL,
  billable boolean NOT NULL,
  bucket timestamp with time zone NOT NULL,
  dimensions text COLLATE "C" NOT NULL,
  quantity_sum numeric NOT NULL,
  quantity_max numeric,
  entry_count bigint NOT NULL,
  last_quantity numeric,
  last_at timestamp with time zone,
  last_key uuid,
  digest numeric NOT NULL,
  CONSTRAINT usage_total_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start, origin_start, revision, billable, bucket, dimensions)
);

CREATE TABLE usage_unique (
  tenant_id uuid NOT NULL,
  customer_no bigint NOT NULL,
  meter_no integer NOT NULL,
  period_start timestamp with time zone NOT NULL,
  revision integer NOT NULL,
  billable boolean NOT NULL,
  bucket timestamp with time zone NOT NULL,
  dimensions text COLLATE "C" NOT NULL,
  unique_key uuid NOT NULL,
  CONSTRAINT usage_unique_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start, revision, billable, bucket, dimensions, unique_key)
);

CREATE TABLE usage_void (
  tenant_id uuid NOT NULL,
  event_key uuid NOT NULL,
  reason text NOT NULL,
  voided_at timestamp with time zone NOT NULL,
  effects json NOT NULL,
  replacement_key uuid,
  replacement_status text,
  bulk_void_id uuid,
  CONSTRAINT usage_void_pkey PRIMARY KEY (tenant_id, event_key),
  CONSTRAINT usage_void_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000))),
  CONSTRAINT usage_void_replacement_check CHECK (((replacement_key IS NULL) = (replacement_status IS NULL))),
  CONSTRAINT usage_void_replacement_status_check CHECK ((replacement_status = ANY (ARRAY['accepted'::text, 'duplicate'::text])))
);

CREATE INDEX amendment_due_idx ON public.amendment_due USING btree (tenant_id, due_at);

CREATE INDEX approval_created_at_idx ON public.approval USING btree (tenant_id, created_at, approval_id);

CREATE UNIQUE INDEX approval_open_key ON public.approval USING btree (tenant_id, key_line, route, request_hash, idempotency_key) WHERE (state = ANY (ARRAY['requested'::text, 'approved'::text]));

CREATE INDEX audit_entry_action_idx ON public.audit_entry USING btree (tenant_id, action, sequence);

CREATE INDEX audit_entry_subject_idx ON public.audit_entry USING btree (tenant_id, subject, sequence) WHERE (subject IS NOT NULL);

CREATE INDEX billing_period_due_idx ON public.billing_period USING btree (tenant_id, period_end, customer_no, meter_no) WHERE (closed_at IS NULL);

CREATE INDEX bulk_void_running_idx ON public.bulk_void USING btree (tenant_id, created_at) WHERE (finished_at IS NULL);

CREATE INDEX command_answer_created_at_idx ON public.command_answer USING btree (tenant_id, created_at);

CREATE INDEX customer_identity_customer_no_idx ON public.customer_identity USING btree (tenant_id, customer_no);

CREATE UNIQUE INDEX erasure_running_key ON public.erasure USING btree (tenant_id, customer_no) WHERE (finished_at IS NULL);

CREATE INDEX invoice_period_invoice_idx ON public.invoice_period USING btree (tenant_id, account_id, livemode, invoice_id);

CREATE INDEX period_amendment_unwritten_idx ON public.period_amendment USING btree (tenant_id, sealed_at) WHERE (created_at IS NULL);

CREATE INDEX period_close_running_idx ON public.period_close USING btree (tenant_id, closed_at) WHERE (finished_at IS NULL);

CREATE INDEX push_due_idx ON public.push USING btree (tenant_id, next_attempt_at) WHERE ((status = ANY (ARRAY['pending'::text, 'unknown'::text])) AND (next_attempt_at IS NOT NULL));

CREATE UNIQUE INDEX push_in_flight_key ON public.push USING btree (account_id, livemode, stripe_customer_id, event_name) WHERE (status = 'sending'::text);

CREATE INDEX push_lease_idx ON public.push USING btree (tenant_id, lease_until) WHERE (status = 'sending'::text);

CREATE UNIQUE INDEX push_minute_key ON public.push USING btree (tenant_id, account_id, livemode, stripe_customer_id, event_name, minute) WHERE ((kind = 'delta'::text) AND (status <> 'shadow'::text));

CREATE INDEX push_order_idx ON public.push USING btree (tenant_id, account_id, livemode, of_closed, finalizes_at, due_hour, stripe_customer_id, event_name, next_attempt_at, sequence) WHERE ((status = ANY (ARRAY['pending'::text, 'unknown'::text])) AND (next_attempt_at IS NOT NULL));

CREATE INDEX push_period_idx ON public.push USING btree (tenant_id, customer_no, meter_no, period_start);

CREATE INDEX push_rejected_idx ON public.push USING btree (tenant_id) WHERE ((status = 'rejected'::text) AND (NOT replaced));

CREATE UNIQUE INDEX push_total_timestamp_key ON public.push USING btree (tenant_id, account_id, livemode, stripe_customer_id, event_name, "timestamp") WHERE ((kind = 'total'::text) AND (status <> 'shadow'::text));

CREATE INDEX push_unknown_idx ON public.push USING btree (tenant_id, first_attempt_at) WHERE (status = 'unknown'::text);

CREATE INDEX push_reading_due_idx ON public.push_reading USING btree (tenant_id, next_read_at);

CREATE INDEX push_work_order_idx ON public.push_work USING btree (tenant_id, closed DESC, created_at);

CREATE INDEX quarantined_event_first_seen_idx ON public.quarantined_event USING btree (tenant_id, first_seen_at, quarantined_event_id);

CREATE INDEX reconciliation_running_idx ON public.reconciliation USING btree (tenant_id, created_at) WHERE (finished_at IS NULL);

CREATE INDEX reconciliation_lane_lane_id_idx ON public.reconciliation_lane USING btree (tenant_id, lane_id, read_at);

CREATE INDEX replay_unfinished_idx ON public.replay USING btree (tenant_id, created_at) WHERE (finished_at IS NULL);

CREATE INDEX stripe_event_dead_idx ON public.stripe_event USING btree (tenant_id) WHERE (outcome = 'dead'::text);

CREATE INDEX stripe_event_due_idx ON public.stripe_event USING btree (tenant_id, next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

CREATE INDEX stripe_event_list_idx ON public.stripe_event USING btree (tenant_id, received_at, event_id);

CREATE INDEX subscription_item_customer_idx ON public.subscription_item USING btree (tenant_id, stripe_customer_id, event_name);

CREATE INDEX subscription_reading_customer_idx ON public.subscription_reading USING btree (tenant_id, stripe_customer_id);

CREATE INDEX subscription_reading_invoices_idx ON public.subscription_reading USING btree (tenant_id, next_invoices_at) WHERE (next_invoices_at IS NOT NULL);

CREATE INDEX usage_checkpoint_period_idx ON public.usage_checkpoint USING btree (tenant_id, customer_no, meter_no, period_start);

CREATE INDEX usage_checkpoint_member_period_idx ON public.usage_checkpoint_member USING btree (tenant_id, customer_no, meter_no, period_start);

CREATE INDEX usage_delta_period_idx ON public.usage_delta USING btree (tenant_id, customer_no, meter_no);

CREATE INDEX usage_entry_late_void_idx ON ONLY public.usage_entry USING btree (tenant_id, meter_no, customer_no, period_start) WHERE (is_void AND (revision > 0));

CREATE INDEX usage_entry_later_idx ON ONLY public.usage_entry USING btree (tenant_id, event_key) WHERE (is_void OR (entry_no > 0));

CREATE INDEX usage_entry_period_idx ON ONLY public.usage_entry USING btree (tenant_id, customer_no, meter_no, period_start);

CREATE INDEX usage_event_customer_no_idx ON ONLY public.usage_event USING btree (tenant_id, customer_no, occurred_at, event_key);

CREATE INDEX usage_total_bucket_idx ON public.usage_total USING btree (tenant_id, meter_no, bucket);

CREATE INDEX usage_void_bulk_idx ON public.usage_void USING btree (tenant_id, bulk_void_id) WHERE (bulk_void_id IS NOT NULL);

CREATE OR REPLACE FUNCTION public.entry_digest(event_key uuid, meter_key text, period_start timestamp with time zone, quantity numeric, is_void boolean)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
        SELECT sum((('x' || substr(h.hex, 8 * i - 7, 8))::bit(32)::bigint)::numeric
                   * (ARRAY[
                   26959946667150639794667015087019630673637144422540572481103610249216,
                   6277101735386680763835789423207666416102355444464034512896,
                   1461501637330902918203684832716283019655932542976,
                   340282366920938463463374607431768211456,
                   79228162514264337593543950336,
                   18446744073709551616,
                   4294967296,
                   1]::numeric[])[i])
          FROM (SELECT encode(public.entry_hash(event_key, meter_key, period_start, quantity, is_void),
                              'hex') AS hex) AS h
         CROSS JOIN generate_series(1, 8) AS i
      $function$;

CREATE OR REPLACE FUNCTION public.entry_hash(event_key uuid, meter_key text, period_start timestamp with time zone, quantity numeric, is_void boolean)
 RETURNS bytea
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
        SELECT sha256(convert_to(
                 '["' || event_key || '","' || meter_key || '","'
                 || to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                 || '","' || trim_scale(quantity)::text || '","'
                 || CASE WHEN is_void THEN '1' ELSE '0' END || '"]', 'UTF8'))
      $function$;

CREATE OR REPLACE FUNCTION public.erase_audit_texts(erasing_tenant uuid, erasing_customer bigint, sequences bigint[])
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
      DECLARE
        own_sequence bigint := (public.running_erasure(erasing_tenant, erasing_customer)).audit_sequence;
        erased bigint;
      BEGIN
        UPDATE public.audit_entry a
           SET subject = NULL, reason = NULL, before = NULL, after = NULL, salt = NULL
         WHERE a.tenant_id = erasing_tenant AND a.sequence = ANY (sequences)
           AND a.sequence < own_sequence AND a.salt IS NOT NULL;
        GET DIAGNOSTICS erased = ROW_COUNT;
        RETURN erased;
      END $function$;

CREATE OR REPLACE FUNCTION public.erase_push_reasons(erasing_tenant uuid, erasing_customer bigint, identifiers text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
      BEGIN
        PERFORM public.running_erasure(erasing_tenant, erasing_customer);
        UPDATE public.push_transition t
           SET reason = '[erased]'
          FROM public.push p
         WHERE p.tenant_id = erasing_tenant AND p.identifier = ANY (identifiers)
           AND p.customer_no = erasing_customer
           AND t.tenant_id = erasing_tenant AND t.identifier = p.identifier
           AND t.reason !~ '^[a-z0-9_]+$';
      END $function$;

CREATE OR REPLACE FUNCTION public.erase_usage_texts(erasing_tenant uuid, erasing_customer bigint, event_keys uuid[])
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
      DECLARE
        own_key bytea := (public.running_erasure(erasing_tenant, erasing_customer)).hash_key;
        erased bigint;
      BEGIN
        UPDATE public.usage_entry e
           SET dimensions = public.erased_dimensions(e.dimensions, own_key)
          FROM public.usage_event_key k
         WHERE k.tenant_id = erasing_tenant AND k.event_key = ANY (event_keys)
           AND e.tenant_id = erasing_tenant AND e.event_key = k.event_key
           AND e.received_at = k.received_at
           AND e.customer_no = erasing_customer AND public.has_texts(e.dimensions);
        UPDATE public.usage_entry e
           SET dimensions = public.erased_dimensions(e.dimensions, own_key)
         WHERE e.tenant_id = erasing_tenant AND e.event_key = ANY (event_keys) AND e.is_void
           AND e.customer_no = erasing_customer AND public.has_texts(e.dimensions);
        UPDATE public.usage_void v
           SET reason = '[erased]'
          FROM public.usage_event_key k, public.usage_event e
         WHERE v.tenant_id = erasing_tenant AND v.event_key = ANY (event_keys)
           AND k.tenant_id = erasing_tenant AND k.event_key = v.event_key
           AND e.tenant_id = erasing_tenant AND e.event_key = k.event_key
           AND e.received_at = k.received_at
           AND e.customer_no = erasing_customer AND v.reason <> '[erased]';
        UPDATE public.usage_event e
           SET source = NULL, usage_event_id = NULL, customer_id = NULL, properties = NULL
          FROM public.usage_event_key k
         WHERE k.tenant_id = erasing_tenant AND k.event_key = ANY (event_keys)
           AND e.tenant_id = erasing_tenant AND e.event_key = k.event_key
           AND e.received_at = k.received_at
           AND e.customer_no = erasing_customer AND e.usage_event_id IS NOT NULL;
        GET DIAGNOSTICS erased = ROW_COUNT;
        RETURN erased;
      END $function$;

CREATE OR REPLACE FUNCTION public.erased_dimensions(dimensions text, hash_key bytea)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
        SELECT '[' || string_agg(CASE json_typeof(d.value) WHEN 'null' THEN 'null'
                 ELSE '"' || public.erased_text(d.value::text, hash_key) || '"' END,
                 ',' ORDER BY d.ordinality) || ']'
          FROM json_array_elements(dimensions::json) WITH ORDINALITY AS d
      $function$;

CREATE OR REPLACE FUNCTION public.erased_text(erasing text, hash_key bytea)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
        SELECT 'erased_' || left(encode(sha256(hash_key || convert_to(erasing, 'UTF8')), 'hex'), 24)
      $function$;

CREATE OR REPLACE FUNCTION public.has_texts(dimensions text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
        SELECT dimensions <> '[]' AND EXISTS (
          SELECT FROM json_array_elements_text(dimensions::json) d
           WHERE d.value !~ '^erased_[0-9a-f]{24}$')
      $function$;

CREATE OR REPLACE FUNCTION public.make_usage_month(book text, month_start timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET "TimeZone" TO 'UTC'
AS $function$
      DECLARE
        month text := book || to_char(month_start, '_YYYY_MM');
      BEGIN
        EXECUTE format(
          'CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)
             WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0,
                   autovacuum_vacuum_insert_threshold = 1000000)', month, book);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', month);
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON public.%I FROM %I', month, current_user);
        EXECUTE format(
          'CREATE TRIGGER %I BEFORE DELETE OR TRUNCATE ON public.%I
             FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()',
          month || '_append_only', month);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
          book, month, month_start, month_start + interval '1 month');
      END $function$;

CREATE OR REPLACE FUNCTION public.make_usage_months()
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
      DECLARE
        made bigint := 0;
        missing record;
      BEGIN
        PERFORM pg_advisory_xact_lock(1131376461, 0);
        FOR missing IN
          SELECT b.book, m.month_start
            FROM unnest(ARRAY['usage_event', 'usage_entry']) AS b (book)
           CROSS JOIN generate_series(date_trunc('month', clock_timestamp() - interval '1 day'),
                        date_trunc('month', clock_timestamp()) + interval '3 months',
                        interval '1 month') AS m (month_start)
           WHERE to_regclass('public.' || b.book || to_char(m.month_start, '_YYYY_MM')) IS NULL
           ORDER BY m.month_start, b.book DESC
        LOOP
          PERFORM public.make_usage_month(missing.book, missing.month_start);
          made := made + 1;
        END LOOP;
        RETURN made;
      END $function$;

CREATE OR REPLACE FUNCTION public.refuse_all_but_dimension_erasure()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        IF public.has_texts(OLD.dimensions) AND NOT public.has_texts(NEW.dimensions) THEN
          OLD.dimensions := NEW.dimensions;
          IF NEW::text = OLD::text THEN
            RETURN NEW;
          END IF;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $function$;

CREATE OR REPLACE FUNCTION public.refuse_all_but_erasure()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        OLD.subject := NULL;
        OLD.reason := NULL;
        OLD.before := NULL;
        OLD.after := NULL;
        OLD.salt := NULL;
        IF NEW::text = OLD::text THEN
          RETURN NEW;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $function$;

CREATE OR REPLACE FUNCTION public.refuse_all_but_event_erasure()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        OLD.source := NULL;
        OLD.usage_event_id := NULL;
        OLD.customer_id := NULL;
        OLD.properties := NULL;
        IF NEW::text = OLD::text THEN
          RETURN NEW;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $function$;

CREATE OR REPLACE FUNCTION public.refuse_all_but_reason_erasure()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        OLD.reason := '[erased]';
        IF NEW::text = OLD::text THEN
          RETURN NEW;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $function$;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $function$;

CREATE OR REPLACE FUNCTION public.refuse_statement_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      BEGIN
        RAISE EXCEPTION 'a closed billing period never changes' USING ERRCODE = 'restrict_violation';
      END $function$;

CREATE OR REPLACE FUNCTION public.running_erasure(erasing_tenant uuid, erasing_customer bigint)
 RETURNS erasure
 LANGUAGE plpgsql
 STABLE
AS $function$
      DECLARE
        running public.erasure;
      BEGIN
        SELECT e.* INTO running
          FROM public.erasure e
          JOIN public.customer c ON c.tenant_id = e.tenant_id AND c.customer_no = e.customer_no
           AND c.customer_id = e.pseudonym
          JOIN public.audit_entry a ON a.tenant_id = e.tenant_id AND a.sequence = e.audit_sequence
           AND a.action = 'customer.erased' AND a.subject = 'customer:' || e.pseudonym
         WHERE e.tenant_id = erasing_tenant AND e.customer_no = erasing_customer
           AND e.tenant_id = current_setting('countonce.tenant_id')::uuid
           AND e.finished_at IS NULL;
        IF running.hash_key IS NULL THEN
          RAISE EXCEPTION 'no erasure of this customer is under way'
            USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN running;
      END $function$;

CREATE TRIGGER audit_entry_append_only BEFORE DELETE OR TRUNCATE ON public.audit_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_entry_erasure_only BEFORE UPDATE ON public.audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure();

CREATE TRIGGER audit_head_append_only BEFORE DELETE OR TRUNCATE ON public.audit_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER billing_period_closed_for_ever BEFORE DELETE OR UPDATE ON public.billing_period FOR EACH ROW WHEN ((old.closed_at IS NOT NULL)) EXECUTE FUNCTION refuse_statement_change();

CREATE TRIGGER billing_period_never_truncated BEFORE TRUNCATE ON public.billing_period FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement_change();

CREATE TRIGGER period_amendment_never_truncated BEFORE TRUNCATE ON public.period_amendment FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement_change();

CREATE TRIGGER period_amendment_written_for_ever BEFORE DELETE OR UPDATE ON public.period_amendment FOR EACH ROW WHEN ((old.created_at IS NOT NULL)) EXECUTE FUNCTION refuse_statement_change();

CREATE TRIGGER usage_checkpoint_append_only BEFORE DELETE OR TRUNCATE ON public.usage_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER usage_checkpoint_erasure_only BEFORE UPDATE ON public.usage_checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();

CREATE TRIGGER usage_checkpoint_member_append_only BEFORE DELETE OR TRUNCATE ON public.usage_checkpoint_member FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER usage_checkpoint_member_erasure_only BEFORE UPDATE ON public.usage_checkpoint_member FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();

CREATE TRIGGER usage_entry_append_only BEFORE DELETE OR TRUNCATE ON public.usage_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER usage_entry_erasure_only BEFORE UPDATE ON public.usage_entry FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();

CREATE TRIGGER usage_event_append_only BEFORE DELETE OR TRUNCATE ON public.usage_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER usage_event_erasure_only BEFORE UPDATE ON public.usage_event FOR EACH ROW EXECUTE FUNCTION refuse_all_but_event_erasure();

CREATE TRIGGER usage_event_key_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.usage_event_key FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER usage_void_append_only BEFORE DELETE OR TRUNCATE ON public.usage_void FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER usage_void_erasure_only BEFORE UPDATE ON public.usage_void FOR EACH ROW EXECUTE FUNCTION refuse_all_but_reason_erasure();
