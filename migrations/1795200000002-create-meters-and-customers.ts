import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is counted, whom it is billed to, and when. Settings and schedules are versions, never updated. */
export class CreateMetersAndCustomers1795200000002 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      CREATE TABLE meter (
        tenant_id   uuid        NOT NULL,
        meter_no    integer     NOT NULL,
        key         text COLLATE "C" NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT meter_pkey PRIMARY KEY (tenant_id, meter_no),
        CONSTRAINT meter_key_key UNIQUE (tenant_id, key),
        CONSTRAINT meter_meter_no_check CHECK (meter_no > 0),
        CONSTRAINT meter_key_check CHECK (key ~ '^[a-z][a-z0-9_]{0,63}$')
      );

      CREATE TABLE meter_settings (
        tenant_id          uuid        NOT NULL,
        meter_no           integer     NOT NULL,
        version            integer     NOT NULL,
        aggregation        text        NOT NULL,
        display_name       text,
        unit               text,
        event_types        text[]      NOT NULL,
        value_property     text        NOT NULL,
        unique_property    text,
        -- {property: [values as text]}; an event counts where each property has one of its values.
        filter             jsonb       NOT NULL DEFAULT '{}',
        dimensions         text[]      NOT NULL DEFAULT '{}',
        carry_last         boolean     NOT NULL DEFAULT false,
        stripe_event_name  text,
        -- What was said of the periods then open when stripe_event_name last changed, if anything.
        mapping_from       text,
        -- The version of the gate at which it changed: what was closed before stays where it was.
        mapping_version    bigint      NOT NULL DEFAULT 0,
        push               text        NOT NULL DEFAULT 'live',
        push_from          timestamptz,
        billing_starts_at  timestamptz,
        late_usage         text        NOT NULL,
        archived           boolean     NOT NULL DEFAULT false,
        created_at         timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT meter_settings_pkey PRIMARY KEY (tenant_id, meter_no, version),
        CONSTRAINT meter_settings_aggregation_check
          CHECK (aggregation IN ('sum', 'count', 'max', 'last', 'unique_count')),
        CONSTRAINT meter_settings_unique_property_check
          CHECK ((aggregation = 'unique_count') = (unique_property IS NOT NULL)),
        CONSTRAINT meter_settings_dimensions_check CHECK (cardinality(dimensions) <= 2),
        CONSTRAINT meter_settings_event_types_check CHECK (cardinality(event_types) BETWEEN 1 AND 100),
        CONSTRAINT meter_settings_carry_last_check CHECK (aggregation = 'last' OR NOT carry_last),
        CONSTRAINT meter_settings_mapping_from_check CHECK (mapping_from IN ('now', 'period_start')),
        CONSTRAINT meter_settings_push_check CHECK (push IN ('off', 'shadow', 'live')),
        CONSTRAINT meter_settings_late_usage_check CHECK (
          late_usage IN ('amend', 'reject')
          OR (late_usage = 'carry_forward' AND aggregation IN ('sum', 'count')))
      );

      CREATE TABLE customer (
        tenant_id           uuid        NOT NULL,
        customer_no         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
        customer_id         text COLLATE "C" NOT NULL,
        name                text,
        stripe_customer_id  text COLLATE "C",
        -- What was said of the periods then open when stripe_customer_id last changed, if anything.
        mapping_from        text,
        -- As that of meter_settings.
        mapping_version     bigint      NOT NULL DEFAULT 0,
        -- NULL: as the meter says.
        push                text,
        -- How many erasures the tenant had seen by then: its id may be that of an erased customer.
        erasures_before     bigint      NOT NULL DEFAULT 0,
        created_at          timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT customer_pkey PRIMARY KEY (tenant_id, customer_no),
        CONSTRAINT customer_customer_id_key UNIQUE (tenant_id, customer_id),
        CONSTRAINT customer_stripe_customer_id_key UNIQUE (tenant_id, stripe_customer_id),
        CONSTRAINT customer_customer_id_check CHECK (length(customer_id) BETWEEN 1 AND 255),
        CONSTRAINT customer_mapping_from_check CHECK (mapping_from IN ('now', 'period_start')),
        CONSTRAINT customer_push_check CHECK (push IN ('off', 'shadow', 'live'))
      );

      -- Every name a customer goes by in usage events: its id and its aliases, in one space.
      CREATE TABLE customer_identity (
        tenant_id    uuid    NOT NULL,
        identity     text COLLATE "C" NOT NULL,
        customer_no  bigint  NOT NULL,
        CONSTRAINT customer_identity_pkey PRIMARY KEY (tenant_id, identity),
        CONSTRAINT customer_identity_identity_check CHECK (length(identity) BETWEEN 1 AND 255)
      );
      CREATE INDEX customer_identity_customer_no_idx ON customer_identity (tenant_id, customer_no);

      CREATE TABLE customer_schedule (
        tenant_id       uuid        NOT NULL,
        customer_no     bigint      NOT NULL,
        version         integer     NOT NULL,
        -- 'epoch': from the beginning, in place of all versions before it.
        effective_from  timestamptz NOT NULL,
        "interval"      text        NOT NULL,
        interval_count  integer     NOT NULL,
        anchor          timestamptz NOT NULL,
        timezone        text        NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT customer_schedule_pkey PRIMARY KEY (tenant_id, customer_no, version),
        CONSTRAINT customer_schedule_interval_check
          CHECK ("interval" IN ('day', 'week', 'month', 'year')),
        CONSTRAINT customer_schedule_interval_count_check CHECK (interval_count BETWEEN 1 AND 1000)
      );
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE customer_schedule; DROP TABLE customer_identity; DROP TABLE customer;
      DROP TABLE meter_settings; DROP TABLE meter
    `);
  }
}
