import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Months that have left the ledger, and what stands in their place. */
export class Retention1795200000018 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Months leave in order, so the newest row says how far the ledger is gone. From 'written' on
      -- readers take the checkpoints instead of what may still stand in the ledger.
      CREATE TABLE retained_month (
        month timestamptz NOT NULL,
        state text NOT NULL,
        wants_file boolean NOT NULL,
        events bigint,
        entries bigint,
        file text,
        sha256 text,
        sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        dropped_at timestamptz,
        CONSTRAINT retained_month_pkey PRIMARY KEY (month),
        CONSTRAINT retained_month_state_check
          CHECK (state IN ('sealed', 'written', 'detached', 'dropped')),
        CONSTRAINT retained_month_counts_check
          CHECK (num_nulls(events, entries) = CASE state WHEN 'sealed' THEN 2 ELSE 0 END),
        CONSTRAINT retained_month_file_check
          CHECK (num_nulls(file, sha256) IN (0, 2)
                 AND (state <> 'dropped' OR NOT wants_file OR file IS NOT NULL)),
        CONSTRAINT retained_month_dropped_at_check
          CHECK ((state = 'dropped') = (dropped_at IS NOT NULL))
      );

      CREATE TABLE usage_checkpoint (
        tenant_id uuid NOT NULL,
        month timestamptz NOT NULL,
        customer_no bigint NOT NULL,
        meter_no integer NOT NULL,
        period_start timestamptz NOT NULL,
        origin_start timestamptz NOT NULL,
        revision integer NOT NULL,
        billable boolean NOT NULL,
        bucket timestamptz NOT NULL,
        dimensions text COLLATE "C" NOT NULL,
        quantity_sum numeric NOT NULL,
        quantity_max numeric,
        entry_count bigint NOT NULL,
        last_quantity numeric,
        last_at timestamptz,
        last_key uuid,
        digest numeric NOT NULL
      );
      CREATE INDEX usage_checkpoint_period_idx
        ON usage_checkpoint (tenant_id, customer_no, meter_no, period_start);

      CREATE TABLE usage_checkpoint_member (
        tenant_id uuid NOT NULL,
        month timestamptz NOT NULL,
        customer_no bigint NOT NULL,
        meter_no integer NOT NULL,
        period_start timestamptz NOT NULL,
        revision integer NOT NULL,
        billable boolean NOT NULL,
        bucket timestamptz NOT NULL,
        dimensions text COLLATE "C" NOT NULL,
        unique_key uuid NOT NULL
      );
      CREATE INDEX usage_checkpoint_member_period_idx
        ON usage_checkpoint_member (tenant_id, customer_no, meter_no, period_start);

      -- An erasure alone changes them, and in them only the texts.
      CREATE TRIGGER usage_checkpoint_append_only BEFORE DELETE OR TRUNCATE ON usage_checkpoint
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_checkpoint_erasure_only BEFORE UPDATE ON usage_checkpoint
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();
      CREATE TRIGGER usage_checkpoint_member_append_only
        BEFORE DELETE OR TRUNCATE ON usage_checkpoint_member
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_checkpoint_member_erasure_only BEFORE UPDATE ON usage_checkpoint_member
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();
    `);
  }

  /** Without the checkpoints nothing could be told of months that are gone. */
  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DO $$
      BEGIN
        IF EXISTS (SELECT FROM retained_month) THEN
          RAISE EXCEPTION 'months have left the ledger: what stands in their place cannot go';
        END IF;
      END $$;
      DROP TABLE usage_checkpoint_member; DROP TABLE usage_checkpoint; DROP TABLE retained_month;
    `);
  }
}
