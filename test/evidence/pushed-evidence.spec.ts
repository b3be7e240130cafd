import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEvidence } from '../../src/commands/verification/verification.js';
import { AmendmentSealer } from '../../src/periods/amendment-sealer.js';
import { openStripeScene, type StripeScene } from '../support/stripe-scene.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { exported, sealed, verified, wrongOf, type Line } from './evidence-scene.js';

const WEBHOOK_SECRET = 'whsec_evidence';

let scene: StripeScene;
let folder: string;
let lines: Line[];

beforeAll(async () => {
  folder = temporaryFolder();
  scene = await openStripeScene('2026-10-30T12:00:00Z', {
    READBACK_STABLE_SECONDS: '0',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
  });
  await scene.stripe.billing.meters.create({
    display_name: 'Peak',
    event_name: 'peak',
    default_aggregation: { formula: 'last' },
  });
  await scene.app.call('PUT', '/v1/meters/tokens', { late_usage: 'amend' });
  await scene.app.call('PUT', '/v1/meters/peak', { aggregation: 'max', stripe_event_name: 'peak' });
  await scene.app.call('PUT', '/v1/meters/unmapped', { aggregation: 'sum' });
  await scene.subscribe();
  await scene.fromStripe();
  await use('a', 'tokens', '2026-10-30T11:00:00Z', '10.25');
  await scene.now('2026-10-30T15:00:00Z');
  await use('b', 'tokens', '2026-10-30T13:00:00Z', '1234567890.123456789012');
  await use('p', 'peak', '2026-10-30T13:00:00Z', '7');
  await use('u', 'unmapped', '2026-10-30T13:00:00Z', '3');
  await scene.push();
  await use('q', 'peak', '2026-10-30T14:00:00Z', '9');
  await scene.push();
  await scene.now('2026-11-30T12:00:10Z');
  const { data } = await scene.stripe.invoices.list({ status: 'draft' });
  await scene.event('invoice.created', data[0]!.id);
  await scene.finishCloses();
  await scene.app.call('POST', '/v1/period-closes', {});
  await scene.push();
  await voided('a');
  await voided('q');
  await scene.app.pool.query('UPDATE amendment_due SET due_at = now()');
  await scene.app.app.get(AmendmentSealer).run(scene.tenantId, () => false);
  await scene.push();
  await scene.app.call('POST', '/v1/reconciliations', {});
  await receive({ id: 'evt_1', type: 'invoice.updated', data: { object: { id: data[0]!.id } } });
  await receive({
    id: 'evt_2',
    type: 'invoice.updated',
    data: { object: { id: 'in_of_another' } },
  });
  await receive({
    id: 'evt_3',
    type: 'customer.updated',
    data: {
      object: { id: scene.stripeCustomer, name: 'Who has it next', email: 'next@else.test' },
    },
  });
  lines = await exported(scene.app.databaseUrl, join(folder, 'acme.ndjson'), { customer: 'acme' });
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
  removeFolder(folder);
});

const use = (id: string, meter: string, at: string, quantity: string) =>
  scene.app.call('POST', '/v1/usage-events', {
    usage_event_id: id,
    customer_id: 'acme',
    meter,
    quantity,
    occurred_at: at,
  });
const voided = (id: string) =>
  scene.app.call('POST', '/v1/usage-events/void', { usage_event_id: id, reason: 'a mistake' });

async function receive(event: object): Promise<void> {
  const body = JSON.stringify({ object: 'event', livemode: false, created: 1, ...event });
  const signature = Stripe.webhooks.generateTestHeaderString({
    payload: body,
    secret: WEBHOOK_SECRET,
  });
  await scene.app.call('POST', '/v1/webhooks/stripe', body, { 'stripe-signature': signature });
}

const of = (type: string, meter?: string) =>
  lines.filter((line) => line.type === type && (meter === undefined || line.meter === meter));
const wrong = async (alter: (line: Line) => Line | readonly Line[]) =>
  wrongOf(await verified(folder, sealed(lines.flatMap(alter))));
const only = (line: Line | undefined, change: Partial<Line>) => (each: Line) =>
  each === line ? { ...each, ...change } : each;

describe('evidence of what was pushed', () => {
  it('agrees with itself, deltas and totals, split, amended and held', async () => {
    const verification = await verifyEvidence(join(folder, 'acme.ndjson'));
    expect(wrongOf(verification), JSON.stringify(verification)).toEqual([]);
    expect(of('push', 'tokens').map(({ kind }) => kind)).toContain('delta');
    expect(of('push', 'peak').map(({ value }) => value)).toEqual(['7', '9', '7']);
    expect(of('hold', 'unmapped')).toMatchObject([{ reason: 'meter_unmapped', value: '3' }]);
    expect(
      of('amendment')
        .map(({ meter, value }) => `${meter} ${value}`)
        .sort(),
    ).toEqual(['peak -2', 'tokens -10.25']);
  });

  it('has the body of each push as Stripe got it', () => {
    const got = scene.simulator.ledger();
    expect(got.length).toBeGreaterThan(3);
    for (const { identifier, value, timestamp } of got) {
      const push = of('push').find((line) => line['identifier'] === identifier);
      expect(push).toMatchObject({
        body: {
          identifier,
          timestamp,
          payload: { value, stripe_customer_id: scene.stripeCustomer },
        },
      });
    }
  });

  it('has the invoice, what Stripe was found to count, and what it sent of them', () => {
    expect(of('invoice', 'tokens')).toMatchObject([{ status: 'draft' }]);
    expect(of('reconciliation').map(({ verdict }) => verdict)).toContain('matched');
    const [event, ...more] = of('stripe_event');
    expect(more.map(({ id }) => id)).toEqual(['evt_3']);
    expect(event).toMatchObject({ id: 'evt_1', event_type: 'invoice.updated' });
    expect(createHash('sha256').update(event!['body']).digest('hex')).toBe(event!['body_sha256']);
  });
});

describe('evidence of a Stripe customer that may be that of another meanwhile', () => {
  it('has of the events about it the digest alone', () => {
    const event = of('stripe_event').find(({ id }) => id === 'evt_3');
    expect(event).toMatchObject({
      object_id: scene.stripeCustomer,
      body: null,
      body_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      effects: [],
    });
    const text = readFileSync(join(folder, 'acme.ndjson'), 'utf8');
    expect(text).not.toMatch(/Who has it next|next@else/);
  });

  it('has no effects that are about another one with it', async () => {
    const { pool } = scene.app;
    const [push] = of('push');
    const effects = [
      { kind: 'disputed', identifier: push!['identifier'] },
      { kind: 'disputed', identifier: 'co1_of_another' },
      { kind: 'customer_deleted', customer: scene.stripeCustomer, periods: 3 },
    ];
    const id = 'evt_3';
    await pool.query('UPDATE stripe_event SET effects = $2 WHERE event_id = $1', [
      id,
      JSON.stringify(effects),
    ]);
    const path = join(folder, 'effects.ndjson');
    const again = await exported(scene.app.databaseUrl, path, { customer: 'acme' });
    const event = again.find((line) => line.type === 'stripe_event' && line['id'] === id);
    expect(event!['effects']).toEqual([effects[0]]);
  });
});

describe('evidence of pushes that was altered and made to look whole', () => {
  it('tells a push with another value, or that is gone', async () => {
    for (const push of of('push')) {
      if (push['counts_as'] === null) continue;
      const altered = {
        value: '1',
        body: { ...push['body'], payload: { ...push['body'].payload, value: '1' } },
      };
      const isLast = push['kind'] === 'delta' || push === of('push', 'peak').at(-1);
      if (isLast) expect(await wrong(only(push, altered))).toEqual(['pushes']);
      if (isLast) expect(await wrong((line) => (line === push ? [] : line))).toContain('pushes');
      expect(await wrong(only(push, { value: '1' }))).toContain('push_histories');
      expect(await wrong((line) => (line === push ? [line, line] : line))).toContain(
        'push_histories',
      );
    }
  });

  it('tells a push that is said to stand elsewhere', async () => {
    const [push] = of('push', 'tokens');
    expect(await wrong(only(push, { status: 'rejected' }))).toContain('push_histories');
    expect(await wrong(only(push, { counts_as: null, not_counted: 'repair' }))).toEqual(['pushes']);
    expect(await wrong(only(push, { counts_as: null }))).toEqual(
      expect.arrayContaining(['pushes', 'push_histories']),
    );
    expect(await wrong(only(push, { status: 'constructor' }))).toEqual(['push_histories']);
    expect(await wrong(only(push, { counts_as: 'toString' }))).toContain('push_histories');
    expect(await wrong(only(push, { stripe_customer_id: 'cus_of_another' }))).toEqual([
      'push_histories',
    ]);
    const transitions = push!['transitions'].slice(1);
    expect(await wrong(only(push, { transitions }))).toEqual(['push_histories']);
  });

  it('tells a hold that is gone, and another body of an event', async () => {
    const [hold] = of('hold');
    expect(await wrong((line) => (line === hold ? [] : line))).toEqual(['pushes']);
    const [event] = of('stripe_event');
    expect(await wrong(only(event, { body: '{}' }))).toEqual(['stripe_events']);
  });
});
