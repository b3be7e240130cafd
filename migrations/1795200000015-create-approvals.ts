import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Four eyes: which commands need them, and what was asked for and decided. */
export class CreateApprovals1795200000015 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- No row, or no command in it: nothing needs an approval.
      CREATE TABLE approval_policy (
        tenant_id   uuid        NOT NULL,
        commands    text[]      NOT NULL,
        changed_at  timestamptz NOT NULL,
        CONSTRAINT approval_policy_pkey PRIMARY KEY (tenant_id),
        CONSTRAINT approval_policy_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
      );

      CREATE TABLE approval (
        tenant_id        uuid        NOT NULL,
        approval_id      uuid        NOT NULL,
        command          text COLLATE "C" NOT NULL,
        -- What the command's route needs, and so who decides.
        scope            text COLLATE "C" NOT NULL,
        -- Method and pattern.
        route            text COLLATE "C" NOT NULL,
        -- As they were sent. json and not jsonb: that keeps any text.
        parameters       json        NOT NULL,
        query            json        NOT NULL,
        -- Without the members that may be secret, whose names alone are kept; NULL: there was none.
        body             json,
        hidden_members   json        NOT NULL,
        -- SHA-256 of path parameters, query and whole body in canonical form.
        request_hash     bytea       NOT NULL,
        -- '': it was sent without one.
        idempotency_key  text COLLATE "C" NOT NULL,
        requested_by     text COLLATE "C" NOT NULL,
        -- The first key of those that took the place of one another, up to the one that asked.
        key_line         text COLLATE "C" NOT NULL,
        state            text COLLATE "C" NOT NULL,
        created_at       timestamptz NOT NULL,
        expires_at       timestamptz NOT NULL,
        decided_by       text COLLATE "C",
        decided_at       timestamptz,
        reason           text,
        used_by          text COLLATE "C",
        used_at          timestamptz,
        CONSTRAINT approval_pkey PRIMARY KEY (tenant_id, approval_id),
        CONSTRAINT approval_state_check
          CHECK (state IN ('requested', 'approved', 'refused', 'used', 'expired')),
        CONSTRAINT approval_request_hash_check CHECK (octet_length(request_hash) = 32),
        CONSTRAINT approval_decided_check CHECK ((decided_by IS NULL) = (decided_at IS NULL)
          AND (state IN ('requested', 'expired') OR decided_by IS NOT NULL)
          AND (state <> 'requested' OR decided_by IS NULL)),
        -- Whatever else goes wrong, nobody approves what the same key asked for.
        CONSTRAINT approval_two_keys_check CHECK (decided_by <> requested_by AND decided_by <> key_line),
        CONSTRAINT approval_used_check CHECK ((state = 'used') = (used_at IS NOT NULL)
          AND (used_at IS NULL) = (used_by IS NULL))
      );
      -- One request that is sent many times is one approval.
      CREATE UNIQUE INDEX approval_open_key
        ON approval (tenant_id, key_line, route, request_hash, idempotency_key)
        WHERE state IN ('requested', 'approved');
      CREATE INDEX approval_created_at_idx ON approval (tenant_id, created_at, approval_id);
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE approval; DROP TABLE approval_policy');
  }
}
