/** What a code says, and what its reader can do about it. */
interface CodeEntry {
  /** The HTTP status where the code is the answer; codes of one field or event stand in a 422. */
  readonly status: number;
  readonly title: string;
  readonly remedy: string;
}

/**
 * Every code that an answer may carry, as the `code` of a problem document, of one of its `errors`,
 * or of a rejected event. They are public: a code is added, never renamed or given another meaning.
 * `docs/problems.md` is written from this list.
 */
export const PROBLEMS = {
  // The request as a whole
  bad_request: {
    status: 400,
    title: 'The request cannot be understood',
    remedy: 'Correct what `detail` names.',
  },
  empty_body: {
    status: 400,
    title: 'The body is empty',
    remedy: 'Send a JSON document, or leave out the content type where none is needed.',
  },
  invalid_utf8: {
    status: 400,
    title: 'The body is not UTF-8',
    remedy: 'Encode the body as UTF-8 and send it again.',
  },
  invalid_gzip: {
    status: 400,
    title: 'The body is not the gzip it says it is',
    remedy: 'Compress the whole body again, or send it without `Content-Encoding`.',
  },
  invalid_json: {
    status: 400,
    title: 'The body is not JSON',
    remedy: 'Check that the body was sent whole and was made by a JSON library.',
  },
  duplicate_key: {
    status: 400,
    title: 'An object has the same key twice',
    remedy: 'Send each key once; readers differ in which of the two they keep.',
  },
  nesting_too_deep: {
    status: 400,
    title: 'The body is nested deeper than 8 levels',
    remedy: 'Send flat properties.',
  },
  request_aborted: {
    status: 400,
    title: 'The body ended before its end',
    remedy: 'Send the whole again; what was recorded already is answered as a duplicate.',
  },
  unauthorized: {
    status: 401,
    title: 'The API key is missing or not valid',
    remedy: 'Send `Authorization: Bearer <api key>` with a key that has not been revoked.',
  },
  insufficient_scope: {
    status: 403,
    title: 'The API key lacks a scope',
    remedy: 'Use a key with the scope that `detail` names.',
  },
  forbidden: {
    status: 403,
    title: 'This is not allowed',
    remedy: 'See `detail`.',
  },
  route_not_found: {
    status: 404,
    title: 'There is no such route',
    remedy: 'Check method and path against `/docs`.',
  },
  not_found: {
    status: 404,
    title: 'There is no such thing',
    remedy: 'Check the id in the path.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The route has no such method',
    remedy: 'Check the method against `/docs`.',
  },
  not_acceptable: {
    status: 406,
    title: 'No answer of the kind asked for',
    remedy: 'Accept `application/json`.',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    remedy: 'Send it again, in smaller parts.',
  },
  conflict: {
    status: 409,
    title: 'This contradicts what is there',
    remedy: 'Read what is there; see `detail`.',
  },
  payload_too_large: {
    status: 413,
    title: 'The body is larger than 16 MiB',
    remedy: 'Send smaller batches, or NDJSON, which may be of any length.',
  },
  uri_too_long: {
    status: 414,
    title: 'The URL is too long',
    remedy: 'Shorten the query.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not read here',
    remedy: 'Send `Content-Type: application/json`, or one that the route names in `/docs`.',
  },
  unsupported_content_encoding: {
    status: 415,
    title: 'The content encoding is not read here',
    remedy: 'Send the body as it is or with `Content-Encoding: gzip`.',
  },
  validation_failed: {
    status: 422,
    title: 'The request breaks a rule',
    remedy: 'Correct what `errors` points at.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    remedy: 'Wait for `Retry-After` and send the same again.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    remedy: 'Send fewer or shorter headers.',
  },
  internal_error: {
    status: 500,
    title: 'Something broke here',
    remedy: 'Send the same again later; tell us the `instance` if it stays.',
  },
  overloaded: {
    status: 503,
    title: 'Too much at once',
    remedy: 'Wait for `Retry-After` and send the same again.',
  },
  service_unavailable: {
    status: 503,
    title: 'Not available now',
    remedy: 'Wait for `Retry-After` and send the same again.',
  },
  database_unavailable: {
    status: 503,
    title: 'The database cannot be reached',
    remedy: 'Wait for `Retry-After` and send the same again; nothing is counted twice.',
  },
  database_busy: {
    status: 503,
    title: 'The database did not get to it in time',
    remedy: 'Wait for `Retry-After` and send the same again; nothing is counted twice.',
  },

  // One field
  invalid: {
    status: 422,
    title: 'The value breaks a rule',
    remedy: 'See `detail`.',
  },
  required: {
    status: 422,
    title: 'The field is missing',
    remedy: 'Send the field.',
  },
  invalid_type: {
    status: 422,
    title: 'The value is of another JSON type',
    remedy: 'Send the type that `detail` names; values are not converted.',
  },
  too_short: {
    status: 422,
    title: 'The text is empty',
    remedy: 'Send at least one character.',
  },
  too_long: {
    status: 422,
    title: 'The text or list is too long',
    remedy: 'Keep to the length that `detail` names.',
  },
  unknown_field: {
    status: 422,
    title: 'The field is not known',
    remedy: 'Check its spelling; data of your own belongs into `properties`.',
  },
  invalid_text: {
    status: 422,
    title: 'The text has a character that cannot be kept',
    remedy:
      'Take out NUL and lone surrogates (half of a pair); often a text was cut in the middle.',
  },

  // One usage event
  batch_empty: {
    status: 422,
    title: 'The batch has no event',
    remedy: 'Send at least one event.',
  },
  batch_too_long: {
    status: 422,
    title: 'The batch has more than 10,000 events',
    remedy: 'Send smaller batches, or NDJSON, which may be of any length.',
  },
  line_too_long: {
    status: 422,
    title: 'The line is longer than 64 KiB',
    remedy: 'Send one event a line; its largest lawful form is far shorter.',
  },
  quantity_not_exact: {
    status: 422,
    title: 'The quantity may have been rounded on its way',
    remedy: 'Send it as a string; a JSON number is read up to 15 significant digits.',
  },
  quantity_invalid: {
    status: 422,
    title: 'The quantity is not a plain decimal',
    remedy: 'Send at most 15 integer and 12 fraction digits, such as `"-12.5"`.',
  },
  scope_required: {
    status: 422,
    title: 'The event needs a scope that the API key lacks',
    remedy: 'Use a key with the scope that `detail` names.',
  },
  occurred_at_invalid: {
    status: 422,
    title: 'The time is not an instant of RFC 3339',
    remedy: 'Send date, time and offset, to the microsecond, such as `2026-11-01T00:00:00.5Z`.',
  },
  occurred_at_in_future: {
    status: 422,
    title: 'The time lies more than 5 minutes ahead',
    remedy: 'Set the clock of the sender, or leave the field out.',
  },
  occurred_at_too_old: {
    status: 422,
    title: 'The time lies before the year 2000',
    remedy: 'Check the unit of the time, or leave the field out.',
  },
  properties_invalid: {
    status: 422,
    title: 'The properties are not a flat object',
    remedy: 'Send an object of strings, numbers and booleans; `__proto__` cannot be a name.',
  },
  properties_too_many: {
    status: 422,
    title: 'There are more than 50 properties',
    remedy: 'Keep what meters read.',
  },
  properties_too_large: {
    status: 422,
    title: 'The properties are larger than 4 KiB',
    remedy: 'Keep what meters read.',
  },
  property_not_scalar: {
    status: 422,
    title: 'A property is null, an object or a list',
    remedy: 'Flatten it, or leave it out.',
  },
  property_not_exact: {
    status: 422,
    title: 'A property is a whole number that a double cannot hold exactly',
    remedy: 'Send it as a string.',
  },
  property_not_finite: {
    status: 422,
    title: 'A property is a number that no double can hold',
    remedy: 'Send it as a string.',
  },
  specversion_unsupported: {
    status: 422,
    title: 'The CloudEvent is not of version 1.0',
    remedy: 'Send `"specversion": "1.0"`.',
  },
  data_not_json: {
    status: 422,
    title: 'The data of the CloudEvent is not JSON',
    remedy: 'Send `data` as a JSON object, without `data_base64`.',
  },

  // Keys, clocks and lists
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
    remedy: 'Send `next_cursor` of the page before as it is, or begin without a cursor.',
  },

  // Meters and customers
  api_key_not_found: {
    status: 404,
    title: 'There is no such API key',
    remedy: 'Check it in the path or query against the list.',
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
  timezone_unknown: {
    status: 422,
    title: 'The time zone is not known',
    remedy: 'Send a name of the IANA time zone database, such as `Europe/Berlin`.',
  },
  unknown_meter: {
    status: 422,
    title: 'No meter has this key or lists this event type',
    remedy: 'Create the meter with `PUT /v1/meters/:key` and send the event again.',
  },
  unknown_customer: {
    status: 422,
    title: 'No customer has this id or alias',
    remedy: 'Create the customer with `PUT /v1/customers/:id` and send the event again.',
  },
  quantity_required: {
    status: 422,
    title: 'A meter reads the quantity that the event lacks',
    remedy: 'Send `quantity` as a decimal string.',
  },
  property_required: {
    status: 422,
    title: 'A meter reads a property that the event lacks',
    remedy: 'Send the event with the property.',
  },
  property_not_decimal: {
    status: 422,
    title: 'A meter reads a decimal from a property that holds none',
    remedy: 'Send a string of at most 15 integer and 12 fraction digits.',
  },
  late_usage_rejected: {
    status: 422,
    title: 'The billing period is closed and the meter rejects late usage',
    remedy: 'Change `late_usage` of the meter, or bill the usage elsewhere.',
  },
  usage_event_conflict: {
    status: 409,
    title: 'The id is taken by an event with other content',
    remedy:
      'Compare what `fields` names. The first event stands; give another event an id of its own.',
  },
  usage_event_rejected: {
    status: 422,
    title: 'The event was not recorded',
    remedy: 'Correct what `errors` names and send it again under the same id.',
  },
  usage_event_not_found: {
    status: 404,
    title: 'No usage event has this id',
    remedy: 'Check the id, and name the `source` if the event has one.',
  },
  billing_period_not_found: {
    status: 404,
    title: 'The customer has no such billing period',
    remedy: 'List them with `GET /v1/customers/:id/billing-periods?meter=`.',
  },
  period_close_not_found: {
    status: 404,
    title: 'No period close has this id',
    remedy: 'Use the id that `POST /v1/period-closes` answered.',
  },
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
  as_of_in_future: {
    status: 422,
    title: 'Periods cannot be closed ahead of time',
    remedy: 'Send an `as_of` that is not later than now.',
  },
  window_not_aligned: {
    status: 422,
    title: '`from` and `to` must fall on a quarter hour',
    remedy: 'Send instants at :00, :15, :30 or :45.',
  },
  too_many_windows: {
    status: 422,
    title: 'The range has too many windows',
    remedy: 'Ask for a shorter range or a longer window.',
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
  dimension_unknown: {
    status: 422,
    title: 'The meter has no such dimension',
    remedy: 'Group and filter by the dimensions that `GET /v1/meters/:key` names.',
  },
} as const satisfies Record<string, CodeEntry>;

export type ProblemCode = keyof typeof PROBLEMS;
