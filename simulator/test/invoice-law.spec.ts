import { Big } from 'big.js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MONDAY, MONDAY_MS, openBilling } from './support/billing.js';
import { DAY } from './support/sandbox.js';

const DAYS = 5;

/** Moves the clock by so many minutes, then sends so much for a time so many minutes back. */
const step = fc.record({
  waitMinutes: fc.integer({ min: 0, max: 20 * 60 }),
  thousandths: fc.integer({ min: -2000, max: 9000 }),
  ageMinutes: fc.integer({ min: 0, max: 30 * 60 }),
  jumps: fc.boolean(),
});

it('bills what was received in time, once, at whatever pace the clock goes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.integer({ min: 0, max: 24 }),
      async (steps, graceHours) => {
        const graceMs = graceHours * HOUR_MS;
        const billing = await openBilling({ switches: { invoiceGraceMs: graceMs } });
        const { simulator } = billing;
        await billing.subscribe();
        const expected = Array.from({ length: DAYS }, () => new Big(0));
        let nowMs = MONDAY_MS;
        for (const { waitMinutes, thousandths, ageMinutes, jumps } of steps) {
          nowMs += waitMinutes * 60_000;
          if (jumps) simulator.setClock(nowMs);
          else await simulator.advanceTo(nowMs);
          const timestamp = Math.floor(nowMs / 1000) - ageMinutes * 60;
          const value = new Big(thousandths).div(1000);
          await billing.send(value.toFixed(), { timestamp });
          const day = Math.floor((timestamp - MONDAY) / DAY);
          const isInTime = nowMs < MONDAY_MS + (day + 1) * DAY_MS + graceMs;
          if (isInTime && expected[day]) expected[day] = expected[day].plus(value);
        }
        await simulator.advanceTo(MONDAY_MS + 30 * DAY_MS);
        const billed = (await billing.cycleInvoices()).slice(0, DAYS);
        await simulator.stop();
        const quantities = billed.map(({ lines }) => String(lines.data[0]?.quantity_decimal));
        expect(quantities).toEqual(expected.map((sum) => (sum.lt(0) ? '0' : sum.toFixed())));
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);
