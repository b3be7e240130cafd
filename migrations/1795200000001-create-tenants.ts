import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who runs meters, and with which keys. */
export class CreateTenants1795200000001 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Stands in every push identifier; \`countonce restored\` renews it, so that a database
      -- brought back from a backup cannot reuse the identifiers of the pushes it has forgotten.
      CREATE TABLE installation (
        singleton        boolean     NOT NULL DEFAULT true,
        installation_id  uuid        NOT NULL DEFAULT gen_random_uuid(),
        created_at       timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT installation_pkey PRIMARY KEY (singleton),
        CONSTRAINT installation_singleton_check CHECK (singleton)
      );
      INSERT INTO installation DEFAULT VALUES;

      CREATE TABLE tenant (
        tenant_id             uuid        NOT NULL DEFAULT gen_random_uuid(),
        -- Second half of the gate's advisory lock.
        tenant_no             integer     NOT NULL GENERATED ALWAYS AS IDENTITY,
        name                  text COLLATE "C" NOT NULL,
        -- Raised by whatever may change what a recorded event becomes.
        gate_version          bigint      NOT NULL DEFAULT 1,
        -- Every period that ends by this instant is closed, whether it has a row or not.
        closed_through        timestamptz NOT NULL DEFAULT 'epoch',
        -- Every period that ends by this instant and is not a backfill is closed.
        clock_closed_through  timestamptz NOT NULL DEFAULT 'epoch',
        -- What the test clock adds to the time of day, in microseconds.
        clock_offset_micros   bigint      NOT NULL DEFAULT 0,
        -- Keys the hashes that stand for the values of unique_count.
        hash_key              bytea       NOT NULL,
        created_at            timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id),
        CONSTRAINT tenant_tenant_no_key UNIQUE (tenant_no),
        CONSTRAINT tenant_name_key UNIQUE (name),
        CONSTRAINT tenant_name_check CHECK (length(name) BETWEEN 1 AND 255),
        CONSTRAINT tenant_hash_key_check CHECK (octet_length(hash_key) = 32)
      );

      CREATE TABLE api_key (
        tenant_id     uuid        NOT NULL,
        key_id        text COLLATE "C" NOT NULL,
        name          text        NOT NULL,
        -- SHA-256 of the whole key; the key itself is nowhere.
        key_hash      bytea       NOT NULL,
        scopes        text[]      NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        -- From then on it is refused; none: never.
        expires_at    timestamptz,
        -- To the minute, and behind by some seconds.
        last_used_at  timestamptz,
        revoked_at    timestamptz,
        -- The key that a rotation made in its place.
        replaced_by   text COLLATE "C",
        CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, key_id),
        CONSTRAINT api_key_key_hash_key UNIQUE (key_hash),
        CONSTRAINT api_key_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
        CONSTRAINT api_key_replaced_by_fkey FOREIGN KEY (tenant_id, replaced_by)
          REFERENCES api_key (tenant_id, key_id),
        CONSTRAINT api_key_name_check CHECK (length(name) BETWEEN 1 AND 255),
        CONSTRAINT api_key_key_hash_check CHECK (octet_length(key_hash) = 32),
        CONSTRAINT api_key_scopes_check CHECK (
          scopes <@ ARRAY['usage:write','usage:adjust','usage:read','billing:write','admin']
          AND cardinality(scopes) > 0)
      );
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`DROP TABLE api_key; DROP TABLE tenant; DROP TABLE installation`);
  }
}
