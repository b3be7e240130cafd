import { describe, expect, it } from 'vitest';
import { MICROS_PER_HOUR, parseInstant } from '../../src/domain/instant.js';
import { carriersOf } from '../../src/usage/carrying-pushes.js';
import type { LedgerRow } from '../../src/usage/ledger.query.js';
import type { PeriodPush } from '../../src/usage/period-pushes.store.js';

const START = parseInstant('2026-10-01T00:00:00Z')!;
const HOUR = START + 10 * MICROS_PER_HOUR;

/** Recorded at the start of its hour. */
const entryOf = (change: Partial<LedgerRow> = {}): LedgerRow => ({
  eventKey: '00000000-0000-8000-8000-000000000001',
  meterNo: 1,
  meter: 'tokens',
  customerNo: 1,
  isVoid: false,
  value: '10',
  occurredAt: HOUR,
  receivedAt: HOUR,
  periodStart: START,
  originStart: START,
  revision: 0,
  late: false,
  billable: true,
  periodEnd: parseInstant('2026-11-01T00:00:00Z')!,
  periodClosedAt: null,
  periodOfItem: false,
  amendedAt: null,
  pushFrom: null,
  ...change,
});

/** A delivered delta of the entry's hour, planned so many hours after it. */
const pushOf = (sequence: number, hoursLater: number, change: Partial<PeriodPush>): PeriodPush => ({
  identifier: `co1_${sequence}`,
  laneId: 'lane',
  sequence,
  kind: 'delta',
  hour: HOUR,
  value: '10',
  timestamp: HOUR,
  accountId: 'acct_1',
  livemode: false,
  stripeMeterId: 'mtr_1',
  stripeCustomerId: 'cus_1',
  eventName: 'tokens',
  customerKey: 'stripe_customer_id',
  valueKey: 'value',
  closes: false,
  purpose: 'usage',
  status: 'delivered',
  reason: null,
  settledBy: 'answer',
  target: null,
  attempts: 1,
  unknownAttempts: 0,
  firstAttemptAt: HOUR + hoursLater * MICROS_PER_HOUR,
  lastAttemptAt: HOUR + hoursLater * MICROS_PER_HOUR,
  deliveredAt: HOUR + hoursLater * MICROS_PER_HOUR,
  lastError: null,
  createdAt: HOUR + hoursLater * MICROS_PER_HOUR,
  countsAs: 'delivered',
  notCounted: null,
  ...change,
});
const carried = (entry: LedgerRow, pushes: readonly PeriodPush[]) =>
  carriersOf(entry, pushes).map(({ push, certain }) => `${push.sequence} ${String(certain)}`);

const SHADOW = { status: 'shadow', countsAs: null, notCounted: 'shadow' } as const;
const WHOLE = { hour: null } as const;

describe('the pushes that carried an entry', () => {
  it('are the delivered ones, where its meter was in shadow mode before', () => {
    const pushes = [pushOf(1, 1, SHADOW), pushOf(2, 2, {})];
    expect(carried(entryOf(), pushes)).toEqual(['2 true']);
  });

  it('are those in the shadow where there is nothing else in the lane', () => {
    const elsewhere = pushOf(2, 2, { hour: HOUR + MICROS_PER_HOUR });
    expect(carried(entryOf(), [pushOf(1, 1, SHADOW), elsewhere])).toEqual(['1 true']);
  });

  it.each(['total', 'delta'] as const)(
    'are none before push_from, where a %s of the whole period is pushed',
    (kind) => {
      const pushes = [pushOf(1, 1, { ...WHOLE, kind })];
      expect(carried(entryOf({ pushFrom: HOUR + MICROS_PER_HOUR }), pushes)).toEqual([]);
      expect(carried(entryOf({ pushFrom: HOUR }), pushes)).toEqual(['1 true']);
    },
  );

  it('are those of its hour, pushed before push_from was set', () => {
    const entry = entryOf({ pushFrom: HOUR + MICROS_PER_HOUR });
    expect(carried(entry, [pushOf(1, 1, {})])).toEqual(['1 true']);
  });

  it.each([
    ['1000000000000009', '999999999999999', '10'],
    ['1234567890.123456789012', '1234567890.12345', '0.000006789012'],
    ['-1234567890.000000000012', '-1234567890', '-0.000000000012'],
  ])('are those of two plans where the first had no minute for all of %s', (value, ...parts) => {
    const [first, second] = parts.map((part, i) => pushOf(i + 1, i + 1, { value: part }));
    const later = pushOf(3, 3, { value: '3' });
    const entry = entryOf({ value });
    expect(carried(entry, [first!])).toEqual(['1 false']);
    expect(carried(entry, [first!, second!, later])).toEqual(['1 true', '2 false']);
  });

  it('are those of one plan where it had minutes for all of it', () => {
    const parts = ['1234567890.12345', '0.000006789012'];
    const plan = parts.map((value, i) => pushOf(i + 1, 1, { value }));
    const entry = entryOf({ value: '1234567890.123456789012' });
    expect(carried(entry, [...plan, pushOf(3, 3, {})])).toEqual(['1 true', '2 true']);
  });

  it('are not those of the next plan where 15 digits were enough', () => {
    const entry = entryOf({ value: '0.5' });
    expect(carried(entry, [pushOf(1, 1, { value: '12345' }), pushOf(2, 2, {})])).toEqual([
      '1 true',
    ]);
  });
});
