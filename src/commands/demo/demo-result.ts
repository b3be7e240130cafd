import { LANES, laneOf, totalOf, type Reckoned, type Reckoning } from './reckoning.js';
import { DEMO_METERS } from './demo-usage.js';
import type { SendingTally } from './send-usage.js';

/** The same usage, as each place between the client and Stripe has it. */
export interface Places {
  readonly sent: Reckoning;
  readonly distinct: Reckoning;
  readonly ledger: Reckoning;
  readonly totals: Reckoning;
  readonly statements: Reckoning;
  /** Values alone: Stripe is told sums. */
  readonly stripe: ReadonlyMap<string, string>;
}

export interface Incidents {
  readonly kills: number;
  readonly retries: number;
  readonly droppedAnswers: number;
  readonly stripeFaults: number;
  readonly pushes: number;
  readonly pushesRetried: number;
}

const COUNTED = ['sent', 'distinct', 'ledger', 'totals', 'statements'] as const;

/** Where customer and meter have something else than what was sent; empty if all is well. */
export function differences(places: Places): string[] {
  return LANES.flatMap(({ customerId, meter }) => {
    const lane = laneOf(customerId, meter);
    const sent = places.sent.get(lane)!;
    const wrong: string[] = COUNTED.filter((place) => !isSame(places[place].get(lane), sent)).map(
      (place) => `${place} ${shown(places[place].get(lane))}`,
    );
    const atStripe = places.stripe.get(lane) ?? '0';
    if (atStripe !== sent.value) wrong.push(`Stripe ${atStripe}`);
    return wrong.length === 0 ? [] : [`${lane}: sent ${shown(sent)}, but ${wrong.join(', ')}`];
  });
}

function isSame(one: Reckoned | undefined, other: Reckoned): boolean {
  const { events, value } = one ?? { events: 0, value: '0' };
  return events === other.events && value === other.value;
}

function shown(reckoned: Reckoned | undefined): string {
  return reckoned === undefined ? 'nothing' : `${reckoned.events} events of ${reckoned.value}`;
}

export function toDocument(
  places: Places,
  tally: SendingTally,
  incidents: Incidents,
  seconds: number,
): Record<string, unknown> {
  const different = differences(places);
  return {
    equal: different.length === 0,
    differences: different,
    meters: DEMO_METERS.map(({ key }) => ({
      meter: key,
      events: Object.fromEntries(
        COUNTED.map((place) => [place, totalOf(places[place], key).events]),
      ),
      value: {
        ...Object.fromEntries(COUNTED.map((place) => [place, totalOf(places[place], key).value])),
        stripe: stripeTotal(places, key),
      },
    })),
    transmitted: tally.transmitted,
    duplicates: tally.duplicate,
    conflicts: tally.conflict,
    kills: incidents.kills,
    client_retries: incidents.retries,
    dropped_answers: incidents.droppedAnswers,
    stripe_faults: incidents.stripeFaults,
    pushes: incidents.pushes,
    pushes_retried: incidents.pushesRetried,
    seconds,
  };
}

export function toText(places: Places, seconds: number): string {
  const head = ['', 'sent', 'distinct', 'ledger', 'totals', 'statements', 'Stripe'];
  const rows = DEMO_METERS.flatMap(({ key }) => {
    const each = COUNTED.map((place) => totalOf(places[place], key));
    return [
      [`${key}, events`, ...each.map(({ events }) => String(events)), ''],
      [`${key}, value`, ...each.map(({ value }) => value), stripeTotal(places, key)],
    ];
  });
  const different = differences(places);
  const verdict =
    different.length === 0
      ? `sent = distinct = ledger = totals = Stripe, for each of ${LANES.length} customers and meters, in ${seconds.toFixed(0)} s.`
      : ['NOT EQUAL:', ...different.map((line) => `  ${line}`)].join('\n');
  return `\n${table([head, ...rows])}\n\n${verdict}`;
}

function stripeTotal({ stripe }: Places, meter: string): string {
  const reckoned = [...stripe].map(([lane, value]) => [lane, { events: 0, value }] as const);
  return totalOf(new Map(reckoned), meter).value;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
