import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Stripe accounts of tenants, and the events that Stripe sends. */
export class CreateStripeEvents1795200000006 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      -- The Stripe account that a tenant set by the API. Its secrets are encrypted by a key that is
      -- not in the database, and bound to their tenant and purpose.
      CREATE TABLE stripe_account (
        tenant_id             uuid        NOT NULL,
        -- Another one at every change, so that processes notice it.
        version               uuid        NOT NULL,
        -- The account that pushes go to: the connected one where there is one.
        account_id            text COLLATE "C" NOT NULL,
        livemode              boolean     NOT NULL,
        connected_account     text COLLATE "C",
        secret_key            text        NOT NULL,
        secret_key_last4      text        NOT NULL,
        -- A JSON array, encrypted as a whole.
        webhook_secrets       text        NOT NULL,
        webhook_secret_count  integer     NOT NULL,
        updated_at            timestamptz NOT NULL,
        CONSTRAINT stripe_account_pkey PRIMARY KEY (tenant_id),
        CONSTRAINT stripe_account_tenant_id_fkey FOREIGN KEY (tenant_id)
          REFERENCES tenant (tenant_id),
        CONSTRAINT stripe_account_connected_account_check
          CHECK (connected_account IS NULL OR connected_account = account_id)
      );

      -- The inbox: every event is written down before anything is done about it, once each.
      CREATE TABLE stripe_event (
        tenant_id        uuid        NOT NULL,
        event_id         text COLLATE "C" NOT NULL,
        type             text COLLATE "C" NOT NULL,
        object_id        text COLLATE "C",
        livemode         boolean     NOT NULL,
        -- The connected account, for events of one.
        account_id       text COLLATE "C",
        event_at         timestamptz,
        received_at      timestamptz NOT NULL,
        -- As it came, byte by byte: what was signed.
        body             text        NOT NULL,
        outcome          text        NOT NULL,
        effects          jsonb       NOT NULL,
        -- The object as Stripe had it when the event was worked on.
        fetched          json,
        attempts         integer     NOT NULL DEFAULT 0,
        -- Of them, those that failed since the last one that did not.
        failures         integer     NOT NULL DEFAULT 0,
        last_error       text,
        -- NULL: nothing is left to be done.
        next_attempt_at  timestamptz,
        -- When it is given up.
        give_up_at       timestamptz NOT NULL,
        lease_until      timestamptz,
        fence            bigint      NOT NULL DEFAULT 0,
        settled_at       timestamptz,
        CONSTRAINT stripe_event_pkey PRIMARY KEY (tenant_id, event_id),
        CONSTRAINT stripe_event_event_id_check CHECK (length(event_id) BETWEEN 1 AND 255),
        CONSTRAINT stripe_event_outcome_check CHECK (
          outcome IN ('pending', 'done', 'ignored', 'waiting', 'failed', 'dead')),
        CONSTRAINT stripe_event_next_attempt_at_check CHECK (
          (next_attempt_at IS NOT NULL) = (outcome IN ('pending', 'waiting', 'failed'))),
        CONSTRAINT stripe_event_settled_at_check CHECK (
          (settled_at IS NULL) = (outcome IN ('pending', 'waiting', 'failed')))
      );
      CREATE INDEX stripe_event_due_idx ON stripe_event (tenant_id, next_attempt_at)
        WHERE next_attempt_at IS NOT NULL;
      CREATE INDEX stripe_event_list_idx ON stripe_event (tenant_id, received_at, event_id);
      CREATE INDEX stripe_event_dead_idx ON stripe_event (tenant_id) WHERE outcome = 'dead';
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query('DROP TABLE stripe_event; DROP TABLE stripe_account');
  }
}
