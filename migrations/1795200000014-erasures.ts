import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Erasures of customers, and the only ways in which the books can be changed by them. */
export class Erasures1795200000014 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Whoever works on one goes from phase to phase, a transaction at a time. What it must know to
      -- find the customer's texts stands here until it is finished, and then nowhere.
      CREATE TABLE erasure (
        tenant_id       uuid        NOT NULL,
        erasure_id      uuid        NOT NULL,
        customer_no     bigint      NOT NULL,
        -- What the customer goes by from then on.
        pseudonym       text COLLATE "C" NOT NULL,
        reason          text        NOT NULL,
        -- {"texts": […], "customer_ids": […], "stripe_customer_ids": […]}
        sought          json,
        -- Keys the hashes that stand in place of texts which must stay different from each other.
        hash_key        bytea,
        -- Audit entries before this one may tell of the customer.
        audit_sequence  bigint      NOT NULL,
        phase           text        NOT NULL,
        -- The last that this phase has done; NULL before the first.
        position        json,
        usage_events    bigint      NOT NULL DEFAULT 0,
        other_rows      bigint      NOT NULL DEFAULT 0,
        created_at      timestamptz NOT NULL,
        finished_at     timestamptz,
        CONSTRAINT erasure_pkey PRIMARY KEY (tenant_id, erasure_id),
        CONSTRAINT erasure_phase_check CHECK (phase IN ('usage_events', 'totals', 'pushes',
          'corrections', 'replays', 'quarantine', 'stripe', 'answers', 'approvals', 'audit', 'done')),
        CONSTRAINT erasure_finished_check CHECK ((finished_at IS NOT NULL) = (phase = 'done')
          AND num_nulls(sought, hash_key) = CASE phase WHEN 'done' THEN 2 ELSE 0 END)
      );
      CREATE UNIQUE INDEX erasure_running_key
        ON erasure (tenant_id, customer_no) WHERE finished_at IS NULL;

      -- Stripe customers that erased customers were pushed to, as hashes: until then no other customer
      -- is pushed there, as nobody sees which minutes are used.
      CREATE TABLE erased_stripe_customer (
        tenant_id  uuid        NOT NULL,
        hash       bytea       NOT NULL,
        -- The same one for all of a tenant.
        hash_key   bytea       NOT NULL,
        until      timestamptz NOT NULL,
        CONSTRAINT erased_stripe_customer_pkey PRIMARY KEY (tenant_id, hash)
      );

      -- Of an event whose texts were erased all three are NULL.
      ALTER TABLE usage_event
        ALTER COLUMN source DROP NOT NULL,
        ALTER COLUMN usage_event_id DROP NOT NULL,
        ALTER COLUMN customer_id DROP NOT NULL,
        ADD CONSTRAINT usage_event_erased_check
          CHECK (num_nulls(source, usage_event_id, customer_id) IN (0, 3)
                 AND (usage_event_id IS NOT NULL OR properties IS NULL));

      CREATE FUNCTION erased_text(erasing text, hash_key bytea)
      RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT 'erased_' || left(encode(sha256(hash_key || convert_to(erasing, 'UTF8')), 'hex'), 24)
      $$;

      -- Values of properties, so they go; groups that differ stay apart.
      CREATE FUNCTION erased_dimensions(dimensions text, hash_key bytea)
      RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT '[' || string_agg(CASE json_typeof(d.value) WHEN 'null' THEN 'null'
                 ELSE '"' || public.erased_text(d.value::text, hash_key) || '"' END,
                 ',' ORDER BY d.ordinality) || ']'
          FROM json_array_elements(dimensions::json) WITH ORDINALITY AS d
      $$;

      CREATE FUNCTION has_texts(dimensions text)
      RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT dimensions <> '[]' AND EXISTS (
          SELECT FROM json_array_elements_text(dimensions::json) d
           WHERE d.value !~ '^erased_[0-9a-f]{24}$')
      $$;

      CREATE FUNCTION refuse_all_but_event_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        OLD.source := NULL;
        OLD.usage_event_id := NULL;
        OLD.customer_id := NULL;
        OLD.properties := NULL;
        IF NEW::text = OLD::text THEN
          RETURN NEW;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $$;
      CREATE FUNCTION refuse_all_but_dimension_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF public.has_texts(OLD.dimensions) AND NOT public.has_texts(NEW.dimensions) THEN
          OLD.dimensions := NEW.dimensions;
          IF NEW::text = OLD::text THEN
            RETURN NEW;
          END IF;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $$;
      CREATE FUNCTION refuse_all_but_reason_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        OLD.reason := '[erased]';
        IF NEW::text = OLD::text THEN
          RETURN NEW;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
      END $$;

      DROP TRIGGER usage_event_append_only ON usage_event;
      DROP TRIGGER usage_entry_append_only ON usage_entry;
      DROP TRIGGER usage_void_append_only ON usage_void;
      CREATE TRIGGER usage_event_append_only BEFORE DELETE OR TRUNCATE ON usage_event
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_entry_append_only BEFORE DELETE OR TRUNCATE ON usage_entry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_void_append_only BEFORE DELETE OR TRUNCATE ON usage_void
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_event_erasure_only BEFORE UPDATE ON usage_event
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_event_erasure();
      CREATE TRIGGER usage_entry_erasure_only BEFORE UPDATE ON usage_entry
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_dimension_erasure();
      CREATE TRIGGER usage_void_erasure_only BEFORE UPDATE ON usage_void
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_reason_erasure();

      -- The functions below have their owner's rights, past the rights and the wall of whoever calls
      -- them. They work for the tenant of the caller's transaction alone, take no other, and only on a
      -- customer whose erasure is under way, as the audit tells and the name that the customer goes by.
      -- Nothing of theirs is looked for in a schema that others may make functions in.
      CREATE FUNCTION running_erasure(erasing_tenant uuid, erasing_customer bigint)
      RETURNS public.erasure LANGUAGE plpgsql STABLE AS $$
      DECLARE
        running public.erasure;
      BEGIN
        SELECT e.* INTO running
          FROM public.erasure e
          JOIN public.customer c ON c.tenant_id = e.tenant_id AND c.customer_no = e.customer_no
           AND c.customer_id = e.pseudonym
          JOIN public.audit_entry a ON a.tenant_id = e.tenant_id AND a.sequence = e.audit_sequence
           AND a.action = 'customer.erased' AND a.subject = 'customer:' || e.pseudonym
         WHERE e.tenant_id = erasing_tenant AND e.customer_no = erasing_customer
           AND e.tenant_id = current_setting('countonce.tenant_id')::uuid
           AND e.finished_at IS NULL;
        IF running.hash_key IS NULL THEN
          RAISE EXCEPTION 'no erasure of this customer is under way'
            USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN running;
      END $$;

      CREATE FUNCTION erase_usage_texts(erasing_tenant uuid, erasing_customer bigint, event_keys uuid[])
      RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
      AS $$
      DECLARE
        own_key bytea := (public.running_erasure(erasing_tenant, erasing_customer)).hash_key;
        erased bigint;
      BEGIN
        UPDATE public.usage_entry e
           SET dimensions = public.erased_dimensions(e.dimensions, own_key)
          FROM public.usage_event_key k
         WHERE k.tenant_id = erasing_tenant AND k.event_key = ANY (event_keys)
           AND e.tenant_id = erasing_tenant AND e.event_key = k.event_key
           AND e.received_at = k.received_at
           AND e.customer_no = erasing_customer AND public.has_texts(e.dimensions);
        UPDATE public.usage_entry e
           SET dimensions = public.erased_dimensions(e.dimensions, own_key)
         WHERE e.tenant_id = erasing_tenant AND e.event_key = ANY (event_keys) AND e.is_void
           AND e.customer_no = erasing_customer AND public.has_texts(e.dimensions);
        UPDATE public.usage_void v
           SET reason = '[erased]'
          FROM public.usage_event_key k, public.usage_event e
         WHERE v.tenant_id = erasing_tenant AND v.event_key = ANY (event_keys)
           AND k.tenant_id = erasing_tenant AND k.event_key = v.event_key
           AND e.tenant_id = erasing_tenant AND e.event_key = k.event_key
           AND e.received_at = k.received_at
           AND e.customer_no = erasing_customer AND v.reason <> '[erased]';
        UPDATE public.usage_event e
           SET source = NULL, usage_event_id = NULL, customer_id = NULL, properties = NULL
          FROM public.usage_event_key k
         WHERE k.tenant_id = erasing_tenant AND k.event_key = ANY (event_keys)
           AND e.tenant_id = erasing_tenant AND e.event_key = k.event_key
           AND e.received_at = k.received_at
           AND e.customer_no = erasing_customer AND e.usage_event_id IS NOT NULL;
        GET DIAGNOSTICS erased = ROW_COUNT;
        RETURN erased;
      END $$;

      -- Reasons that are no codes were given by people.
      CREATE FUNCTION erase_push_reasons(erasing_tenant uuid, erasing_customer bigint, identifiers text[])
      RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
      AS $$
      BEGIN
        PERFORM public.running_erasure(erasing_tenant, erasing_customer);
        UPDATE public.push_transition t
           SET reason = '[erased]'
          FROM public.push p
         WHERE p.tenant_id = erasing_tenant AND p.identifier = ANY (identifiers)
           AND p.customer_no = erasing_customer
           AND t.tenant_id = erasing_tenant AND t.identifier = p.identifier
           AND t.reason !~ '^[a-z0-9_]+$';
      END $$;

      CREATE FUNCTION erase_audit_texts(erasing_tenant uuid, erasing_customer bigint, sequences bigint[])
      RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
      AS $$
      DECLARE
        own_sequence bigint := (public.running_erasure(erasing_tenant, erasing_customer)).audit_sequence;
        erased bigint;
      BEGIN
        UPDATE public.audit_entry a
           SET subject = NULL, reason = NULL, before = NULL, after = NULL, salt = NULL
         WHERE a.tenant_id = erasing_tenant AND a.sequence = ANY (sequences)
           AND a.sequence < own_sequence AND a.salt IS NOT NULL;
        GET DIAGNOSTICS erased = ROW_COUNT;
        RETURN erased;
      END $$;

      REVOKE ALL ON FUNCTION erase_usage_texts, erase_push_reasons, erase_audit_texts FROM PUBLIC;
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TRIGGER usage_event_erasure_only ON usage_event;
      DROP TRIGGER usage_entry_erasure_only ON usage_entry;
      DROP TRIGGER usage_void_erasure_only ON usage_void;
      DROP TRIGGER usage_event_append_only ON usage_event;
      DROP TRIGGER usage_entry_append_only ON usage_entry;
      DROP TRIGGER usage_void_append_only ON usage_void;
      CREATE TRIGGER usage_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_event
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_entry
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      CREATE TRIGGER usage_void_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_void
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
      DROP FUNCTION erase_usage_texts, erase_push_reasons, erase_audit_texts, running_erasure,
        refuse_all_but_event_erasure, refuse_all_but_dimension_erasure,
        refuse_all_but_reason_erasure, erased_dimensions, has_texts, erased_text;
      ALTER TABLE usage_event
        DROP CONSTRAINT usage_event_erased_check,
        ALTER COLUMN source SET NOT NULL,
        ALTER COLUMN usage_event_id SET NOT NULL,
        ALTER COLUMN customer_id SET NOT NULL;
      DROP TABLE erased_stripe_customer; DROP TABLE erasure
    `);
  }
}
