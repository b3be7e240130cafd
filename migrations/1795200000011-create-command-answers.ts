import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What commands with an idempotency key were answered. */
export class CreateCommandAnswers1795200000011 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- A row is committed with what its command did, never before it. Kept for 30 days.
      CREATE TABLE command_answer (
        tenant_id        uuid        NOT NULL,
        -- Method and pattern.
        route            text COLLATE "C" NOT NULL,
        idempotency_key  text COLLATE "C" NOT NULL,
        -- SHA-256 of path parameters, query and body in canonical form.
        request_hash     bytea       NOT NULL,
        -- What a command that works on after its commit goes on with; NULL: it ended with it.
        made             jsonb,
        -- Who works on it: a process that stops renewing it is taken for dead.
        lease_until      timestamptz,
        fence            bigint      NOT NULL DEFAULT 0,
        -- The first answer, without its secrets; NULL until there is one.
        status           smallint,
        headers          jsonb       NOT NULL,
        body             text,
        created_at       timestamptz NOT NULL,
        answered_at      timestamptz,
        CONSTRAINT command_answer_pkey PRIMARY KEY (tenant_id, route, idempotency_key),
        CONSTRAINT command_answer_idempotency_key_check
          CHECK (length(idempotency_key) BETWEEN 1 AND 255),
        CONSTRAINT command_answer_request_hash_check CHECK (octet_length(request_hash) = 32),
        CONSTRAINT command_answer_status_check CHECK (status BETWEEN 200 AND 499),
        CONSTRAINT command_answer_answered_check CHECK ((answered_at IS NULL) = (status IS NULL)
          AND (answered_at IS NULL) = (lease_until IS NOT NULL)
          AND (answered_at IS NOT NULL OR made IS NOT NULL))
      );
      CREATE INDEX command_answer_created_at_idx ON command_answer (tenant_id, created_at);
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE command_answer');
  }
}
