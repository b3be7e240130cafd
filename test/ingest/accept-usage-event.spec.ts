import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptUsageEvent } from '../../src/ingest/accept-usage-event.js';
import { usageEventErrors } from '../../src/ingest/usage-event-errors.js';
import { nearValidEvent } from './near-valid-event.js';

describe('the fast check', () => {
  it('accepts exactly what class-validator accepts', () => {
    let accepted = 0;
    const runs = 10_000;
    fc.assert(
      fc.property(nearValidEvent, (raw) => {
        const errors = usageEventErrors(raw);
        const event = acceptUsageEvent(raw);
        if (event !== undefined) accepted++;
        expect({ accepted: event !== undefined }, JSON.stringify(errors)).toEqual({
          accepted: errors.length === 0,
        });
      }),
      { numRuns: runs },
    );
    // Else the property above would say little.
    expect(accepted).toBeGreaterThan(runs / 10);
    expect(accepted).toBeLessThan((runs * 9) / 10);
  });

  it('agrees with class-validator on values of any kind', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (raw) => {
        expect(acceptUsageEvent(raw) !== undefined).toBe(usageEventErrors(raw).length === 0);
      }),
    );
  });

  it('keeps texts as they were sent and brings the quantity into canonical form', () => {
    expect(
      acceptUsageEvent({
        usage_event_id: ' Evt\u0301 ',
        customer_id: 'é',
        meter: ' ',
        quantity: '-1.50',
        occurred_at: '2026-11-01T05:30:00.000001+05:30',
        properties: { region: 'eu ', n: 1 },
      }),
    ).toEqual({
      usageEventId: ' Evt\u0301 ',
      source: '',
      customerId: 'é',
      meter: ' ',
      quantity: '-1.5',
      occurredAt: Date.UTC(2026, 10, 1) * 1_000 + 1,
      properties: { region: 'eu ', n: 1 },
    });
  });

  it('leaves absent what is absent', () => {
    expect(acceptUsageEvent({ usage_event_id: 'u', customer_id: 'c', meter: 'm' })).toEqual({
      usageEventId: 'u',
      source: '',
      customerId: 'c',
      meter: 'm',
      quantity: undefined,
      occurredAt: undefined,
      properties: undefined,
    });
  });
});
