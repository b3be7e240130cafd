import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The registry of ids, the events, the ledger, and the totals that follow from it. */
export class CreateLedger1795200000003 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- The dedupe registry: which ids are taken, for ever.
      CREATE TABLE usage_event_key (
        tenant_id    uuid        NOT NULL,
        event_key    uuid        NOT NULL,
        fingerprint  bytea       NOT NULL,
        received_at  timestamptz NOT NULL,
        CONSTRAINT usage_event_key_pkey PRIMARY KEY (tenant_id, event_key),
        CONSTRAINT usage_event_key_fingerprint_check CHECK (octet_length(fingerprint) = 16)
      );

      -- The evidence: each event as it was sent.
      CREATE TABLE usage_event (
        tenant_id       uuid        NOT NULL,
        event_key       uuid        NOT NULL,
        source          text COLLATE "C" NOT NULL,
        usage_event_id  text COLLATE "C" NOT NULL,
        customer_id     text COLLATE "C" NOT NULL,
        customer_no     bigint      NOT NULL,
        meter           text COLLATE "C" NOT NULL,
        quantity        numeric(27, 12),
        occurred_at     timestamptz NOT NULL,
        -- False: the client sent no occurred_at, and a retry will send none either.
        occurred_at_sent boolean    NOT NULL,
        properties      json,
        received_at     timestamptz NOT NULL,
        CONSTRAINT usage_event_pkey PRIMARY KEY (tenant_id, event_key),
        CONSTRAINT usage_event_usage_event_id_check CHECK (length(usage_event_id) BETWEEN 1 AND 255),
        CONSTRAINT usage_event_source_check CHECK (length(source) <= 255),
        CONSTRAINT usage_event_quantity_check CHECK (quantity <> 'NaN'),
        CONSTRAINT usage_event_occurred_at_check CHECK (isfinite(occurred_at))
      );
      CREATE INDEX usage_event_customer_no_idx
        ON usage_event (tenant_id, customer_no, occurred_at, event_key);

      -- How often a recorded event came again.
      CREATE TABLE usage_event_copy (
        tenant_id     uuid        NOT NULL,
        event_key     uuid        NOT NULL,
        copies        bigint      NOT NULL,
        last_seen_at  timestamptz NOT NULL,
        CONSTRAINT usage_event_copy_pkey PRIMARY KEY (tenant_id, event_key)
      );

      -- The ledger: what each event counts in each meter, and, where it was voided, that it does not.
      -- Of both, a later entry (higher entry_no) stands in place of the ones before it; none is ever
      -- changed.
      CREATE TABLE usage_entry (
        tenant_id         uuid        NOT NULL,
        event_key         uuid        NOT NULL,
        meter_no          integer     NOT NULL,
        -- Takes out of its period what the event counts; the quantity is the event's own.
        is_void           boolean     NOT NULL DEFAULT false,
        entry_no          smallint    NOT NULL,
        customer_no       bigint      NOT NULL,
        kind              text        NOT NULL,
        quantity          numeric(27, 12) NOT NULL,
        occurred_at       timestamptz NOT NULL,
        received_at       timestamptz NOT NULL,
        -- Where it is billed, and where it would have been had it not been late.
        period_start      timestamptz NOT NULL,
        origin_start      timestamptz NOT NULL,
        revision          integer     NOT NULL,
        late              boolean     NOT NULL,
        billable          boolean     NOT NULL,
        settings_version  integer     NOT NULL,
        dimensions        text COLLATE "C" NOT NULL,
        -- Keyed hash of the value that unique_count counts.
        unique_key        uuid,
        CONSTRAINT usage_entry_pkey PRIMARY KEY (tenant_id, event_key, meter_no, is_void, entry_no),
        CONSTRAINT usage_entry_kind_check CHECK (
          CASE kind WHEN 'usage' THEN NOT is_void WHEN 'void' THEN is_void ELSE kind = 'moved' END),
        CONSTRAINT usage_entry_quantity_check CHECK (quantity <> 'NaN')
      );
      CREATE INDEX usage_entry_period_idx
        ON usage_entry (tenant_id, customer_no, meter_no, period_start);
      -- What was voided after its period was closed: the frozen totals still hold it.
      CREATE INDEX usage_entry_late_void_idx
        ON usage_entry (tenant_id, meter_no, customer_no, period_start) WHERE is_void AND revision > 0;

      -- Totals by quarter hour: appended per transaction, folded by a worker, read together.
      CREATE TABLE usage_delta (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        origin_start  timestamptz NOT NULL,
        revision      integer     NOT NULL,
        billable      boolean     NOT NULL,
        bucket        timestamptz NOT NULL,
        dimensions    text COLLATE "C" NOT NULL,
        -- Without what was voided; a void counts as one entry less.
        quantity_sum  numeric     NOT NULL,
        -- These and last_… are NULL where nothing is left. Of sum and count, which do not read them,
        -- they may still tell what was voided.
        quantity_max  numeric,
        entry_count   bigint      NOT NULL,
        last_quantity numeric,
        last_at       timestamptz,
        last_key      uuid,
        -- Sum of the entries' SHA-256, each read as a 256-bit number.
        digest        numeric     NOT NULL
      );
      CREATE INDEX usage_delta_period_idx ON usage_delta (tenant_id, customer_no, meter_no);

      CREATE TABLE usage_total (
        LIKE usage_delta,
        CONSTRAINT usage_total_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start,
          origin_start, revision, billable, bucket, dimensions)
      );
      CREATE INDEX usage_total_bucket_idx ON usage_total (tenant_id, meter_no, bucket);

      -- The sets behind unique_count.
      CREATE TABLE usage_unique (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        revision      integer     NOT NULL,
        billable      boolean     NOT NULL,
        bucket        timestamptz NOT NULL,
        dimensions    text COLLATE "C" NOT NULL,
        unique_key    uuid        NOT NULL,
        CONSTRAINT usage_unique_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start,
          revision, billable, bucket, dimensions, unique_key)
      );

      -- What one entry adds to its statement's digest, as bytes and as a number;
      -- src/domain/entry-digest.ts says the same in TypeScript, and a test holds the two equal.
      CREATE FUNCTION entry_hash(event_key uuid, meter_key text, period_start timestamptz,
                                 quantity numeric, is_void boolean)
      RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT sha256(convert_to(
                 '["' || event_key || '","' || meter_key || '","'
                 || to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                 || '","' || trim_scale(quantity)::text || '","'
                 || CASE WHEN is_void THEN '1' ELSE '0' END || '"]', 'UTF8'))
      $$;
      CREATE FUNCTION entry_digest(event_key uuid, meter_key text, period_start timestamptz,
                                   quantity numeric, is_void boolean)
      RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT sum((('x' || substr(h.hex, 8 * i - 7, 8))::bit(32)::bigint)::numeric
                   * (ARRAY[
                   26959946667150639794667015087019630673637144422540572481103610249216,
                   6277101735386680763835789423207666416102355444464034512896,
                   1461501637330902918203684832716283019655932542976,
                   340282366920938463463374607431768211456,
                   79228162514264337593543950336,
                   18446744073709551616,
                   4294967296,
                   1]::numeric[])[i])
          FROM (SELECT encode(public.entry_hash(event_key, meter_key, period_start, quantity, is_void),
                              'hex') AS hex) AS h
         CROSS JOIN generate_series(1, 8) AS i
      $$;

      CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $$;
      CREATE TRIGGER usage_event_key_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_event_key
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_event_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_event
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_entry_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_entry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE usage_unique; DROP TABLE usage_total; DROP TABLE usage_delta;
      DROP TABLE usage_entry; DROP TABLE usage_event_copy; DROP TABLE usage_event;
      DROP TABLE usage_event_key; DROP FUNCTION refuse_change;
      DROP FUNCTION entry_digest; DROP FUNCTION entry_hash
    `);
  }
}
