import {
  checkOrder,
  readSecrets,
  type WebhookEndpoint,
  type WebhookEndpointOrder,
} from './webhook-endpoint.js';
import type { World } from './world.js';

/** Real time between two looks for what is due. */
const LOOK_EVERY_MS = 50;

/** Adds an endpoint, or changes the one of the order's id. Throws a RangeError for a bad order. */
export function putEndpoint(world: World, order: WebhookEndpointOrder): WebhookEndpoint {
  const account = world.accounts.ofKey(order.key);
  if (!account) throw new RangeError('A secret key begins with sk_test_ or sk_live_');
  checkOrder(order);
  const endpoint: WebhookEndpoint = {
    id: order.id ?? world.newId('we_'),
    url: order.url,
    secrets: readSecrets(order),
    payload: order.payload ?? 'snapshot',
    types: order.types ?? ['*'],
    account: account.id,
    livemode: account.livemode,
    connect: order.connect ?? false,
  };
  world.webhooks.put(endpoint);
  return endpoint;
}

/** One run at a time: deliveries come one after another, and so the same way each time. */
export class WebhookRuns {
  #latest: Promise<void> = Promise.resolve();
  #waiting = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(private readonly world: World) {}

  /** Delivers by itself from now on, as long as the process lives for another reason. */
  start(): void {
    this.#timer ??= setInterval(() => {
      if (this.#waiting === 0) void this.deliverDue();
    }, LOOK_EVERY_MS).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Sends all that is due by the virtual clock, and waits for the answers. */
  deliverDue(): Promise<void> {
    return this.#run(() => this.#deliver());
  }

  /**
   * Moves the clock forward with a stop at each moment at which something is due, in order: periods
   * end, webhooks are sent and answered, invoices become final. Unix milliseconds.
   */
  advanceTo(targetMs: number): Promise<void> {
    return this.#run(async () => {
      const { clock, webhooks } = this.world;
      await this.#deliver();
      for (;;) {
        const nextMs = Math.min(clock.nextDueMs ?? Infinity, webhooks.nextAtMs);
        if (nextMs > targetMs) break;
        if (nextMs > clock.nowMs()) clock.setMs(nextMs);
        else clock.runDue();
        await this.#deliver();
      }
      if (targetMs > clock.nowMs()) clock.setMs(targetMs);
    });
  }

  async #deliver(): Promise<void> {
    while (await this.world.webhooks.sendNext());
  }

  #run(work: () => Promise<void>): Promise<void> {
    this.#waiting += 1;
    const run = this.#latest.then(work).finally(() => {
      this.#waiting -= 1;
    });
    this.#latest = run.catch(() => {});
    return run;
  }
}
