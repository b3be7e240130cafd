import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import type { Simulator, WebhookEndpoint, WebhookEndpointOrder } from '../../src/index.js';
import { SECRET_KEY } from './sandbox.js';

export const WEBHOOK_SECRET = 'whsec_of_the_tests';

export interface ReceivedWebhook {
  body: string;
  signature: string;
}

/** An endpoint that keeps what arrives and answers as it is told. */
export interface Receiver {
  url: string;
  received: ReceivedWebhook[];
  /** Ids of the events in order of arrival. */
  ids(): string[];
  /** Types of the events in order of arrival. */
  types(): string[];
  /** From now on: a status, or what to do with the response. */
  answer: number | ((response: ServerResponse) => void);
  close(): Promise<void>;
}

export async function openReceiver(): Promise<Receiver> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const signature = String(incoming.headers['stripe-signature']);
      receiver.received.push({ body: Buffer.concat(chunks).toString('utf8'), signature });
      const { answer } = receiver;
      if (typeof answer === 'number') outgoing.writeHead(answer).end();
      else answer(outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const parsed = () => receiver.received.map(({ body }) => JSON.parse(body) as Stripe.Event);
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received: [],
    ids: () => parsed().map(({ id }) => id),
    types: () => parsed().map(({ type }) => type),
    answer: 200,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

export function register(
  simulator: Simulator,
  receiver: Receiver,
  order: Partial<WebhookEndpointOrder> = {},
): WebhookEndpoint {
  const { url } = receiver;
  return simulator.addWebhookEndpoint({ url, secret: WEBHOOK_SECRET, key: SECRET_KEY, ...order });
}
