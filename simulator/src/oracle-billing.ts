import type { Simulator } from './simulator.js';
import type { WebhookEndpointOrder } from './webhook-endpoint.js';

type Json = Readonly<Record<string, unknown>>;
type Handler = (
  simulator: Simulator,
  body: Json,
  query: URLSearchParams,
) => object | Promise<object>;

/** What the oracle tells and does about invoices, events and webhooks. */
export const BILLING_HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /_sim/invoices': (simulator) => ({ invoices: simulator.invoices() }),
  'GET /_sim/subscriptions': (simulator) => ({ subscriptions: simulator.subscriptions() }),
  'GET /_sim/webhook-endpoints': (simulator) => ({ endpoints: simulator.webhookEndpoints() }),
  'POST /_sim/webhook-endpoints': (simulator, body) =>
    simulator.addWebhookEndpoint(body as unknown as WebhookEndpointOrder),
  'DELETE /_sim/webhook-endpoints': (simulator, _body, query) => {
    const id = query.get('id') ?? '';
    if (!simulator.removeWebhookEndpoint(id)) throw new RangeError(`No endpoint ${id}`);
    return { id, deleted: true };
  },
  'GET /_sim/webhooks': (simulator) => ({ deliveries: simulator.webhooks() }),
  'POST /_sim/webhooks/run': async (simulator) => {
    await simulator.deliverDue();
    return { deliveries: simulator.webhooks() };
  },
  'POST /_sim/advance': async (simulator, { to, seconds }) => {
    await simulator.advanceTo(targetMs(simulator, to, seconds));
    return simulator.clock();
  },
};

/** `{"to": unix seconds or RFC 3339}` or `{"seconds": 90}`. */
function targetMs(simulator: Simulator, to: unknown, seconds: unknown): number {
  if (typeof seconds === 'number') return Math.round((simulator.clock().now + seconds) * 1000);
  const target = typeof to === 'number' ? Math.round(to * 1000) : Date.parse(String(to));
  if (Number.isNaN(target))
    throw new RangeError('to (unix seconds or RFC 3339) or seconds is missing');
  return target;
}
