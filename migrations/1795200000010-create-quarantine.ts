import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was refused or conflicts with what is recorded, kept for a person to look at. */
export class CreateQuarantine1795200000010 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE quarantined_event (
        tenant_id             uuid        NOT NULL,
        -- Made from what was sent, id and source included: the same again is the same row.
        quarantined_event_id  uuid        NOT NULL,
        usage_event_id        text        COLLATE "C" NOT NULL,
        -- NULL where what was sent is none.
        source                text        COLLATE "C",
        customer_id           text        COLLATE "C",
        meter                 text        COLLATE "C",
        shape                 text        COLLATE "C" NOT NULL,
        historical            boolean     NOT NULL,
        -- json and not jsonb, which refuses NUL and lone surrogates: they may be what is wrong.
        -- NULL where it is too large to be kept.
        event                 json,
        event_bytes           integer     NOT NULL,
        code                  text        COLLATE "C" NOT NULL,
        errors                json        NOT NULL,
        -- In what a conflicting event differs; NULL where nobody knows any more.
        fields                json,
        seen                  bigint      NOT NULL,
        first_seen_at         timestamptz NOT NULL,
        last_seen_at          timestamptz NOT NULL,
        replayed_at           timestamptz,
        CONSTRAINT quarantined_event_pkey PRIMARY KEY (tenant_id, quarantined_event_id),
        CONSTRAINT quarantined_event_shape_check CHECK (shape IN ('usage_event', 'cloud_event')),
        CONSTRAINT quarantined_event_seen_check
          CHECK (seen > 0 AND last_seen_at >= first_seen_at)
      );
      CREATE INDEX quarantined_event_first_seen_idx
        ON quarantined_event (tenant_id, first_seen_at, quarantined_event_id);

      -- How much a tenant's quarantine holds. Whoever puts in or takes out locks this row first.
      CREATE TABLE quarantine_tally (
        tenant_id  uuid    NOT NULL,
        events     bigint  NOT NULL DEFAULT 0,
        bytes      bigint  NOT NULL DEFAULT 0,
        -- Came while it was full, and were not kept.
        dropped    bigint  NOT NULL DEFAULT 0,
        CONSTRAINT quarantine_tally_pkey PRIMARY KEY (tenant_id),
        CONSTRAINT quarantine_tally_check CHECK (events >= 0 AND bytes >= 0 AND dropped >= 0)
      );
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE quarantined_event; DROP TABLE quarantine_tally');
  }
}
