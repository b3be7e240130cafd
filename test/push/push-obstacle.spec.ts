import { describe, expect, it } from 'vitest';
import type { Aggregation } from '../../src/domain/meter.js';
import { presumedKind, pushKind, type PushKind } from '../../src/push/push-kind.js';
import {
  routeOf,
  type Mapping,
  type Route,
  type StripeSide,
} from '../../src/push/push-obstacle.js';
import type { StripeFormula, StripeMeter } from '../../src/stripe/stripe-meter.js';

const meter: StripeMeter = {
  stripeMeterId: 'mtr_1',
  eventName: 'tokens',
  formula: 'sum',
  status: 'active',
  eventTimeWindow: null,
  customerKey: 'stripe_customer_id',
  valueKey: 'value',
  readAt: 0,
};

function account(more: Partial<StripeMeter> = {}): StripeSide {
  return {
    kind: 'account',
    accountId: 'acct_1',
    livemode: false,
    values: 'positive_integer',
    meters: new Map([
      ['tokens', { ...meter, ...more }],
      ['gone', undefined],
    ]),
  };
}

const mapping: Mapping = {
  aggregation: 'sum',
  stripeEventName: 'tokens',
  stripeCustomerId: 'cus_1',
  unbillable: null,
  pricing: 'one',
  isInvoiceUnread: false,
};

describe('how usage reaches Stripe', () => {
  it.each<[Aggregation, StripeFormula, PushKind | undefined]>([
    ['sum', 'sum', 'hourly_delta'],
    ['count', 'sum', 'hourly_delta'],
    ['max', 'sum', 'period_delta'],
    ['unique_count', 'sum', 'period_delta'],
    ['last', 'sum', undefined],
    ['sum', 'last', 'total'],
    ['count', 'last', 'total'],
    ['max', 'last', 'total'],
    ['unique_count', 'last', 'total'],
    ['last', 'last', 'total'],
    ['sum', 'count', undefined],
    ['count', 'count', undefined],
    ['max', 'count', undefined],
    ['last', 'count', undefined],
  ])('of a %s where the Stripe meter is a %s', (aggregation, formula, kind) => {
    expect(pushKind(aggregation, { formula, eventTimeWindow: null })).toBe(kind);
    expect(pushKind(aggregation, { formula, eventTimeWindow: 'hour' })).toBeUndefined();
    expect(pushKind(aggregation, { formula, eventTimeWindow: 'day' })).toBeUndefined();
  });

  it.each<[Aggregation, PushKind]>([
    ['sum', 'hourly_delta'],
    ['count', 'hourly_delta'],
    ['max', 'period_delta'],
    ['unique_count', 'period_delta'],
    ['last', 'total'],
  ])('of a %s is presumed while the Stripe meter is not known', (aggregation, kind) => {
    expect(presumedKind(aggregation)).toBe(kind);
  });
});

describe('the way to Stripe', () => {
  it('is free where customer and meter have names there and everything fits', () => {
    expect(routeOf(account(), mapping)).toEqual({
      kind: 'hourly_delta',
      destination: {
        accountId: 'acct_1',
        livemode: false,
        stripeCustomerId: 'cus_1',
        values: 'positive_integer',
        meter,
      },
    });
  });

  it('is free where nothing was asked of items and invoices', () => {
    const { aggregation, stripeEventName, stripeCustomerId } = mapping;
    const route = routeOf(account(), { aggregation, stripeEventName, stripeCustomerId });
    expect(route).toHaveProperty('destination');
    expect(routeOf(account(), { ...mapping, pricing: null })).toHaveProperty('destination');
  });

  it.each<[string, StripeSide, Partial<Mapping>, Route]>([
    [
      'by a final invoice',
      account(),
      { unbillable: 'invoice_finalized' },
      { kind: 'hourly_delta', obstacle: 'invoice_finalized' },
    ],
    [
      'by a customer that Stripe has no more',
      account(),
      { unbillable: 'customer_deleted', aggregation: 'max' },
      { kind: 'period_delta', obstacle: 'customer_deleted' },
    ],
    [
      'where there is no key',
      { kind: 'not_configured' },
      {},
      { kind: 'hourly_delta', obstacle: 'stripe_not_configured' },
    ],
    [
      'where the meter has no name there',
      account(),
      { stripeEventName: null },
      { kind: 'hourly_delta', obstacle: 'meter_unmapped' },
    ],
    [
      'where the customer has no name there',
      account(),
      { stripeCustomerId: null },
      { kind: 'hourly_delta', obstacle: 'customer_unmapped' },
    ],
    [
      'where Stripe refuses the key, and the answer says why',
      { kind: 'refused', detail: 'the key may not read meters' },
      {},
      {
        kind: 'hourly_delta',
        obstacle: 'stripe_refused',
        detail: 'the key may not read meters',
      },
    ],
    [
      'where the account has no such meter',
      account(),
      { stripeEventName: 'gone', aggregation: 'last' },
      { kind: 'total', obstacle: 'meter_not_found' },
    ],
    [
      'where nobody has asked for the meter yet',
      account(),
      { stripeEventName: 'other' },
      { kind: 'hourly_delta', obstacle: 'meter_not_found' },
    ],
    [
      'by an inactive meter, which is told as it fits',
      account({ status: 'inactive', formula: 'last' }),
      {},
      { kind: 'total', obstacle: 'meter_inactive' },
    ],
    [
      'by an inactive meter that does not fit',
      account({ status: 'inactive', formula: 'count' }),
      {},
      { kind: 'hourly_delta', obstacle: 'meter_inactive' },
    ],
    [
      'by a formula that makes another number of it, which the answer names',
      account({ formula: 'count' }),
      {},
      {
        kind: 'hourly_delta',
        obstacle: 'formula_mismatch',
        detail: 'the Stripe meter has formula count',
      },
    ],
    [
      'by a window, which the answer names',
      account({ eventTimeWindow: 'day' }),
      { aggregation: 'max' },
      {
        kind: 'period_delta',
        obstacle: 'formula_mismatch',
        detail: 'the Stripe meter has formula sum, event_time_window day',
      },
    ],
    [
      'where no subscription item prices the meter',
      account({ formula: 'last' }),
      { pricing: 'none' },
      { kind: 'total', obstacle: 'no_subscription_item' },
    ],
    [
      'where two of them do',
      account(),
      { pricing: 'several' },
      { kind: 'hourly_delta', obstacle: 'several_subscription_items' },
    ],
    [
      'where an invoice may be final that was not read',
      account(),
      { isInvoiceUnread: true },
      { kind: 'hourly_delta', obstacle: 'invoice_not_read' },
    ],
  ])('is barred %s', (_, side, more, route) => {
    expect(routeOf(side, { ...mapping, ...more })).toEqual(route);
  });

  it('is barred by one thing after the other, as each is cured', () => {
    const refused: StripeSide = { kind: 'refused', detail: 'no' };
    let side: StripeSide = { kind: 'not_configured' };
    let facts: Mapping = {
      ...mapping,
      stripeEventName: null,
      stripeCustomerId: null,
      unbillable: 'customer_deleted',
      pricing: 'none',
      isInvoiceUnread: true,
    };
    const seen: (string | undefined)[] = [];
    const look = () => {
      const route = routeOf(side, facts);
      seen.push('obstacle' in route ? route.obstacle : undefined);
    };
    const cure = (more: Partial<Mapping>, next: StripeSide = side) => {
      look();
      facts = { ...facts, ...more };
      side = next;
    };
    cure({ unbillable: null });
    cure({}, refused);
    cure({ stripeEventName: 'tokens' });
    cure({ stripeCustomerId: 'cus_1' });
    cure({}, account({ status: 'inactive', formula: 'count' }));
    cure({}, account({ formula: 'count' }));
    cure({}, account());
    cure({ pricing: 'several' });
    cure({ pricing: 'one' });
    cure({ isInvoiceUnread: false });
    look();
    expect(seen).toEqual([
      'customer_deleted',
      'stripe_not_configured',
      'meter_unmapped',
      'customer_unmapped',
      'stripe_refused',
      'meter_inactive',
      'formula_mismatch',
      'no_subscription_item',
      'several_subscription_items',
      'invoice_not_read',
      undefined,
    ]);
  });
});
