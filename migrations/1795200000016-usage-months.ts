import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events and entries by month of receipt, the registry of ids in sixteen parts. */
export class UsageMonths1795200000016 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Makes one month of one book by LIKE and ATTACH, which wait for no reader and keep no writer
      -- waiting. Work goes through the book itself: nobody has rights to a month of it alone.
      CREATE FUNCTION make_usage_month(book text, month_start timestamptz)
      RETURNS void LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
      DECLARE
        month text := book || to_char(month_start, '_YYYY_MM');
      BEGIN
        EXECUTE format(
          'CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)
             WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0,
                   autovacuum_vacuum_insert_threshold = 1000000)', month, book);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', month);
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON public.%I FROM %I', month, current_user);
        EXECUTE format(
          'CREATE TRIGGER %I BEFORE DELETE OR TRUNCATE ON public.%I
             FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change()',
          month || '_append_only', month);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
          book, month, month_start, month_start + interval '1 month');
      END $$;

      -- Makes what is missing of the months from yesterday's to the third after today's, and tells how
      -- many that were. It has its owner's rights, since who records may make no tables. Yesterday's:
      -- the clock of the server that takes over may be a little behind.
      CREATE FUNCTION make_usage_months()
      RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
      SET TimeZone = 'UTC' AS $$
      DECLARE
        made bigint := 0;
        missing record;
      BEGIN
        PERFORM pg_advisory_xact_lock(1131376461, 0);
        FOR missing IN
          SELECT b.book, m.month_start
            FROM unnest(ARRAY['usage_event', 'usage_entry']) AS b (book)
           CROSS JOIN generate_series(date_trunc('month', clock_timestamp() - interval '1 day'),
                        date_trunc('month', clock_timestamp()) + interval '3 months',
                        interval '1 month') AS m (month_start)
           WHERE to_regclass('public.' || b.book || to_char(m.month_start, '_YYYY_MM')) IS NULL
           ORDER BY m.month_start, b.book DESC
        LOOP
          PERFORM public.make_usage_month(missing.book, missing.month_start);
          made := made + 1;
        END LOOP;
        RETURN made;
      END $$;
      REVOKE ALL ON FUNCTION make_usage_month, make_usage_months FROM PUBLIC;

      ALTER TABLE usage_event_key RENAME TO whole_usage_event_key;
      ALTER TABLE usage_event RENAME TO whole_usage_event;
      ALTER TABLE usage_entry RENAME TO whole_usage_entry;

      CREATE TABLE usage_event_key (
        LIKE whole_usage_event_key INCLUDING DEFAULTS INCLUDING CONSTRAINTS
      ) PARTITION BY HASH (tenant_id);
      CREATE TABLE usage_event (
        LIKE whole_usage_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS
      ) PARTITION BY RANGE (received_at);
      CREATE TABLE usage_entry (
        LIKE whole_usage_entry INCLUDING DEFAULTS INCLUDING CONSTRAINTS
      ) PARTITION BY RANGE (received_at);

      DO $$
      DECLARE
        part text;
        month record;
      BEGIN
        FOR i IN 0..15 LOOP
          part := 'usage_event_key_' || to_char(i, 'FM00');
          EXECUTE format(
            'CREATE TABLE %I PARTITION OF usage_event_key FOR VALUES WITH (MODULUS 16, REMAINDER %s)
               WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0,
                     autovacuum_vacuum_insert_threshold = 1000000)', part, i);
          EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
          EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM %I', part, current_user);
          EXECUTE format(
            'CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
               FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part || '_append_only', part);
        END LOOP;
        FOR month IN
          SELECT 'usage_event' AS book, date_trunc('month', received_at, 'UTC') AS starts
            FROM whole_usage_event
           UNION
          SELECT 'usage_entry', date_trunc('month', received_at, 'UTC') FROM whole_usage_entry
        LOOP
          PERFORM make_usage_month(month.book, month.starts);
        END LOOP;
        PERFORM make_usage_months();
      END $$;

      INSERT INTO usage_event_key SELECT * FROM whole_usage_event_key;
      INSERT INTO usage_event SELECT * FROM whole_usage_event;
      INSERT INTO usage_entry SELECT * FROM whole_usage_entry;
      DROP TABLE whole_usage_event_key; DROP TABLE whole_usage_event; DROP TABLE whole_usage_entry;

      -- A unique key over months has the month's column in it. That an event is recorded once and
      -- voided once is kept by usage_event_key and usage_void, which have no months. The instant of
      -- receipt comes first: what is recorded together is written together, at the end of the index,
      -- where random keys would touch any page of it. usage_event_key tells the instant.
      ALTER TABLE usage_event_key
        ADD CONSTRAINT usage_event_key_pkey PRIMARY KEY (tenant_id, event_key);
      ALTER TABLE usage_event
        ADD CONSTRAINT usage_event_pkey PRIMARY KEY (tenant_id, received_at, event_key);
      CREATE INDEX usage_event_customer_no_idx
        ON usage_event (tenant_id, customer_no, occurred_at, event_key);
      ALTER TABLE usage_entry
        ADD CONSTRAINT usage_entry_pkey
          PRIMARY KEY (tenant_id, received_at, event_key, meter_no, is_void, entry_no);
      CREATE INDEX usage_entry_period_idx
        ON usage_entry (tenant_id, customer_no, meter_no, period_start);
      CREATE INDEX usage_entry_late_void_idx
        ON usage_entry (tenant_id, meter_no, customer_no, period_start) WHERE is_void AND revision > 0;
      -- The few entries that stand beside or in place of another one of their event.
      CREATE INDEX usage_entry_later_idx
        ON usage_entry (tenant_id, event_key) WHERE is_void OR entry_no > 0;

      CREATE TRIGGER usage_event_key_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_event_key
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_event_append_only BEFORE DELETE OR TRUNCATE ON usage_event
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_entry_append_only BEFORE DELETE OR TRUNCATE ON usage_entry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_event_erasure_only BEFORE UPDATE ON usage_event
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_event_erasure();
      CREATE TRIGGER usage_entry_erasure_only BEFORE UPDATE ON usage_entry
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      ALTER TABLE usage_event_key RENAME TO parted_usage_event_key;
      ALTER TABLE usage_event RENAME TO parted_usage_event;
      ALTER TABLE usage_entry RENAME TO parted_usage_entry;
      CREATE TABLE usage_event_key (
        LIKE parted_usage_event_key INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
      CREATE TABLE usage_event (LIKE parted_usage_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
      CREATE TABLE usage_entry (LIKE parted_usage_entry INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
      INSERT INTO usage_event_key SELECT * FROM parted_usage_event_key;
      INSERT INTO usage_event SELECT * FROM parted_usage_event;
      INSERT INTO usage_entry SELECT * FROM parted_usage_entry;
      DROP TABLE parted_usage_event_key; DROP TABLE parted_usage_event; DROP TABLE parted_usage_entry;
      DROP FUNCTION make_usage_months; DROP FUNCTION make_usage_month;
      ALTER TABLE usage_event_key
        ADD CONSTRAINT usage_event_key_pkey PRIMARY KEY (tenant_id, event_key);
      ALTER TABLE usage_event ADD CONSTRAINT usage_event_pkey PRIMARY KEY (tenant_id, event_key);
      CREATE INDEX usage_event_customer_no_idx
        ON usage_event (tenant_id, customer_no, occurred_at, event_key);
      ALTER TABLE usage_entry ADD CONSTRAINT usage_entry_pkey
        PRIMARY KEY (tenant_id, event_key, meter_no, is_void, entry_no);
      CREATE INDEX usage_entry_period_idx
        ON usage_entry (tenant_id, customer_no, meter_no, period_start);
      CREATE INDEX usage_entry_late_void_idx
        ON usage_entry (tenant_id, meter_no, customer_no, period_start) WHERE is_void AND revision > 0;
      CREATE TRIGGER usage_event_key_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_event_key
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_event_append_only BEFORE DELETE OR TRUNCATE ON usage_event
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_entry_append_only BEFORE DELETE OR TRUNCATE ON usage_entry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_event_erasure_only BEFORE UPDATE ON usage_event
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_event_erasure();
      CREATE TRIGGER usage_entry_erasure_only BEFORE UPDATE ON usage_entry
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();
    `);
  }
}
