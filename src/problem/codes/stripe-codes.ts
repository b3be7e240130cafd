import type { CodeEntry } from './code-entry.js';

/** Codes of pushes, of what is held against Stripe, and of what Stripe sends. */
export const STRIPE_CODES = {
  push_not_found: {
    status: 404,
    title: 'There is no such push',
    remedy: 'Use an identifier that `GET /v1/pushes` lists; a hold ends when its reason does.',
  },
  push_not_resolvable: {
    status: 409,
    title: 'The push is not one to settle by hand',
    remedy: 'Look at its `status`; ask again when it is `unknown`, `disputed` or `rejected`.',
  },
  reconciliation_not_found: {
    status: 404,
    title: 'No reconciliation has this id',
    remedy: 'Use the id that `POST /v1/reconciliations` answered.',
  },
  reconciliation_running: {
    status: 409,
    title: 'The reconciliation has not ended',
    remedy: 'Wait until `GET /v1/reconciliations/:id` says `finished`.',
  },
  reconciliation_outdated: {
    status: 409,
    title: 'The lane has had other pushes since it was read',
    remedy: 'Reconcile again, and repair what that finds.',
  },
  encryption_key_missing: {
    status: 503,
    title: 'No key is set that encrypts secrets',
    remedy: 'Start with `ENCRYPTION_KEY`, 32 bytes as `openssl rand -base64 32` makes them.',
  },
  secret_unreadable: {
    status: 503,
    title: 'A stored secret cannot be decrypted',
    remedy:
      'Add the key that it was encrypted by to `ENCRYPTION_KEY`, or send the Stripe account again.',
  },
  stripe_account_not_found: {
    status: 404,
    title: 'The tenant has set no Stripe account',
    remedy: 'Send `PUT /v1/stripe-account`. The key of the environment is not shown here.',
  },
  stripe_account_changed: {
    status: 409,
    title: 'The Stripe account was changed meanwhile',
    remedy: 'Read it, and send the whole again.',
  },
  stripe_key_refused: {
    status: 422,
    title: 'Stripe does not accept the key',
    remedy: 'Send a key that Stripe has not revoked; with `stripe_account`, one of its platform.',
  },
  stripe_unavailable: {
    status: 503,
    title: 'Stripe could not be asked',
    remedy: 'Send the same again; nothing was changed.',
  },
  webhook_signature_invalid: {
    status: 400,
    title: 'The event is not signed by a secret of this address, or not now',
    remedy: 'Check the signing secret, that the body arrives unaltered, and the clock.',
  },
  webhook_event_invalid: {
    status: 400,
    title: 'The body is not an event of Stripe',
    remedy: 'Let Stripe alone send to this address.',
  },
  webhook_not_configured: {
    status: 503,
    title: 'No signing secret is set',
    remedy: 'Set `STRIPE_WEBHOOK_SECRET`, or send `webhook_secrets` to `PUT /v1/stripe-account`.',
  },
  webhook_event_unfinished: {
    status: 503,
    title: 'The event is written down, but what it asks for is not done yet',
    remedy: 'None: Stripe sends it again, which also keeps its invoice a draft until then.',
  },
  stripe_event_not_found: {
    status: 404,
    title: 'No event of Stripe has this id',
    remedy: 'Use an id that `GET /v1/stripe-events` lists.',
  },
  stripe_event_not_retryable: {
    status: 409,
    title: 'The event is worked on already, or done',
    remedy: 'Retry events whose outcome is `dead`, `failed` or `ignored`.',
  },
} as const satisfies Record<string, CodeEntry>;
