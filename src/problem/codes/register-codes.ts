import type { CodeEntry } from './code-entry.js';

/** Codes of keys, tenants, clocks, lists, meters and customers. */
export const REGISTER_CODES = {
  tenant_name_in_use: {
    status: 409,
    title: 'Another tenant has the name',
    remedy: 'Choose another name.',
  },
  test_clock_live: {
    status: 409,
    title: 'The clock cannot be set where the Stripe key is a live one',
    remedy: 'Use a key that begins with `sk_test_` or `rk_test_`, or none.',
  },
  invalid_cursor: {
    status: 422,
    title: 'The cursor was not given by this list',
    remedy:
      'Send `next_cursor` of the page before as it is, to the same list with the same parameters ' +
      'but for `limit`, or begin without a cursor.',
  },
  api_key_not_found: {
    status: 404,
    title: 'There is no such API key',
    remedy: 'Check it in the path or query against the list.',
  },
  api_key_not_rotatable: {
    status: 409,
    title: 'The API key is revoked, expired, replaced already, or set by the environment',
    remedy:
      'Make another key; the one of the environment is changed by another `BOOTSTRAP_API_KEY`.',
  },
  last_admin_key: {
    status: 409,
    title: 'No other API key of the tenant may manage keys',
    remedy:
      'Make another key with the scope `admin` first, or rotate this one with `"overlap_seconds": 0`.',
  },
  meter_not_found: {
    status: 404,
    title: 'There is no such meter',
    remedy: 'Check it in the path or query against the list.',
  },
  customer_not_found: {
    status: 404,
    title: 'There is no such customer',
    remedy: 'Check it in the path or query against the list.',
  },
  late_usage_not_additive: {
    status: 422,
    title: 'Late usage of this aggregation cannot be carried forward',
    remedy: 'Use `amend` or `reject`; only `sum` and `count` add up over periods.',
  },
  meter_in_use: {
    status: 409,
    title: 'The meter has usage, so what it counts cannot change',
    remedy: 'Make another meter; `detail` names the fields.',
  },
  push_from_required: {
    status: 409,
    title: 'The meter has usage, and it is not said from when it is pushed',
    remedy: 'Send `push_from` as well.',
  },
  stripe_event_name_in_use: {
    status: 409,
    title: 'Another meter pushes to this Stripe meter',
    remedy: 'Clear it there or archive that meter first.',
  },
  stripe_customer_id_in_use: {
    status: 409,
    title: 'Another customer has this Stripe customer',
    remedy: 'Clear it there first.',
  },
  stripe_customer_erased: {
    status: 409,
    title: 'A customer that was pushed to this Stripe customer within 35 days was erased',
    remedy: 'Make another customer at Stripe and send that one, or ask again after `until`.',
  },
  mapping_in_use: {
    status: 409,
    title: 'Usage of an open period was pushed already',
    remedy:
      'Send `"from": "now"` or `"from": "period_start"` to say what moves to the new mapping.',
  },
  customer_identity_in_use: {
    status: 409,
    title: 'Another customer goes by this id or alias',
    remedy: 'Take it out of the aliases of that customer first.',
  },
  customer_unsettled: {
    status: 409,
    title: 'Usage of the customer is still on its way to Stripe, or being voided',
    remedy:
      'Flush the customer or close its periods, and wait until its pushes are delivered; settle by ' +
      'hand those that are `unknown`, `disputed` or `pending` for good, or set `push` to `off`. ' +
      '`unsettled` counts what is left.',
  },
  erasure_not_found: {
    status: 404,
    title: 'No erasure has this id',
    remedy: 'Use the id that `POST /v1/customers/:id/erasures` answered.',
  },
  erasure_needs_roles: {
    status: 409,
    title: 'Countonce has no roles on the database, so the ledger cannot be changed at all',
    remedy:
      'Have the roles made as `countonce doctor` says, run `countonce migrate`, and ask again.',
  },
  timezone_unknown: {
    status: 422,
    title: 'The time zone is not known',
    remedy: 'Send a name of the IANA time zone database, such as `Europe/Berlin`.',
  },
  dimension_unknown: {
    status: 422,
    title: 'The meter has no such dimension',
    remedy: 'Group and filter by the dimensions that `GET /v1/meters/:key` names.',
  },
} as const satisfies Record<string, CodeEntry>;
