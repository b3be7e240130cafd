import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Replays: the totals held against the ledger, what differed, and what was put in its place. */
export class CreateReplays1795200000013 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE replay (
        tenant_id           uuid        NOT NULL,
        replay_id           uuid        NOT NULL,
        mode                text        NOT NULL,
        -- Of mode revert: the replay whose changes are taken back.
        reverts             uuid,
        -- Begun on the command line: it is gone on with there, and not by a worker.
        by_command          boolean     NOT NULL,
        -- What is asked for; NULL stands for all.
        customer_no         bigint,
        from_at             timestamptz,
        to_at               timestamptz,
        phase               text        NOT NULL,
        -- The last that this phase has done; NULL before the first.
        position            jsonb,
        -- As many as there were at the beginning.
        periods             bigint      NOT NULL,
        checked_periods     bigint      NOT NULL DEFAULT 0,
        checked_statements  bigint      NOT NULL DEFAULT 0,
        checked_entries     bigint      NOT NULL DEFAULT 0,
        checked_totals      bigint      NOT NULL DEFAULT 0,
        checked_keys        bigint      NOT NULL DEFAULT 0,
        differences         bigint      NOT NULL DEFAULT 0,
        changes             bigint      NOT NULL DEFAULT 0,
        fence               bigint      NOT NULL DEFAULT 0,
        lease_until         timestamptz,
        created_at          timestamptz NOT NULL DEFAULT now(),
        finished_at         timestamptz,
        CONSTRAINT replay_pkey PRIMARY KEY (tenant_id, replay_id),
        -- What was replaced is put back once.
        CONSTRAINT replay_reverts_key UNIQUE (tenant_id, reverts),
        CONSTRAINT replay_mode_check CHECK (mode IN ('verify', 'apply', 'revert')),
        CONSTRAINT replay_phase_check CHECK (phase IN ('periods', 'registry', 'changes', 'done')),
        CONSTRAINT replay_reverts_check CHECK ((mode = 'revert') = (reverts IS NOT NULL))
      );
      CREATE INDEX replay_unfinished_idx ON replay (tenant_id, created_at) WHERE finished_at IS NULL;

      -- The first differences of each replay; how many there are stands in the replay.
      CREATE TABLE replay_difference (
        tenant_id      uuid        NOT NULL,
        replay_id      uuid        NOT NULL,
        difference_no  integer     NOT NULL,
        kind           text        NOT NULL,
        customer_no    bigint,
        meter_no       integer,
        period_start   timestamptz,
        -- Of what in the period: a quarter hour, an event.
        place          jsonb       NOT NULL,
        ledger         jsonb,
        stored         jsonb,
        mended         boolean     NOT NULL,
        CONSTRAINT replay_difference_pkey PRIMARY KEY (tenant_id, replay_id, difference_no)
      );

      -- What an apply replaced, so that it can be put back. NULL: there was, or is, no row.
      CREATE TABLE replay_change (
        tenant_id     uuid        NOT NULL,
        replay_id     uuid        NOT NULL,
        change_no     bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        -- NULL: a member of a set of unique_count, which has a unique_key instead.
        origin_start  timestamptz,
        revision      integer     NOT NULL,
        billable      boolean     NOT NULL,
        bucket        timestamptz NOT NULL,
        dimensions    text COLLATE "C" NOT NULL,
        unique_key    uuid,
        before        jsonb,
        after         jsonb,
        CONSTRAINT replay_change_pkey PRIMARY KEY (tenant_id, replay_id, change_no),
        CONSTRAINT replay_change_unique_key_check
          CHECK ((unique_key IS NULL) = (origin_start IS NOT NULL))
      );
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE replay_change; DROP TABLE replay_difference; DROP TABLE replay');
  }
}
