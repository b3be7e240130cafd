import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is owed to Stripe meters, what was sent, and what waits for what. */
export class CreatePushes1795200000005 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Which account a Stripe key (its SHA-256) was found to belong to. The first answer holds:
      -- pushes belong to an account, and under another name all would be sent again.
      CREATE TABLE stripe_account_identity (
        tenant_id   uuid        NOT NULL,
        key_digest  bytea       NOT NULL,
        account_id  text COLLATE "C" NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT stripe_account_identity_pkey PRIMARY KEY (tenant_id, key_digest)
      );

      -- What was last read of a Stripe meter.
      CREATE TABLE stripe_meter (
        tenant_id          uuid        NOT NULL,
        account_id         text COLLATE "C" NOT NULL,
        livemode           boolean     NOT NULL,
        event_name         text COLLATE "C" NOT NULL,
        stripe_meter_id    text COLLATE "C" NOT NULL,
        formula            text        NOT NULL,
        status             text        NOT NULL,
        event_time_window  text,
        customer_key       text        NOT NULL,
        value_key          text        NOT NULL,
        read_at            timestamptz NOT NULL,
        CONSTRAINT stripe_meter_pkey PRIMARY KEY (tenant_id, account_id, livemode, event_name)
      );

      -- How far ahead the calls to a Stripe account are given out to processes. Stripe's limits know
      -- nothing of our tenants.
      CREATE TABLE stripe_pace (
        account_id    text COLLATE "C" NOT NULL,
        livemode      boolean     NOT NULL,
        leased_until  timestamptz NOT NULL,
        -- To how many calls a second Stripe had it slowed down; it is sped up again from then on.
        slowed_to     numeric,
        slowed_at     timestamptz,
        CONSTRAINT stripe_pace_pkey PRIMARY KEY (account_id, livemode),
        CONSTRAINT stripe_pace_slowed_check CHECK ((slowed_to IS NULL) = (slowed_at IS NULL))
      );

      -- What was read of a Stripe account in a month: Stripe's allocation is counted by month.
      CREATE TABLE stripe_reads (
        account_id    text COLLATE "C" NOT NULL,
        livemode      boolean     NOT NULL,
        -- Its first instant, in UTC.
        month         timestamptz NOT NULL,
        reads         integer     NOT NULL,
        -- When the latest of them had its turn, or will have it.
        last_turn_at  timestamptz NOT NULL,
        CONSTRAINT stripe_reads_pkey PRIMARY KEY (account_id, livemode, month)
      );

      -- Billing periods whose pushes are to be planned anew.
      CREATE TABLE push_work (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        -- A close goes before what is pushed between times.
        closed        boolean     NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT push_work_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start)
      );
      CREATE INDEX push_work_order_idx ON push_work (tenant_id, closed DESC, created_at);

      -- Closed periods that were looked at while they were not pushed for real: planned again once
      -- they are, whatever was pushed of them before.
      CREATE TABLE push_unplanned (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        CONSTRAINT push_unplanned_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start)
      );

      -- Where pushes of one period go. Another account, mode, Stripe meter or Stripe customer is
      -- another lane.
      CREATE TABLE push_lane (
        tenant_id           uuid        NOT NULL,
        lane_id             uuid        NOT NULL,
        account_id          text COLLATE "C" NOT NULL,
        livemode            boolean     NOT NULL,
        stripe_meter_id     text COLLATE "C" NOT NULL,
        stripe_customer_id  text COLLATE "C" NOT NULL,
        customer_no         bigint      NOT NULL,
        meter_no            integer     NOT NULL,
        period_start        timestamptz NOT NULL,
        last_sequence       integer     NOT NULL DEFAULT 0,
        -- Stripe's code of the refusal that parked it, until the mapping or the meter changes.
        parked_code         text,
        parked_at           timestamptz,
        -- Pushes of its period go here now, and to no other lane.
        active              boolean     NOT NULL DEFAULT false,
        -- Another lane of its account and mode came after it, which is to get the whole period.
        outdated            boolean     NOT NULL DEFAULT false,
        -- Pushes go to another account or mode now.
        dormant             boolean     NOT NULL DEFAULT false,
        -- What it got is on record, but does not count: the active lane is to get it as well.
        superseded          boolean     NOT NULL GENERATED ALWAYS AS (outdated OR dormant) STORED,
        CONSTRAINT push_lane_pkey PRIMARY KEY (tenant_id, lane_id),
        CONSTRAINT push_lane_parked_at_check CHECK ((parked_code IS NULL) = (parked_at IS NULL)),
        CONSTRAINT push_lane_key UNIQUE (tenant_id, customer_no, meter_no, period_start, account_id,
          livemode, stripe_meter_id, stripe_customer_id)
      );

      -- Every change of a push's status. A row begins where the one before it ended, so none is
      -- skipped, and only the ways of docs/push-states.md can be taken.
      CREATE TABLE push_transition (
        tenant_id      uuid        NOT NULL,
        identifier     text COLLATE "C" NOT NULL,
        transition_no  integer     NOT NULL,
        previous_no    integer     GENERATED ALWAYS AS (NULLIF(transition_no - 1, 0)) STORED,
        from_status    text,
        to_status      text        NOT NULL,
        reason         text,
        at             timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT push_transition_pkey PRIMARY KEY (tenant_id, identifier, transition_no),
        CONSTRAINT push_transition_to_status_key
          UNIQUE (tenant_id, identifier, transition_no, to_status),
        CONSTRAINT push_transition_previous_fkey
          FOREIGN KEY (tenant_id, identifier, previous_no, from_status)
          REFERENCES push_transition (tenant_id, identifier, transition_no, to_status),
        CONSTRAINT push_transition_first_check
          CHECK (transition_no > 0 AND (transition_no = 1) = (from_status IS NULL)),
        CONSTRAINT push_transition_way_check CHECK (
          CASE coalesce(from_status, 'none')
            WHEN 'none' THEN to_status IN ('pending', 'shadow', 'delivered')
            WHEN 'pending' THEN to_status IN ('sending', 'rejected')
            WHEN 'sending' THEN to_status IN ('pending', 'unknown', 'delivered', 'rejected')
            WHEN 'unknown' THEN to_status IN ('sending', 'delivered', 'rejected')
            WHEN 'delivered' THEN to_status IN ('confirmed', 'disputed')
            WHEN 'confirmed' THEN to_status = 'disputed'
            WHEN 'disputed' THEN to_status IN ('delivered', 'confirmed', 'rejected')
            WHEN 'rejected' THEN to_status = 'delivered'
            ELSE false
          END),
        -- What settles without an answer says what it rests on.
        CONSTRAINT push_transition_reason_check CHECK (reason IS NOT NULL
          OR from_status IS NULL OR from_status IN ('pending', 'sending')
          OR (from_status = 'unknown' AND to_status = 'sending'))
      );

      CREATE TABLE push (
        tenant_id           uuid        NOT NULL,
        identifier          text COLLATE "C" NOT NULL,
        lane_id             uuid        NOT NULL,
        sequence            integer     NOT NULL,
        kind                text        NOT NULL,
        customer_no         bigint      NOT NULL,
        meter_no            integer     NOT NULL,
        period_start        timestamptz NOT NULL,
        -- The hour whose usage a delta carries; NULL where it carries the whole period's.
        hour                timestamptz,
        -- Frozen before the first call: what Stripe is sent.
        value               numeric     NOT NULL,
        "timestamp"         timestamptz NOT NULL,
        -- Columns, since behind the wall between tenants no index serves by what a function says of rows.
        minute              timestamptz NOT NULL GENERATED ALWAYS AS (
          date_bin('1 minute', "timestamp", TIMESTAMPTZ '2000-01-01 00:00:00+00')) STORED,
        account_id          text COLLATE "C" NOT NULL,
        livemode            boolean     NOT NULL,
        stripe_customer_id  text COLLATE "C" NOT NULL,
        event_name          text COLLATE "C" NOT NULL,
        customer_key        text        NOT NULL,
        value_key           text        NOT NULL,
        formula             text        NOT NULL,
        event_time_window   text,
        -- Usage that the period owes; the repair of a drift; or what Stripe was found to have got
        -- before a database was restored.
        purpose             text        NOT NULL DEFAULT 'usage',
        -- Planned of a period that was closed.
        closes              boolean     NOT NULL DEFAULT false,
        -- Of a period that is closed by now: it goes before what is pushed between times, what is
        -- billed first before the rest.
        of_closed           boolean     NOT NULL DEFAULT false,
        finalizes_at        timestamptz NOT NULL,
        -- Where it stands: the last of its transitions.
        transition_no       integer     NOT NULL,
        status              text        NOT NULL,
        reason              text,
        -- What the status rests on, once it is settled.
        settled_by          text,
        -- What its calls go through: none takes another way once one of them may have been executed.
        target              text,
        key_no              integer     NOT NULL DEFAULT 0,
        attempts            integer     NOT NULL DEFAULT 0,
        unknown_attempts    integer     NOT NULL DEFAULT 0,
        first_attempt_at    timestamptz,
        -- The tenant's at that time, to hold it against what Stripe's clock says; NULL: not known.
        clock_offset_micros bigint,
        last_attempt_at     timestamptz,
        delivered_at        timestamptz,
        next_attempt_at     timestamptz, -- NULL: not sent again by itself
        due_hour            timestamptz GENERATED ALWAYS AS (
          date_bin('1 hour', next_attempt_at, TIMESTAMPTZ '2000-01-01 00:00:00+00')) STORED,
        lease_until         timestamptz,
        fence               bigint      NOT NULL DEFAULT 0,
        last_error          text,
        -- Rejected, and other rows carry its value now, or it is not to be pushed any more.
        replaced            boolean     NOT NULL DEFAULT false,
        created_at          timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT push_pkey PRIMARY KEY (tenant_id, identifier),
        CONSTRAINT push_lane_id_sequence_key UNIQUE (tenant_id, lane_id, sequence),
        CONSTRAINT push_identifier_check CHECK (length(identifier) BETWEEN 1 AND 100),
        CONSTRAINT push_kind_check CHECK (kind IN ('delta', 'total')),
        CONSTRAINT push_status_check CHECK (status IN ('pending', 'sending', 'unknown', 'delivered',
          'confirmed', 'disputed', 'rejected', 'shadow')),
        CONSTRAINT push_timestamp_check CHECK (
          date_bin('1 second', "timestamp", TIMESTAMPTZ '2000-01-01 00:00:00+00') = "timestamp"),
        CONSTRAINT push_purpose_check CHECK (purpose IN ('usage', 'repair', 'restored')),
        CONSTRAINT push_settled_by_check
          CHECK (settled_by IN ('answer', 'reading', 'resolution', 'withdrawal')),
        CONSTRAINT push_sending_check CHECK ((status = 'sending') = (lease_until IS NOT NULL)),
        CONSTRAINT push_attempts_check CHECK ((attempts > 0) = (first_attempt_at IS NOT NULL)
          AND (attempts > 0 OR purpose = 'restored'
               OR status IN ('pending', 'shadow', 'rejected', 'delivered'))),
        CONSTRAINT push_pending_check CHECK (status <> 'pending' OR unknown_attempts = 0),
        -- After one attempt whose outcome is not known, no answer can say that nothing was counted.
        CONSTRAINT push_rejected_check CHECK (status <> 'rejected'
          OR (settled_by IS NOT NULL AND (unknown_attempts = 0 OR settled_by <> 'answer'))),
        CONSTRAINT push_delivered_check CHECK (status NOT IN ('delivered', 'confirmed', 'disputed')
          OR (settled_by IS NOT NULL AND delivered_at IS NOT NULL)),
        -- No status without the row that tells how it came about.
        CONSTRAINT push_transition_fkey FOREIGN KEY (tenant_id, identifier, transition_no, status)
          REFERENCES push_transition (tenant_id, identifier, transition_no, to_status)
      );
      -- A delta is alone in its minute, so that it can be read back alone.
      CREATE UNIQUE INDEX push_minute_key ON push (tenant_id, account_id, livemode,
        stripe_customer_id, event_name, minute) WHERE kind = 'delta' AND status <> 'shadow';
      -- Totals of a lane carry strictly rising timestamps; two never share one.
      CREATE UNIQUE INDEX push_total_timestamp_key ON push (tenant_id, account_id, livemode,
        stripe_customer_id, event_name, "timestamp") WHERE kind = 'total' AND status <> 'shadow';
      -- At most one call in flight per Stripe customer and meter, whoever sends.
      CREATE UNIQUE INDEX push_in_flight_key ON push (account_id, livemode, stripe_customer_id,
        event_name) WHERE status = 'sending';
      -- The order of pushes: of one hour, those of a Stripe customer are passed over in one step.
      CREATE INDEX push_order_idx ON push (tenant_id, account_id, livemode, of_closed, finalizes_at,
        due_hour, stripe_customer_id, event_name, next_attempt_at, sequence)
        WHERE status IN ('pending', 'unknown') AND next_attempt_at IS NOT NULL;
      CREATE INDEX push_due_idx ON push (tenant_id, next_attempt_at)
        WHERE status IN ('pending', 'unknown') AND next_attempt_at IS NOT NULL;
      CREATE INDEX push_unknown_idx ON push (tenant_id, first_attempt_at) WHERE status = 'unknown';
      CREATE INDEX push_lease_idx ON push (tenant_id, lease_until) WHERE status = 'sending';
      CREATE INDEX push_rejected_idx ON push (tenant_id) WHERE status = 'rejected' AND NOT replaced;
      CREATE INDEX push_period_idx ON push (tenant_id, customer_no, meter_no, period_start);

      -- Pushes whose own minute is to be read at Stripe, and what the reads said so far.
      CREATE TABLE push_reading (
        tenant_id     uuid        NOT NULL,
        identifier    text COLLATE "C" NOT NULL,
        cause         text        NOT NULL,
        -- Stripe's code, where an error report is the cause.
        code          text,
        next_read_at  timestamptz NOT NULL,
        reads         integer     NOT NULL DEFAULT 0,
        value         numeric,
        -- Since when all reads said this value.
        agreed_since  timestamptz,
        last_read_at  timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT push_reading_pkey PRIMARY KEY (tenant_id, identifier),
        CONSTRAINT push_reading_fkey FOREIGN KEY (tenant_id, identifier)
          REFERENCES push (tenant_id, identifier),
        CONSTRAINT push_reading_cause_check
          CHECK (cause IN ('unknown', 'disputed', 'reported', 'drift')),
        CONSTRAINT push_reading_value_check CHECK ((value IS NULL) = (agreed_since IS NULL))
      );
      CREATE INDEX push_reading_due_idx ON push_reading (tenant_id, next_read_at);

      -- What cannot be pushed as things stand, with its value and the reason.
      CREATE TABLE push_hold (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        reason        text        NOT NULL,
        identifier    text COLLATE "C" NOT NULL,
        kind          text        NOT NULL,
        value         numeric     NOT NULL,
        detail        text,
        held_since    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT push_hold_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start, reason),
        CONSTRAINT push_hold_identifier_key UNIQUE (tenant_id, identifier)
      );
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE push_hold; DROP TABLE push_reading; DROP TABLE push; DROP TABLE push_transition; DROP TABLE push_lane; DROP TABLE push_unplanned;
      DROP TABLE push_work; DROP TABLE stripe_reads; DROP TABLE stripe_pace; DROP TABLE stripe_meter;
      DROP TABLE stripe_account_identity
    `);
  }
}
