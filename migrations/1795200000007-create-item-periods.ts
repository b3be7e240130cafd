import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Billing periods as Stripe subscriptions have them, and the invoices that bill them. */
export class CreateItemPeriods1795200000007 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- Where the billing periods of a customer and a meter come from. Each version overrides what
      -- comes after its start; the epoch stands for the beginning. Without a row: the schedule.
      CREATE TABLE billing_source (
        tenant_id       uuid        NOT NULL,
        customer_no     bigint      NOT NULL,
        meter_no        integer     NOT NULL,
        version         integer     NOT NULL,
        source          text        NOT NULL,
        effective_from  timestamptz NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT billing_source_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, version),
        CONSTRAINT billing_source_source_check CHECK (source IN ('schedule', 'stripe'))
      );

      -- What was last asked of the subscriptions of a Stripe customer.
      CREATE TABLE subscription_reading (
        tenant_id           uuid        NOT NULL,
        account_id          text COLLATE "C" NOT NULL,
        livemode            boolean     NOT NULL,
        stripe_customer_id  text COLLATE "C" NOT NULL,
        -- Who has read writes only if nobody else has written since the reading began.
        version             integer     NOT NULL DEFAULT 0,
        -- The tenant's now when the reading began.
        read_at             timestamptz,
        -- The tenant's now from which on it is to be read again without being told to.
        next_read_at        timestamptz,
        -- The tenant's now when its invoices were last looked up.
        invoices_read_at    timestamptz,
        -- The tenant's now from which on they are to be looked up; NULL: there is nothing to find.
        next_invoices_at    timestamptz,
        -- Since when the customer is known to be deleted at Stripe.
        deleted_at          timestamptz,
        CONSTRAINT subscription_reading_pkey
          PRIMARY KEY (tenant_id, account_id, livemode, stripe_customer_id)
      );
      CREATE INDEX subscription_reading_customer_idx
        ON subscription_reading (tenant_id, stripe_customer_id);
      CREATE INDEX subscription_reading_invoices_idx
        ON subscription_reading (tenant_id, next_invoices_at) WHERE next_invoices_at IS NOT NULL;

      -- A metered item of a subscription, for as long as it counted one Stripe meter.
      CREATE TABLE subscription_item (
        tenant_id           uuid        NOT NULL,
        account_id          text COLLATE "C" NOT NULL,
        livemode            boolean     NOT NULL,
        item_id             text COLLATE "C" NOT NULL,
        stripe_meter_id     text COLLATE "C" NOT NULL,
        subscription_id     text COLLATE "C" NOT NULL,
        stripe_customer_id  text COLLATE "C" NOT NULL,
        -- Of the Stripe meter, where one of ours goes by it.
        event_name          text COLLATE "C",
        starts_at           timestamptz NOT NULL,
        -- NULL: it goes on.
        ends_at             timestamptz,
        -- Not canceled, not removed, as far as is known.
        live                boolean     NOT NULL,
        "interval"          text        NOT NULL,
        interval_count      integer     NOT NULL,
        anchor              timestamptz NOT NULL,
        CONSTRAINT subscription_item_pkey
          PRIMARY KEY (tenant_id, account_id, livemode, item_id, stripe_meter_id)
      );
      CREATE INDEX subscription_item_customer_idx
        ON subscription_item (tenant_id, stripe_customer_id, event_name);

      -- The periods of an item that Stripe has named.
      CREATE TABLE item_period (
        tenant_id        uuid        NOT NULL,
        account_id       text COLLATE "C" NOT NULL,
        livemode         boolean     NOT NULL,
        item_id          text COLLATE "C" NOT NULL,
        stripe_meter_id  text COLLATE "C" NOT NULL,
        period_start     timestamptz NOT NULL,
        period_end       timestamptz NOT NULL,
        CONSTRAINT item_period_pkey
          PRIMARY KEY (tenant_id, account_id, livemode, item_id, stripe_meter_id, period_start),
        CONSTRAINT item_period_period_end_check CHECK (period_end > period_start)
      );

      -- Invoices that bill usage of ours.
      CREATE TABLE stripe_invoice (
        tenant_id        uuid        NOT NULL,
        account_id       text COLLATE "C" NOT NULL,
        livemode         boolean     NOT NULL,
        invoice_id       text COLLATE "C" NOT NULL,
        status           text        NOT NULL,
        -- When the draft becomes final by itself; NULL: not, or it is final.
        finalizes_at     timestamptz,
        finalized_at     timestamptz,
        made_at          timestamptz NOT NULL,
        CONSTRAINT stripe_invoice_pkey PRIMARY KEY (tenant_id, account_id, livemode, invoice_id),
        CONSTRAINT stripe_invoice_status_check
          CHECK (status IN ('draft', 'open', 'paid', 'uncollectible', 'void', 'deleted'))
      );

      -- The stretch of time of a customer and a meter that a line of an invoice bills.
      CREATE TABLE invoice_period (
        tenant_id     uuid        NOT NULL,
        customer_no   bigint      NOT NULL,
        meter_no      integer     NOT NULL,
        period_start  timestamptz NOT NULL,
        period_end    timestamptz NOT NULL,
        account_id    text COLLATE "C" NOT NULL,
        livemode      boolean     NOT NULL,
        invoice_id    text COLLATE "C" NOT NULL,
        CONSTRAINT invoice_period_pkey PRIMARY KEY (tenant_id, customer_no, meter_no, period_start,
          period_end, account_id, livemode, invoice_id)
      );
      CREATE INDEX invoice_period_invoice_idx
        ON invoice_period (tenant_id, account_id, livemode, invoice_id);
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`
      DROP TABLE invoice_period; DROP TABLE stripe_invoice; DROP TABLE item_period;
      DROP TABLE subscription_item; DROP TABLE subscription_reading; DROP TABLE billing_source
    `);
  }
}
