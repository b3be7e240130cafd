import { describe, expect, it } from 'vitest';
import { laneIdOf } from '../../src/outbox/lane-id.js';
import { AGGREGATIONS, type Aggregation } from '../../src/domain/meter.js';
import type { PeriodFacts } from '../../src/push/period-facts.js';
import type { PushKind } from '../../src/push/push-kind.js';
import { isCured, laneOf, type GoesOn, type LaneState } from '../../src/push/push-lane.js';
import type { Destination } from '../../src/push/push-obstacle.js';

const TENANT = '018f3f5c-7a1b-7c3d-9e4f-0123456789ab';
const MINUTE = 60_000_000;
/** 2026-11-10T12:00:00Z */
const NOON = 1_794_312_000_000_000;

const destination: Destination = {
  accountId: 'acct_1',
  livemode: true,
  stripeCustomerId: 'cus_1',
  values: 'decimal',
  meter: {
    stripeMeterId: 'mtr_1',
    eventName: 'calls',
    formula: 'sum',
    status: 'active',
    eventTimeWindow: null,
    customerKey: 'stripe_customer_id',
    valueKey: 'value',
    readAt: NOON,
  },
};

/** An open period whose mapping never changed. */
const facts: PeriodFacts = {
  customerNo: 7,
  meterNo: 3,
  periodStart: NOON - 24 * 60 * MINUTE,
  periodEnd: NOON + 24 * 60 * MINUTE,
  closed: false,
  customerId: 'acme',
  erasuresBefore: 0,
  stripeCustomerId: 'cus_1',
  customerMappingFrom: null,
  meterKey: 'calls',
  aggregation: 'sum',
  stripeEventName: 'calls',
  meterMappingFrom: null,
  closedBefore: { customerMapping: false, meterMapping: false },
  mode: 'live',
  pushFrom: null,
  finalizesAt: NOON + 25 * 60 * MINUTE,
  unbillable: null,
  pricing: null,
  isInvoiceUnread: false,
};

const goesOn = (changed: Partial<PeriodFacts>, kind: PushKind): GoesOn =>
  laneOf(TENANT, { ...facts, ...changed }, kind, destination).goesOn;

describe("a period's lane", () => {
  it('is where its pushes go, under the id of all that makes it', () => {
    const { customerNo, meterNo, periodStart } = facts;
    expect(laneOf(TENANT, facts, 'hourly_delta', destination)).toEqual({
      laneId: laneIdOf(TENANT, {
        accountId: 'acct_1',
        livemode: true,
        stripeMeterId: 'mtr_1',
        stripeCustomerId: 'cus_1',
        customerNo,
        meterNo,
        periodStart,
      }),
      customerNo,
      meterNo,
      periodStart,
      destination,
      goesOn: { fromCustomer: false, fromMeter: false, fromTotals: false },
    });
  });

  it('goes on from the lane before a change only where that change was for what comes', () => {
    const both = (from: 'now' | 'period_start' | null): Partial<PeriodFacts> => ({
      customerMappingFrom: from,
      meterMappingFrom: from,
    });
    const of = ({ fromCustomer, fromMeter }: GoesOn) => [fromCustomer, fromMeter];
    expect(of(goesOn(both('now'), 'hourly_delta'))).toEqual([true, true]);
    expect(of(goesOn(both('period_start'), 'hourly_delta'))).toEqual([false, false]);
    expect(of(goesOn(both(null), 'hourly_delta'))).toEqual([false, false]);
    expect(of(goesOn({ customerMappingFrom: 'now' }, 'hourly_delta'))).toEqual([true, false]);
    expect(of(goesOn({ meterMappingFrom: 'now' }, 'hourly_delta'))).toEqual([false, true]);
  });

  it.each(AGGREGATIONS)('goes on from a total of %s only where totals add up', (aggregation) => {
    const changed = { aggregation, customerMappingFrom: 'now', meterMappingFrom: 'now' } as const;
    const addsUp = new Set<Aggregation>(['sum', 'count']).has(aggregation);
    expect(goesOn(changed, 'total')).toMatchObject({ fromCustomer: addsUp, fromMeter: addsUp });
    // A delta is of what came after, whatever the values are of.
    expect(goesOn(changed, 'period_delta')).toMatchObject({ fromCustomer: true, fromMeter: true });
  });

  it.each([null, 'now', 'period_start'] as const)(
    'goes on where the period was closed before the change, said to be for %s',
    (from) => {
      const said = {
        aggregation: 'max',
        customerMappingFrom: from,
        meterMappingFrom: from,
      } as const;
      const customer = { customerMapping: true, meterMapping: false };
      const meter = { customerMapping: false, meterMapping: true };
      expect(goesOn({ ...said, closedBefore: customer }, 'total')).toMatchObject({
        fromCustomer: true,
        fromMeter: false,
      });
      expect(goesOn({ ...said, closedBefore: meter }, 'total')).toMatchObject({
        fromCustomer: false,
        fromMeter: true,
      });
    },
  );

  it.each<[PushKind, boolean]>([
    ['hourly_delta', false],
    ['period_delta', true],
    ['total', true],
  ])('of %s goes on from what was told of the period as a whole: %s', (kind, fromTotals) => {
    expect(goesOn({}, kind).fromTotals).toBe(fromTotals);
  });
});

describe('what a lane is parked for', () => {
  const parked: LaneState = {
    laneId: '00000000-0000-8000-8000-000000000000',
    lastSequence: 4,
    parkedCode: 'archived_meter',
    parkedAt: NOON,
    wasActive: true,
  };
  const readAt = (at: number): Destination => ({
    ...destination,
    meter: { ...destination.meter, readAt: at },
  });

  it.each([
    ['archived_meter', true],
    ['no_active_meter', true],
    ['customer_not_found', false],
    ['meter_event_invalid', false],
  ])('has passed where its meter was read as active well after %s: %s', (parkedCode, cured) => {
    expect(isCured({ ...parked, parkedCode }, readAt(NOON + 60 * MINUTE))).toBe(cured);
  });

  it('has not passed while the reading may be of before the refusal', () => {
    expect(isCured(parked, readAt(NOON))).toBe(false);
    expect(isCured(parked, readAt(NOON - 60 * MINUTE))).toBe(false);
    expect(isCured(parked, readAt(NOON + 5 * MINUTE))).toBe(false);
    expect(isCured(parked, readAt(NOON + 5 * MINUTE + 1))).toBe(true);
  });

  it('has passed where pushes went elsewhere since, whatever it was', () => {
    const parkedCode = 'customer_not_found';
    expect(isCured({ ...parked, parkedCode, wasActive: false }, readAt(NOON))).toBe(true);
  });

  it('is nothing where the lane is not parked', () => {
    const free = { ...parked, parkedCode: null, parkedAt: null };
    expect(isCured(free, readAt(NOON + 60 * MINUTE))).toBe(false);
    expect(isCured({ ...free, wasActive: false }, readAt(NOON))).toBe(false);
    expect(isCured({ ...parked, parkedAt: null, wasActive: false }, readAt(NOON))).toBe(false);
    expect(isCured({ ...parked, parkedCode: null, wasActive: false }, readAt(NOON))).toBe(false);
  });
});
