import type { Account } from './account.js';
import type { Accounts } from './accounts.js';
import { Agenda } from './agenda.js';
import type { VirtualClock } from './clock.js';
import { seededRandom } from './seeded-random.js';
import type { Switches } from './switches.js';
import {
  bodyFor,
  retryAtMs,
  type WebhookDelivery,
  type WebhookMessage,
} from './webhook-delivery.js';
import { wants, type PayloadStyle, type WebhookEndpoint } from './webhook-endpoint.js';
import { postWebhook } from './webhook-request.js';
import { signatureHeader } from './webhook-signature.js';

/** What the deliveries of one event to its endpoints have in common. */
interface Dispatch {
  message: WebhookMessage;
  /** Endpoints that have not answered 2xx. */
  unanswered: number;
}

interface Sending {
  dispatch: Dispatch;
  endpoint: WebhookEndpoint;
  delivery: WebhookDelivery;
  firstAtMs: number | null;
}

/** The endpoints and all that is, was or will be sent to them. */
export class WebhookQueue {
  readonly #endpoints = new Map<string, WebhookEndpoint>();
  readonly #agenda = new Agenda<Sending>();
  readonly #dispatches = new Map<string, Dispatch>();
  #deliveries: WebhookDelivery[] = [];
  #random: () => number;

  constructor(
    private readonly clock: VirtualClock,
    private readonly accounts: Accounts,
    private readonly switches: () => Switches,
    private readonly seed: number,
  ) {
    this.#random = seededRandom(seed);
  }

  get nextAtMs(): number {
    return this.#agenda.nextAtMs;
  }

  put(endpoint: WebhookEndpoint): void {
    this.#endpoints.set(endpoint.id, endpoint);
  }

  endpoint(id: string): WebhookEndpoint | undefined {
    return this.#endpoints.get(id);
  }

  /** What was not sent to it yet never will be. */
  remove(id: string): boolean {
    return this.#endpoints.delete(id);
  }

  endpoints(): WebhookEndpoint[] {
    return [...this.#endpoints.values()];
  }

  /** In the order in which the events were made. */
  deliveries(): WebhookDelivery[] {
    return structuredClone(this.#deliveries);
  }

  wanting(account: Account, payload: PayloadStyle, type: string): WebhookEndpoint[] {
    const platforms = this.accounts.platformsOf(account.id);
    return this.endpoints().filter((one) => {
      if (one.livemode !== account.livemode || !wants(one, payload, type)) return false;
      return one.connect ? platforms.includes(one.account) : one.account === account.id;
    });
  }

  /** How many endpoints have not answered 2xx to an event. */
  unanswered(eventId: string): number {
    return this.#dispatches.get(eventId)?.unanswered ?? 0;
  }

  /** True with this chance; the same seed gives the same draws in the same order. */
  draw(probability: number): boolean {
    return probability > 0 && this.#random() < probability;
  }

  enqueue(account: Account, message: WebhookMessage): void {
    const endpoints = this.wanting(account, message.payload, message.type);
    if (endpoints.length === 0) return;
    const dispatch = { message, unanswered: endpoints.length };
    this.#dispatches.set(message.eventId, dispatch);
    for (const endpoint of endpoints) this.#plan(dispatch, endpoint);
  }

  /** Sends what is due next; false when nothing is. */
  async sendNext(): Promise<boolean> {
    const due = this.#agenda.takeDue(this.clock.nowMs());
    if (!due) return false;
    const { entry: sending, atMs } = due;
    if (sending.delivery.status === 'lost') this.#answered(sending.dispatch, atMs);
    else await this.#attempt(sending);
    return true;
  }

  clear(): void {
    this.#endpoints.clear();
    this.#agenda.clear();
    this.#dispatches.clear();
    this.#deliveries = [];
    this.#random = seededRandom(this.seed);
  }

  #plan(dispatch: Dispatch, endpoint: WebhookEndpoint): void {
    const { webhookLost, webhookTwice } = this.switches();
    const isLost = this.draw(webhookLost);
    this.#planCopy(dispatch, endpoint, 1, isLost);
    if (!isLost && this.draw(webhookTwice)) this.#planCopy(dispatch, endpoint, 2, false);
  }

  #planCopy(dispatch: Dispatch, endpoint: WebhookEndpoint, copy: number, isLost: boolean): void {
    const { webhookDelayMs, webhookShuffleMs } = this.switches();
    const { message } = dispatch;
    const shuffleMs = webhookShuffleMs > 0 ? Math.floor(this.#random() * webhookShuffleMs) : 0;
    const atMs = message.atMs + webhookDelayMs + shuffleMs;
    const delivery: WebhookDelivery = {
      event: message.eventId,
      type: message.type,
      endpoint: endpoint.id,
      url: endpoint.url,
      payload: message.payload,
      status: isLost ? 'lost' : 'pending',
      copy,
      due: isLost ? null : new Date(atMs).toISOString(),
      attempts: [],
    };
    this.#deliveries.push(delivery);
    this.#agenda.add(atMs, { dispatch, endpoint, delivery, firstAtMs: null });
  }

  async #attempt(sending: Sending): Promise<void> {
    const { dispatch, delivery } = sending;
    // Taken anew, as its secrets may have been rolled since.
    const endpoint = this.#endpoints.get(delivery.endpoint);
    if (!endpoint) {
      Object.assign(delivery, { status: 'failed', due: null });
      return;
    }
    const startedMs = this.clock.nowMs();
    sending.firstAtMs ??= startedMs;
    const outcome = await this.#post(endpoint, dispatch.message);
    // The simulator was reset meanwhile.
    if (this.#dispatches.get(dispatch.message.eventId) !== dispatch) return;
    const status = 'status' in outcome ? outcome.status : null;
    const error = 'error' in outcome ? outcome.error : null;
    delivery.attempts.push({ at: new Date(startedMs).toISOString(), status, error });
    if (status !== null && status >= 200 && status < 300) {
      Object.assign(delivery, { status: 'delivered', due: null });
      if (delivery.copy === 1) this.#answered(dispatch, startedMs);
      return;
    }
    const { attempts } = delivery;
    const againMs = retryAtMs(endpoint, attempts.length, sending.firstAtMs, startedMs);
    delivery.due = againMs === null ? null : new Date(againMs).toISOString();
    if (againMs === null) delivery.status = 'failed';
    else this.#agenda.add(againMs, sending);
  }

  #post(endpoint: WebhookEndpoint, message: WebhookMessage) {
    const body = bodyFor(endpoint, message);
    const { webhookTime, webhookExtraScheme, webhookTimeoutMs } = this.switches();
    const nowMs = webhookTime === 'virtual' ? this.clock.nowMs() : Date.now();
    const t = Math.floor(nowMs / 1000);
    const signature = signatureHeader(body, endpoint.secrets, t, webhookExtraScheme);
    return postWebhook(endpoint.url, body, signature, webhookTimeoutMs);
  }

  #answered(dispatch: Dispatch, atMs: number): void {
    dispatch.unanswered -= 1;
    if (dispatch.unanswered === 0) dispatch.message.onAnswered?.(atMs);
  }
}
