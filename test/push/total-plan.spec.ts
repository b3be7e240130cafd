import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/domain/instant.js';
import type { HoldReason } from '../../src/outbox/hold-reason.js';
import type { PushWindow } from '../../src/outbox/push-window.js';
import { planTotal, type Obstacle, type OwedTotal } from '../../src/push/push-plan.js';

const at = (text: string): number => parseInstant(text)!;

const NOVEMBER: PushWindow = {
  start: at('2026-11-01T00:00:00Z'),
  end: at('2026-12-01T00:00:00Z'),
  closed: false,
  now: at('2026-11-10T12:00:00Z'),
};
const PARKED: Obstacle = { reason: 'lane_parked', detail: 'meter_event_invalid' };

/** Nothing was told yet. */
const owed: OwedTotal = {
  value: '18',
  toldValue: '0',
  refusedValue: '0',
  previousTimestamp: undefined,
  isUncertain: false,
};
const push = (value: string, timestamp: number) => ({
  pushes: [{ kind: 'total', hour: null, value, timestamp }],
  holds: [],
});
const hold = (reason: HoldReason, value: string, detail: string | null = null) => ({
  pushes: [],
  holds: [{ reason, kind: 'total', value, detail }],
});
const NOTHING = { pushes: [], holds: [] };

describe('a plan of a total', () => {
  it('pushes what the period comes to, not what it comes to more than before', () => {
    expect(planTotal(NOVEMBER, owed, undefined)).toEqual(push('18', NOVEMBER.now));
    const more = { ...owed, toldValue: '10', refusedValue: '10' };
    expect(planTotal(NOVEMBER, more, undefined)).toEqual(push('18', NOVEMBER.now));
  });

  it('is empty where the lane knows the value', () => {
    const known = { ...owed, value: '10', toldValue: '10', refusedValue: '15' };
    expect(planTotal(NOVEMBER, known, undefined)).toEqual(NOTHING);
    expect(planTotal(NOVEMBER, known, PARKED)).toEqual(NOTHING);
    expect(planTotal(NOVEMBER, { ...owed, value: '0' }, undefined)).toEqual(NOTHING);
  });

  it('pushes a value that the lane knows once more where Stripe may hold another', () => {
    const uncertain = { ...owed, toldValue: '18', refusedValue: '18', isUncertain: true };
    expect(planTotal(NOVEMBER, uncertain, undefined)).toEqual(push('18', NOVEMBER.now));
  });

  it('holds what is not known yet, by what stands in the way', () => {
    const more = { ...owed, toldValue: '10', refusedValue: '10' };
    expect(planTotal(NOVEMBER, more, PARKED)).toEqual(
      hold('lane_parked', '8', 'meter_event_invalid'),
    );
  });

  it('holds beside a refused total only what goes beyond it', () => {
    const refused = { ...owed, toldValue: '10', refusedValue: '15' };
    expect(planTotal(NOVEMBER, refused, { reason: 'lane_parked' })).toEqual(
      hold('lane_parked', '3'),
    );
    expect(planTotal(NOVEMBER, { ...refused, value: '15' }, PARKED)).toEqual(NOTHING);
  });

  it('is too old where the last minute of the period is, whatever else stands in the way', () => {
    const last = { ...NOVEMBER, closed: true, now: at('2027-01-03T23:59:00Z') };
    expect(planTotal(last, owed, undefined)).toEqual(push('18', at('2026-11-30T23:59:00Z')));
    const late = { ...last, now: last.now + 1 };
    expect(planTotal(late, owed, undefined)).toEqual(hold('too_old', '18'));
    expect(planTotal(late, owed, PARKED)).toEqual(hold('too_old', '18'));
  });

  it('cannot be of more digits than Stripe takes, as totals have no parts', () => {
    const long = { ...owed, value: '999999999999999.5' };
    expect(planTotal(NOVEMBER, long, undefined)).toEqual(
      hold('value_not_representable', '999999999999999.5'),
    );
    const most = { ...owed, value: '99999999999999.5' };
    expect(planTotal(NOVEMBER, most, undefined)).toEqual(push('99999999999999.5', NOVEMBER.now));
  });

  it.each(['0.5', '-18', '0'])(
    'of %s is held where the target takes whole numbers alone',
    (value) => {
      const told = { ...owed, value, toldValue: '20', refusedValue: '20' };
      const { holds, pushes } = planTotal(NOVEMBER, told, undefined, 'positive_integer');
      expect(pushes).toEqual([]);
      expect(holds).toMatchObject([
        {
          reason: 'value_not_accepted',
          kind: 'total',
          detail: 'the push target takes whole numbers above zero alone',
        },
      ]);
      expect(planTotal(NOVEMBER, told, undefined)).toEqual(push(value, NOVEMBER.now));
    },
  );

  it('of a whole number is pushed to a target that takes those alone', () => {
    expect(planTotal(NOVEMBER, owed, undefined, 'positive_integer')).toEqual(
      push('18', NOVEMBER.now),
    );
  });

  it('waits without a word for a later second', () => {
    const soon = { ...owed, previousTimestamp: NOVEMBER.now };
    expect(planTotal(NOVEMBER, soon, undefined)).toEqual(NOTHING);
  });

  it('is held where a closed period has no second left', () => {
    const closed = { ...NOVEMBER, closed: true, now: at('2026-12-01T01:00:00Z') };
    const full = { ...owed, previousTimestamp: NOVEMBER.end - 1_000_000 };
    expect(planTotal(closed, full, undefined)).toEqual(hold('no_free_minute', '18'));
  });
});
