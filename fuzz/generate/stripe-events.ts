import fc from 'fast-check';
import { token } from '../plan.js';
import { sometimes } from './chance.js';
import { toText, type Loose } from './loose-json.js';
import { oddValue } from './odd-values.js';

const stripeCustomer = fc.nat(9_999).map((pick) => token('stripe_customer', pick));
const seconds = fc.integer({ min: 1_780_000_000, max: 1_790_000_000 });

const invoice: fc.Arbitrary<Loose> = fc
  .tuple(fc.nat(60), stripeCustomer, seconds, fc.constantFrom('draft', 'open', 'paid', 'x'))
  .map(([n, customer, created, status]) => ({
    id: `in_${n}`,
    object: 'invoice',
    customer,
    status,
    created,
    billing_reason: 'subscription_cycle',
    parent: { type: 'subscription_details', subscription_details: { subscription: `sub_${n}` } },
    lines: { object: 'list', data: [], has_more: false },
    period_start: created - 86_400,
    period_end: created,
  }));

const subscription: fc.Arbitrary<Loose> = fc
  .tuple(fc.nat(60), stripeCustomer, seconds)
  .map(([n, customer, start]) => ({
    id: `sub_${n}`,
    object: 'subscription',
    customer,
    status: 'active',
    items: {
      object: 'list',
      data: [
        {
          id: `si_${n}`,
          current_period_start: start,
          current_period_end: start + 86_400,
          price: { id: 'price_1', recurring: { meter: 'mtr_1', usage_type: 'metered' } },
        },
      ],
    },
  }));

const customer: fc.Arbitrary<Loose> = fc
  .nat(60)
  .map((n) => ({ id: `cus_gone_${n}`, object: 'customer', deleted: true }));

const OBJECTS = fc.oneof(
  fc.tuple(
    fc.constantFrom('invoice.created', 'invoice.finalized', 'invoice.paid', 'invoice.voided'),
    invoice,
  ),
  fc.tuple(
    fc.constantFrom(
      'customer.subscription.created',
      'customer.subscription.updated',
      'customer.subscription.deleted',
    ),
    subscription,
  ),
  fc.tuple(fc.constantFrom('customer.deleted'), customer),
  fc.tuple(
    fc.constantFrom('invoice.created', 'customer.subscription.updated', 'charge.failed', ''),
    oddValue,
  ),
);

const snapshot: fc.Arbitrary<Loose> = fc
  .tuple(OBJECTS, fc.nat(300), seconds)
  .map(([[type, object], n, created]) => ({
    id: `evt_${n}`,
    object: 'event',
    type,
    created,
    livemode: false,
    api_version: '2026-01-28',
    data: { object },
  }));

const thin: fc.Arbitrary<Loose> = fc
  .tuple(
    fc.constantFrom(
      'v1.billing.meter.error_report_triggered',
      'v1.billing.meter.no_meter_found',
      'v2.core.account.updated',
    ),
    fc.nat(300),
  )
  .map(([type, n]) => ({
    id: `evt_thin_${n}`,
    object: 'v2.core.event',
    type,
    created: '2026-08-01T00:00:00.000Z',
    livemode: false,
    related_object: { id: 'mtr_1', type: 'billing.meter', url: '/v1/billing/meters/mtr_1' },
  }));

const FIELDS = ['id', 'object', 'type', 'created', 'livemode', 'data', 'related_object'] as const;

const event: fc.Arbitrary<Loose> = fc.oneof(
  { weight: 3, arbitrary: snapshot },
  { weight: 1, arbitrary: thin },
);

/** The text of a webhook's body, of which one member may be anything. */
export const stripeEventText: fc.Arbitrary<string> = sometimes(
  30,
  fc
    .tuple(event, fc.constantFrom(...FIELDS), oddValue)
    .map(([whole, name, odd]) => toText({ ...(whole as Record<string, Loose>), [name]: odd })),
  event.map(toText),
);

/** `0` is a good one; what else there may be is made when it is sent. */
export const signature: fc.Arbitrary<string | undefined> = fc.oneof(
  { weight: 8, arbitrary: fc.constant(token('signature', 0)) },
  { weight: 1, arbitrary: fc.constantFrom(token('signature', 1), token('signature', 2)) },
  { weight: 1, arbitrary: fc.constantFrom(undefined, '', 't=1', 't=1,v1=00', 'v1=,t=', '=,=') },
);
