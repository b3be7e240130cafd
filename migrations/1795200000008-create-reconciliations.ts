import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Our pushes held against what Stripe counted and billed; and where this database lives. */
export class CreateReconciliations1795200000008 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      ALTER TABLE installation
        -- The cluster and database that pushes were made from; NULL until the first start. In
        -- another one this is a copy, which may have forgotten pushes: nothing is pushed from it.
        ADD COLUMN cluster text,
        ADD COLUMN timeline integer,
        -- What Stripe holds is being read back: nothing is pushed until that has ended.
        ADD COLUMN restoring_since timestamptz,
        ADD COLUMN restored_at timestamptz;

      CREATE TABLE reconciliation (
        tenant_id          uuid        NOT NULL,
        reconciliation_id  uuid        NOT NULL,
        cause              text        NOT NULL,
        -- Which turn of the clock it belongs to; NULL where somebody asked for it.
        slot               bigint,
        customer_no        bigint,
        meter_no           integer,
        period_start       timestamptz,
        lanes              integer     NOT NULL,
        lease_until        timestamptz,
        fence              bigint      NOT NULL DEFAULT 0,
        created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
        finished_at        timestamptz,
        -- What was done about it, once.
        repaired_at        timestamptz,
        repair             jsonb,
        CONSTRAINT reconciliation_pkey PRIMARY KEY (tenant_id, reconciliation_id),
        CONSTRAINT reconciliation_slot_key UNIQUE (tenant_id, cause, slot),
        CONSTRAINT reconciliation_cause_check CHECK (cause IN ('request', 'close', 'sample')),
        CONSTRAINT reconciliation_repair_check CHECK ((repaired_at IS NULL) = (repair IS NULL))
      );
      CREATE INDEX reconciliation_running_idx ON reconciliation (tenant_id, created_at)
        WHERE finished_at IS NULL;

      CREATE TABLE reconciliation_lane (
        tenant_id          uuid        NOT NULL,
        reconciliation_id  uuid        NOT NULL,
        lane_no            integer     NOT NULL,
        lane_id            uuid        NOT NULL,
        period_end         timestamptz NOT NULL,
        -- NULL until it is read.
        verdict            text,
        -- Why it could not be read.
        why                text,
        ours               numeric,
        -- Sent, and not known to have arrived: beside ours, not in it.
        unsettled          numeric,
        stripe             numeric,
        drift              numeric,
        -- Hours that differ, and what explains them.
        hours              jsonb,
        differences        jsonb,
        invoice            jsonb,
        -- What stood in the lane when it was read: repairs are made for that, and for no other.
        state              text,
        read_at            timestamptz,
        CONSTRAINT reconciliation_lane_pkey PRIMARY KEY (tenant_id, reconciliation_id, lane_no),
        CONSTRAINT reconciliation_lane_fkey FOREIGN KEY (tenant_id, reconciliation_id)
          REFERENCES reconciliation (tenant_id, reconciliation_id),
        CONSTRAINT reconciliation_lane_verdict_check
          CHECK (verdict IN ('matched', 'lagging', 'drift', 'unreadable')),
        CONSTRAINT reconciliation_lane_read_check CHECK ((verdict IS NULL) = (read_at IS NULL)
          AND (verdict IS NULL OR (verdict = 'unreadable') = (why IS NOT NULL)))
      );
      CREATE INDEX reconciliation_lane_lane_id_idx
        ON reconciliation_lane (tenant_id, lane_id, read_at);
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE reconciliation_lane; DROP TABLE reconciliation;
      ALTER TABLE installation DROP COLUMN cluster, DROP COLUMN timeline,
        DROP COLUMN restoring_since, DROP COLUMN restored_at
    `);
  }
}
