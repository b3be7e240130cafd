import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { laneIdOf, type LaneOrigin } from '../../src/outbox/lane-id.js';

const TENANT = '018f3f5c-7a1b-7c3d-9e4f-0123456789ab';
const origin: LaneOrigin = {
  accountId: 'acct_1',
  livemode: true,
  stripeMeterId: 'mtr_1',
  stripeCustomerId: 'cus_1',
  customerNo: 7,
  meterNo: 3,
  // 2026-11-01T00:00:00Z
  periodStart: 1_793_491_200_000_000,
};

describe("a lane's id", () => {
  it.each([
    ['live', true, '1d55d238-ddfd-8294-a74a-3ec8ccdab2a3'],
    ['test', false, 'e6a61f03-cf34-83c4-a0fa-683672ce6c34'],
  ])('is kept in %s mode', (_, livemode, id) => {
    // Worked out by another language's library from the definition.
    expect(laneIdOf(TENANT, { ...origin, livemode })).toBe(id);
  });

  it('is a UUID of version 8, whatever the lane', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.string(), (customerNo, accountId) => {
        expect(laneIdOf(TENANT, { ...origin, customerNo, accountId })).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  it.each<[string, Partial<LaneOrigin>]>([
    ['account', { accountId: 'acct_2' }],
    ['mode', { livemode: false }],
    ['Stripe meter', { stripeMeterId: 'mtr_2' }],
    ['Stripe customer', { stripeCustomerId: 'cus_2' }],
    ['customer', { customerNo: 8 }],
    ['meter', { meterNo: 4 }],
    ['period', { periodStart: origin.periodStart + 1 }],
    ['account and meter, run together', { accountId: 'acct_1mtr', stripeMeterId: '_1' }],
  ])('is another for another %s', (_, other) => {
    expect(laneIdOf(TENANT, { ...origin, ...other })).not.toBe(laneIdOf(TENANT, origin));
  });

  it('is another for another tenant', () => {
    expect(laneIdOf(TENANT.replace('a', 'b'), origin)).not.toBe(laneIdOf(TENANT, origin));
  });
});
