import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who changed what, in one chain of hashes per tenant. */
export class CreateAudit1795200000012 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Where each tenant's chain ends; its lock is what puts the entries into one order.
      CREATE TABLE audit_head (
        tenant_id  uuid   NOT NULL,
        sequence   bigint NOT NULL,
        hash       bytea  NOT NULL,
        CONSTRAINT audit_head_pkey PRIMARY KEY (tenant_id),
        CONSTRAINT audit_head_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
        CONSTRAINT audit_head_hash_check CHECK (sequence >= 0 AND octet_length(hash) = 32)
      );

      CREATE TABLE audit_entry (
        tenant_id       uuid        NOT NULL,
        sequence        bigint      NOT NULL,
        at              timestamptz NOT NULL,
        actor_kind      text        NOT NULL,
        actor_id        text,
        actor_name      text,
        action          text        NOT NULL,
        -- These five may be personal: an erasure sets them to NULL, the salt with them, so that
        -- the digests give nothing away. json and not jsonb: the digest is that of the text.
        subject         text COLLATE "C",
        reason          text,
        before          json,
        after           json,
        salt            bytea,
        -- SHA-256 over the salt and each of the four; the chain is made over these.
        subject_digest  bytea       NOT NULL,
        reason_digest   bytea       NOT NULL,
        before_digest   bytea       NOT NULL,
        after_digest    bytea       NOT NULL,
        previous_hash   bytea       NOT NULL,
        hash            bytea       NOT NULL,
        CONSTRAINT audit_entry_pkey PRIMARY KEY (tenant_id, sequence),
        CONSTRAINT audit_entry_actor_kind_check
          CHECK (actor_kind IN ('api_key', 'command_line', 'system')),
        CONSTRAINT audit_entry_erased_check CHECK (salt IS NOT NULL
          OR (subject IS NULL AND reason IS NULL AND before IS NULL AND after IS NULL)),
        CONSTRAINT audit_entry_hash_check
          CHECK (octet_length(hash) = 32 AND octet_length(previous_hash) = 32)
      );
      CREATE INDEX audit_entry_action_idx ON audit_entry (tenant_id, action, sequence);
      CREATE INDEX audit_entry_subject_idx ON audit_entry (tenant_id, subject, sequence)
        WHERE subject IS NOT NULL;

      CREATE FUNCTION refuse_all_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
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
      END $$;
      CREATE TRIGGER audit_entry_erasure_only
        BEFORE UPDATE ON audit_entry
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure();
      CREATE TRIGGER audit_entry_append_only
        BEFORE DELETE OR TRUNCATE ON audit_entry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER audit_head_append_only
        BEFORE DELETE OR TRUNCATE ON audit_head
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE audit_entry; DROP TABLE audit_head; DROP FUNCTION refuse_all_but_erasure
    `);
  }
}
