import { randomBytes } from 'node:crypto';
import { startSimulator, type Simulator } from '@countonce/stripe-simulator';
import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { stripeClient } from '../../src/stripe/stripe-client.js';
import { startTestApp, type TestApp } from '../support/app.js';

const KEY = 'sk_test_platform';
const CONNECTED = 'acct_connected';
const SECRET = 'whsec_connect';
const REPORT = 'v1.billing.meter.error_report_triggered';

/** Refused by Stripe only after its 200, since nobody knows the customer. */
async function refusedEvent(client: Stripe): Promise<void> {
  await client.billing.meters.create({
    display_name: 'Calls',
    event_name: 'calls',
    default_aggregation: { formula: 'sum' },
  });
  await client.billing.meterEvents.create({
    event_name: 'calls',
    payload: { stripe_customer_id: 'cus_unknown', value: '1' },
  });
}

async function reports(simulator: Simulator, test: TestApp): Promise<any[]> {
  simulator.advanceClock(30);
  await simulator.deliverDue();
  for (const { attempts } of simulator.webhooks()) {
    expect(attempts).toMatchObject([{ status: 200, error: null }]);
  }
  const list = async () => (await test.call('GET', `/v1/stripe-events?type=${REPORT}`)).body.data;
  while ((await list()).some(({ outcome }: { outcome: string }) => outcome === 'pending'));
  return list();
}

async function open(
  stripeAccount: string | null,
): Promise<{ simulator: Simulator; test: TestApp }> {
  const simulator = await startSimulator({
    accounts: { [KEY]: 'acct_platform' },
    connectedAccounts: { [KEY]: [CONNECTED] },
    switches: { unknownCustomer: 'async' },
  });
  const test = await startTestApp({
    ROLE: 'all',
    STRIPE_API_BASE: simulator.url,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  });
  const account = {
    secret_key: KEY,
    webhook_secrets: [SECRET],
    ...(stripeAccount !== null && { stripe_account: stripeAccount }),
  };
  expect((await test.call('PUT', '/v1/stripe-account', account)).status).toBe(200);
  const url = `${test.url}/v1/webhooks/stripe`;
  for (const connect of [true, false]) {
    simulator.addWebhookEndpoint({ url, secret: SECRET, payload: 'thin', key: KEY, connect });
  }
  const own = stripeClient(KEY, simulator.url);
  await refusedEvent(own);
  await refusedEvent(stripeClient(KEY, simulator.url, { connectedAccount: CONNECTED }));
  return { simulator, test };
}

describe('events of a platform and of its connected account', () => {
  it.each([
    [CONNECTED, CONNECTED],
    [null, null],
  ])('are worked on where they are of the account that is set (%s)', async (set, named) => {
    const { simulator, test } = await open(set);
    await using _ = test;
    try {
      const events = await reports(simulator, test);
      expect(events).toHaveLength(2);
      for (const event of events) {
        const isOurs = event.stripe_account === named;
        expect(event.outcome).toBe(isOurs ? 'done' : 'ignored');
        if (!isOurs) expect(event.effects).toEqual([{ kind: 'ignored', reason: 'other_account' }]);
      }
    } finally {
      await simulator.stop();
    }
  });
});
