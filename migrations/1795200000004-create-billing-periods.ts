import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Billing periods with their statements, and the closes that made them. */
export class CreateBillingPeriods1795200000004 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Written with a period's first entry. Its boundaries hold from then on, whatever another
      -- version of the time zones would make of them. closed_at and what follows is the statement.
      CREATE TABLE billing_period (
        tenant_id        uuid        NOT NULL,
        customer_no      bigint      NOT NULL,
        meter_no         integer     NOT NULL,
        period_start     timestamptz NOT NULL,
        period_end       timestamptz NOT NULL,
        -- Its first entry came after its end and the grace: it waits for a command.
        backfilled       boolean     NOT NULL,
        -- Stripe says where it ends: it is closed by its invoice, or once Stripe was asked again.
        of_item          boolean     NOT NULL DEFAULT false,
        -- What a \`last\` meter with carry_last held before this period.
        carried_last     numeric,
        closed_at        timestamptz,
        period_close_id  uuid,
        value            numeric,
        carried_in       numeric,
        event_count      bigint,
        digest           bytea,
        CONSTRAINT billing_period_pkey
          PRIMARY KEY (tenant_id, customer_no, meter_no, period_start),
        CONSTRAINT billing_period_period_end_check CHECK (period_end > period_start),
        CONSTRAINT billing_period_statement_check CHECK (
          num_nulls(closed_at, period_close_id, value, carried_in, event_count, digest) IN (0, 6))
      );
      CREATE INDEX billing_period_due_idx
        ON billing_period (tenant_id, period_end, customer_no, meter_no) WHERE closed_at IS NULL;

      CREATE FUNCTION refuse_statement_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'a closed billing period never changes' USING ERRCODE = 'restrict_violation';
      END $$;
      CREATE TRIGGER billing_period_closed_for_ever
        BEFORE UPDATE OR DELETE ON billing_period
        FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION refuse_statement_change();
      CREATE TRIGGER billing_period_never_truncated
        BEFORE TRUNCATE ON billing_period
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement_change();

      -- Closed through this instant for one customer and one meter; 0 stands for all of them.
      CREATE TABLE close_mark (
        tenant_id       uuid        NOT NULL,
        customer_no     bigint      NOT NULL,
        meter_no        integer     NOT NULL,
        closed_through  timestamptz NOT NULL,
        CONSTRAINT close_mark_pkey PRIMARY KEY (tenant_id, customer_no, meter_no)
      );

      CREATE TABLE period_close (
        tenant_id        uuid        NOT NULL,
        period_close_id  uuid        NOT NULL,
        as_of            timestamptz NOT NULL,
        customer_no      bigint      NOT NULL,
        meter_no         integer     NOT NULL,
        -- The own clock leaves backfilled periods alone.
        by_clock         boolean     NOT NULL,
        due              bigint      NOT NULL,
        closed           bigint      NOT NULL DEFAULT 0,
        already_closed   bigint      NOT NULL,
        -- Periods handed to the push stage.
        pushes           bigint      NOT NULL DEFAULT 0,
        -- Behind which the close was begun.
        gate_version     bigint      NOT NULL,
        -- The one instant of all its periods.
        closed_at        timestamptz NOT NULL,
        finished_at      timestamptz,
        CONSTRAINT period_close_pkey PRIMARY KEY (tenant_id, period_close_id)
      );
      CREATE INDEX period_close_running_idx
        ON period_close (tenant_id, closed_at) WHERE finished_at IS NULL;
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE period_close; DROP TABLE close_mark; DROP TABLE billing_period;
      DROP FUNCTION refuse_statement_change
    `);
  }
}
