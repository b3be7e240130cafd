export type PayloadStyle = 'snapshot' | 'thin';

/** Where events of one account and mode are sent. Members are named as in the oracle. */
export interface WebhookEndpoint {
  id: string;
  url: string;
  /** Each signs every delivery: two while a secret is rolled. */
  secrets: readonly string[];
  payload: PayloadStyle;
  /** Event types, or `*` for all of the payload style. */
  types: readonly string[];
  account: string;
  livemode: boolean;
  /** Gets the events of connected accounts, and not those of its own. */
  connect: boolean;
}

/** An endpoint as a test orders it; the same shape as the body of `POST /_sim/webhook-endpoints`. */
export interface WebhookEndpointOrder {
  /** Changes the endpoint of this id, as when a secret is rolled. */
  id?: string;
  url: string;
  secret?: string;
  secrets?: readonly string[];
  payload?: PayloadStyle;
  types?: readonly string[];
  connect?: boolean;
  /** A secret key of the account whose events it gets. */
  key: string;
}

export function wants(endpoint: WebhookEndpoint, payload: PayloadStyle, type: string): boolean {
  if (endpoint.payload !== payload) return false;
  return endpoint.types.includes('*') || endpoint.types.includes(type);
}

/** Throws a RangeError for what no endpoint can be made of. */
export function readSecrets(order: WebhookEndpointOrder): readonly string[] {
  const { secrets = [], secret } = order;
  const all = secret === undefined ? secrets : [secret, ...secrets];
  const areTexts = Array.isArray(all) && all.every((one) => typeof one === 'string' && one !== '');
  if (!areTexts || all.length === 0) throw new RangeError('secret or secrets is missing');
  return all;
}

/** Throws a RangeError for an order that would silently deliver nothing. */
export function checkOrder(order: WebhookEndpointOrder): void {
  if (!URL.canParse(order.url)) throw new RangeError('url must be an absolute URL');
  const { payload = 'snapshot', types = ['*'] } = order;
  if (payload !== 'snapshot' && payload !== 'thin') {
    throw new RangeError("payload must be 'snapshot' or 'thin'");
  }
  if (!Array.isArray(types) || types.length === 0) throw new RangeError('types must be a list');
}
