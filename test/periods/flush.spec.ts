import { expect, it } from 'vitest';
import { FlushService } from '../../src/periods/flush.service.js';
import { PushWorker } from '../../src/push/push-worker.js';
import { openStripeScene } from '../support/stripe-scene.js';

it('a flush answers when what was used by then has arrived', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z', { PUSH_INTERVAL_SECONDS: '0' });
  await scene.use('2026-11-09T00:00:00Z', 3);
  const worker = scene.app.app.get(PushWorker);
  worker.start();
  const answer = await scene.app.call('POST', '/v1/customers/acme/flushes', {});
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({
    customer_id: 'acme',
    status: 'delivered',
    pushes: [{ status: 'delivered', value: '3', meter: 'tokens' }],
    held: [],
  });
  expect(scene.counted('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z')).toBe(3);
  const again = await scene.app.call('POST', '/v1/customers/acme/flushes', { meter: 'tokens' });
  expect(again.body.pushes).toHaveLength(1);

  await scene.app.call('PUT', '/v1/customers/acme', { stripe_customer_id: null, from: 'now' });
  await scene.use('2026-11-09T12:00:00Z', 4);
  const held = await scene.app.call('POST', '/v1/customers/acme/flushes');
  expect(held.status).toBe(200);
  expect(held.body).toMatchObject({
    status: 'held',
    held: [{ reason: 'customer_unmapped', value: '4' }],
  });
});

it('a flush that takes too long says what is still on its way', async () => {
  await using scene = await openStripeScene('2026-11-10T12:00:00Z');
  await scene.use('2026-11-09T00:00:00Z', 3);
  const flushes = scene.app.app.get(FlushService);
  const early = await flushes.flush(scene.tenantId, 'acme', undefined, 0);
  expect(early).toMatchObject({ status: 'pending', pushes: [] });
  const { status } = await scene.app.call('POST', '/v1/customers/nobody/flushes', {});
  expect(status).toBe(404);
});
