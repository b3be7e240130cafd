import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PushSender } from '../../src/push/push-sender.js';
import { InvoiceLookupTimer } from '../../src/webhooks/invoice-lookup.timer.js';
import { SubscriptionRefreshTimer } from '../../src/webhooks/subscription-refresh.timer.js';
import { openStripeScene, partsOf, type StripeScene } from '../support/stripe-scene.js';

describe('an invoice that no webhook tells of', () => {
  let scene: StripeScene;
  beforeEach(async () => {
    scene = await openStripeScene('2026-11-10T12:00:00Z');
    await scene.subscribe();
    await scene.fromStripe();
  });
  afterEach(() => scene[Symbol.asyncDispose]());

  /** What the timers do in the course of time, at the instants given. */
  const live = async (...instants: string[]): Promise<void> => {
    for (const instant of instants) {
      await scene.now(instant);
      await look();
      await scene.finishCloses();
      await scene.push();
    }
  };
  const look = async (): Promise<void> => {
    await scene.app.app.get(SubscriptionRefreshTimer).refresh(scene.tenantId);
    await scene.app.app.get(InvoiceLookupTimer).lookNow(scene.tenantId);
  };
  const down = (path: string): void =>
    scene.simulator.addFault({ match: { path }, count: 1_000, fault: '503' });
  /** What the invoice of the first whole period bills. */
  const billed = async (): Promise<(number | null)[]> => {
    const { data } = await scene.stripe.invoices.list({
      created: { gte: Date.parse('2026-12-10T00:00:00Z') / 1_000 },
    });
    return data.flatMap(({ lines }) => lines.data.map(({ quantity }) => quantity));
  };

  it('closes its period before the grace is over, and bills all of it', async () => {
    await live('2026-11-20T00:00:00Z');
    await scene.use('2026-11-19T00:00:00Z', 1);
    await scene.now('2026-12-10T11:59:59Z');
    await scene.use('2026-12-10T11:59:00Z', 10);
    await live('2026-12-10T12:02:01Z', '2026-12-10T12:05:00Z');
    const [drafted] = await scene.statements();
    expect(drafted).toMatchObject({ status: 'closed', value: '11', invoice: { status: 'draft' } });
    await live('2026-12-10T13:10:00Z');
    const [statement] = await scene.statements();
    expect(partsOf(statement)).toEqual(['11', '0', '0', '0', '0', '0', '0', '0']);
    expect(statement.invoice.status).not.toBe('draft');
    expect(await billed()).toEqual([11]);
  });

  it('leaves unbillable what could not be sent before it was final', async () => {
    await scene.now('2026-12-10T11:40:00Z');
    down('/v1/billing/meter_events');
    await scene.use('2026-12-10T11:39:00Z', 11);
    await scene.push();
    await live('2026-12-10T12:35:00Z', '2026-12-10T12:50:00Z', '2026-12-13T14:00:00Z');
    scene.simulator.clearFaults();
    await live('2026-12-13T14:10:00Z', '2026-12-13T15:00:00Z');
    const [statement] = await scene.statements();
    expect(partsOf(statement)).toEqual(['0', '0', '0', '0', '0', '0', '0', '11']);
    expect(scene.simulator.ledger()).toEqual([]);
    expect(await billed()).toEqual([0]);
  });

  it('lets nothing out once it may be final, until Stripe could be asked', async () => {
    await scene.now('2026-12-10T11:40:00Z');
    await scene.use('2026-12-10T11:39:00Z', 4);
    down('/v1/billing/meter_events');
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({ pending_value: '4' });
    await scene.now('2026-12-13T14:00:00Z');
    await scene.use('2026-12-10T11:45:00Z', 7);
    scene.simulator.clearFaults();
    down('/v1/invoices');
    await expect(look()).rejects.toThrow('Stripe did not show its invoices');
    await scene.forgetBackOff();
    await expect(look()).rejects.toThrow('Stripe did not show its invoices');
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({ pending_value: '4', held_value: '7' });
    scene.simulator.clearFaults();
    await live('2026-12-13T14:02:00Z', '2026-12-13T14:05:00Z');
    expect((await scene.statements())[0]).toMatchObject({ unbillable_value: '11' });
    expect(scene.simulator.ledger()).toEqual([]);
  });

  it('lets nothing out once it may be final, though nobody has looked at anything', async () => {
    await scene.now('2026-12-10T11:40:00Z');
    await scene.use('2026-12-10T11:39:00Z', 4);
    down('/v1/billing/meter_events');
    await scene.push();
    scene.simulator.clearFaults();
    await scene.now('2026-12-10T13:10:00Z');
    await scene.forgetBackOff();
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({ pending_value: '4', invoice: null });
    await look();
    // Known to be final, and not planned again yet.
    expect(await scene.app.app.get(PushSender).send(scene.tenantId)).toBe(0);
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({ unbillable_value: '4' });
    expect(scene.simulator.ledger()).toEqual([]);
  });

  it('lets out what waited as soon as it is found to be a draft still', async () => {
    await scene.now('2026-12-10T11:40:00Z');
    await scene.use('2026-12-10T11:39:00Z', 4);
    down('/v1/billing/meter_events');
    await scene.push();
    scene.simulator.clearFaults();
    await scene.now('2026-12-10T12:00:10Z');
    // Stripe is late with it: the hour of the draft is over by our clock alone.
    await scene.app.call('POST', '/v1/test-clock', { now: '2026-12-10T13:00:30Z' });
    await scene.forgetBackOff();
    await scene.push();
    expect((await scene.statements())[0]).toMatchObject({ pending_value: '4', invoice: null });
    await look();
    expect(await scene.app.app.get(PushSender).send(scene.tenantId)).toBe(1);
    expect((await scene.statements())[0]).toMatchObject({
      delivered_value: '4',
      invoice: { status: 'draft' },
    });
  });

  it('is asked for no more once it is final, nor while its draft is known to have time', async () => {
    await scene.now('2026-12-10T11:40:00Z');
    await scene.use('2026-12-10T11:39:00Z', 4);
    await live('2026-12-10T12:05:00Z', '2026-12-10T12:10:00Z');
    down('/v1/invoices');
    await live('2026-12-10T12:20:00Z', '2026-12-10T12:40:00Z');
    await expect(live('2026-12-10T13:15:00Z')).rejects.toThrow('Stripe did not show its invoices');
    scene.simulator.clearFaults();
    await live('2026-12-10T13:20:00Z');
    down('/v1/invoices');
    await live('2026-12-11T13:15:00Z', '2026-12-15T13:15:00Z');
    expect((await scene.statements())[0]).toMatchObject({ delivered_value: '4' });
  });
});
