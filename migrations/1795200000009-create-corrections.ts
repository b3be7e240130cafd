import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What takes recorded usage back, one event or many, and the amendments of closed statements. */
export class CreateCorrections1795200000009 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Which events were voided, why, and what that did: a second void is answered from it.
      CREATE TABLE usage_void (
        tenant_id           uuid        NOT NULL,
        event_key           uuid        NOT NULL,
        reason              text        NOT NULL,
        voided_at           timestamptz NOT NULL,
        -- One for each meter that the event counts in.
        effects             json        NOT NULL,
        -- The event that was recorded in its place.
        replacement_key     uuid,
        replacement_status  text,
        bulk_void_id        uuid,
        CONSTRAINT usage_void_pkey PRIMARY KEY (tenant_id, event_key),
        CONSTRAINT usage_void_reason_check CHECK (length(reason) BETWEEN 1 AND 1000),
        CONSTRAINT usage_void_replacement_status_check
          CHECK (replacement_status IN ('accepted', 'duplicate')),
        CONSTRAINT usage_void_replacement_check
          CHECK ((replacement_key IS NULL) = (replacement_status IS NULL))
      );
      CREATE INDEX usage_void_bulk_idx
        ON usage_void (tenant_id, bulk_void_id) WHERE bulk_void_id IS NOT NULL;
      CREATE TRIGGER usage_void_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_void
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

      -- Closed periods with entries that no amendment has yet.
      CREATE TABLE amendment_due (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        due_at        timestamptz NOT NULL,
        CONSTRAINT amendment_due_pkey
          PRIMARY KEY (tenant_id, customer_no, meter_no, period_start)
      );
      CREATE INDEX amendment_due_idx ON amendment_due (tenant_id, due_at);

      -- The amendments of closed statements. From sealed_at on nothing joins the revision; what it
      -- says is written after that, and never changes.
      CREATE TABLE period_amendment (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        revision      integer     NOT NULL,
        sealed_at     timestamptz NOT NULL,
        -- What the period's value changed by.
        value         numeric,
        event_count   bigint,
        digest        bytea,
        -- What it was made with: what the period began with, of a \`last\` meter with carry_last.
        carried_last  numeric,
        created_at    timestamptz,
        CONSTRAINT period_amendment_pkey
          PRIMARY KEY (tenant_id, customer_no, meter_no, period_start, revision),
        CONSTRAINT period_amendment_revision_check CHECK (revision > 0),
        CONSTRAINT period_amendment_written_check
          CHECK (num_nulls(value, event_count, digest, created_at) IN (0, 4))
      );
      CREATE INDEX period_amendment_unwritten_idx
        ON period_amendment (tenant_id, sealed_at) WHERE created_at IS NULL;
      CREATE TRIGGER period_amendment_written_for_ever
        BEFORE UPDATE OR DELETE ON period_amendment
        FOR EACH ROW WHEN (OLD.created_at IS NOT NULL) EXECUTE FUNCTION refuse_statement_change();
      CREATE TRIGGER period_amendment_never_truncated
        BEFORE TRUNCATE ON period_amendment
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement_change();

      -- Voids of many events. Whoever works on one goes through the events in the order of
      -- usage_event_customer_no_idx, from the cursor on.
      CREATE TABLE bulk_void (
        tenant_id     uuid        NOT NULL,
        bulk_void_id  uuid        NOT NULL,
        -- As it was asked for, and by our own numbers and keys.
        filter        json        NOT NULL,
        selection     json        NOT NULL,
        reason        text        NOT NULL,
        created_at    timestamptz NOT NULL,
        -- Events that the filter finds.
        found         bigint      NOT NULL,
        voided        bigint      NOT NULL DEFAULT 0,
        already_voided bigint     NOT NULL DEFAULT 0,
        cursor_customer_no bigint,
        cursor_at     timestamptz,
        cursor_key    uuid,
        finished_at   timestamptz,
        CONSTRAINT bulk_void_pkey PRIMARY KEY (tenant_id, bulk_void_id),
        CONSTRAINT bulk_void_cursor_check
          CHECK (num_nulls(cursor_customer_no, cursor_at, cursor_key) IN (0, 3))
      );
      CREATE INDEX bulk_void_running_idx
        ON bulk_void (tenant_id, created_at) WHERE finished_at IS NULL;
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE bulk_void; DROP TABLE period_amendment; DROP TABLE amendment_due;
      DROP TABLE usage_void
    `);
  }
}
