import type { LedgerEntry, RejectionEntry } from '@countonce/stripe-simulator';
import type pg from 'pg';
import type { SimulatedStripe } from '../../src/commands/demo/simulated-stripe.js';
import { readBooks, type Books } from '../../storm/checks/books.js';
import { checkPeriods } from '../../storm/checks/check-periods.js';
import { checkPushes, type End } from '../../storm/checks/check-pushes.js';
import { checkTransitions } from '../../storm/checks/check-transitions.js';
import { decimalOf, total, unitsOf } from '../../storm/checks/exact.js';
import type { StripeIds } from '../scenery.js';
import { METERS } from '../usage.js';
import type { Check } from './check.js';

const EXAMPLES_MAX = 5;

/** What was pushed held against what Stripe counted: queue, in the words of Jepsen. */
export async function checkStripe(
  admin: pg.Client,
  stripe: SimulatedStripe,
  stripeIds: StripeIds,
): Promise<Check[]> {
  const { events, rejected } = await stripe.oracle<{
    events: LedgerEntry[];
    rejected: RejectionEntry[];
  }>('GET', '/_sim/ledger');
  const { now } = await stripe.oracle<{ now: string }>('GET', '/_sim/clock');
  const books = await firstTenantsBooks(admin);
  const at = { nowMs: Date.parse(now), livemode: false };
  const open = books.pushes.filter(
    ({ status, replaced, superseded }) =>
      !['delivered', 'confirmed'].includes(status) && !replaced && !superseded,
  );
  const { pushes, periods } = books;
  return [
    checkOf(
      'every push arrived, and none is held',
      [
        ...open
          .filter(({ kind, status }) => !(kind === 'total' && status === 'unknown'))
          .map(({ identifier, status, reason }) => `${identifier} is ${status} (${reason ?? ''})`),
        ...books.holds.map(({ reason, value }) => `${value} held: ${reason}`),
      ],
      pushes.length,
    ),
    checkOf(
      'each push is counted at Stripe once, as it was frozen',
      [...checkPushes(books, events, rejected, at), ...checkTransitions(books.transitions, pushes)],
      pushes.length,
    ),
    checkOf('pushes = usage of their periods', periodFindings(books, events, at), periods.length),
    checkOf('Stripe = statements', await differences(admin, events, stripeIds), events.length),
  ];
}

/** Lane by lane: what is of one customer and meter says nothing of another. */
function periodFindings(books: Books, events: readonly LedgerEntry[], at: End): string[] {
  const lanes = new Set(books.periods.map(({ customerNo, meterNo }) => `${customerNo} ${meterNo}`));
  return [...lanes].flatMap((lane) => {
    const isOf = (row: { customerNo: number; meterNo: number }): boolean =>
      `${row.customerNo} ${row.meterNo}` === lane;
    const periods = books.periods.filter(isOf);
    const [{ stripeCustomerId, eventName }] = periods as [(typeof periods)[number]];
    const own = {
      ...books,
      periods,
      pushes: books.pushes.filter(isOf),
      entries: books.entries.filter(isOf),
      holds: books.holds.filter(isOf),
    };
    const counted = events.filter(
      (event) => event.customer === stripeCustomerId && event.event_name === eventName,
    );
    return checkPeriods(own, { ...at, ledger: counted, rejections: [] }).findings;
  });
}

/** Of the meters that Stripe sums up: the sum of all statements, as they are amended, stands there. */
async function differences(
  admin: pg.Client,
  events: readonly LedgerEntry[],
  stripeIds: StripeIds,
): Promise<string[]> {
  const { rows } = await admin.query<{ customer: string; meter: string; value: string }>(
    `SELECT c.customer_id AS customer, m.key AS meter, sum(p.value)::text AS value
       FROM (SELECT tenant_id, customer_no, meter_no, value FROM billing_period
              WHERE closed_at IS NOT NULL
              UNION ALL
             SELECT tenant_id, customer_no, meter_no, value FROM period_amendment
              WHERE created_at IS NOT NULL) p JOIN customer c USING (tenant_id, customer_no)
       JOIN meter m USING (tenant_id, meter_no) JOIN proof.tenant n USING (tenant_id)
      WHERE n.tenant = 'first' GROUP BY 1, 2`,
  );
  return METERS.filter(({ formula }) => formula === 'sum').flatMap(({ key }) =>
    [...stripeIds].flatMap(([customer, stripeId]) => {
      const row = rows.find((each) => each.customer === customer && each.meter === key);
      const ours = unitsOf(row?.value ?? '0');
      const theirs = total(
        events
          .filter((event) => event.customer === stripeId && event.event_name === key)
          .filter(({ cancelled }) => !cancelled)
          .map(({ value }) => unitsOf(value)),
      );
      if (ours === theirs) return [];
      return [`${key} of ${customer}: ${decimalOf(ours)}, at Stripe ${decimalOf(theirs)}`];
    }),
  );
}

async function firstTenantsBooks(admin: pg.Client): Promise<Books> {
  const { rows } = await admin.query<{ no: number }>(
    `SELECT customer_no::integer AS no FROM customer JOIN proof.tenant n USING (tenant_id)
      WHERE n.tenant = 'first'`,
  );
  const own = new Set(rows.map(({ no }) => no));
  const isOwn = ({ customerNo }: { customerNo: number }): boolean => own.has(customerNo);
  const books = await readBooks(admin);
  return {
    ...books,
    pushes: books.pushes.filter(isOwn),
    periods: books.periods.filter(isOwn),
    entries: books.entries.filter(isOwn),
    holds: books.holds.filter(isOwn),
  };
}

function checkOf(name: string, all: readonly string[], held: number): Check {
  const findings = all.slice(0, EXAMPLES_MAX);
  if (all.length > findings.length) findings.push(`and ${all.length - findings.length} more`);
  return { name, findings, held };
}
