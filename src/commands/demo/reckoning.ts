import { difference, sumOf } from '../../domain/decimal-arithmetic.js';
import type { DemoClient } from './demo-client.js';
import { DEMO_CUSTOMERS, DEMO_METERS, type DemoEvent, type DemoPeriod } from './demo-usage.js';

type MeterKey = (typeof DEMO_METERS)[number]['key'];

/** How many events, and what they come to, in one place. */
export interface Reckoned {
  readonly events: number;
  readonly value: string;
}

/** Events and value by `customer meter`. */
export type Reckoning = ReadonlyMap<string, Reckoned>;

export function laneOf(customerId: string, meter: string): string {
  return `${customerId} ${meter}`;
}

export const LANES: readonly { readonly customerId: string; readonly meter: MeterKey }[] =
  DEMO_CUSTOMERS.flatMap((customerId) =>
    DEMO_METERS.map(({ key }) => ({ customerId, meter: key })),
  );

/** What events come to, by the client's own arithmetic. */
export function reckon(events: readonly DemoEvent[]): Reckoning {
  const byLane = new Map<string, DemoEvent[]>();
  for (const event of events) {
    const lane = laneOf(event.customer_id, event.meter);
    byLane.set(lane, [...(byLane.get(lane) ?? []), event]);
  }
  return new Map(
    LANES.map(({ customerId, meter }) => {
      const of = byLane.get(laneOf(customerId, meter)) ?? [];
      const value = valueOf(
        meter,
        of.map((event) => event.quantity),
      );
      return [laneOf(customerId, meter), { events: of.length, value }];
    }),
  );
}

/** From the entries behind each statement, one by one. */
export async function reckonLedger(client: DemoClient, period: DemoPeriod): Promise<Reckoning> {
  const events: DemoEvent[] = [];
  for (const { customerId, meter } of LANES) {
    const path = `/v1/customers/${customerId}/billing-periods/${period.start.toISOString()}/usage-events`;
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = `meter=${meter}&limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const page: { data: DemoEvent[]; next_cursor: string | null } = await client.get(
        `${path}?${query}`,
      );
      events.push(...page.data);
      cursor = page.next_cursor;
    }
  }
  return reckon(events);
}

/** From the totals that queries and dashboards read. */
export async function reckonTotals(client: DemoClient, period: DemoPeriod): Promise<Reckoning> {
  const reckoned = new Map<string, Reckoned>();
  const span = `from=${period.start.toISOString()}&to=${period.end.toISOString()}`;
  for (const { key } of DEMO_METERS) {
    const { data } = await client.get<{
      data: { customer_id: string; value: string; event_count: number }[];
    }>(`/v1/usage?meter=${key}&window=total&${span}`);
    for (const { customer_id: id, value, event_count: events } of data) {
      reckoned.set(laneOf(id, key), { events, value });
    }
  }
  return reckoned;
}

/** What was billed, and how much of it is at Stripe as far as we know. */
export interface Statement extends Reckoned {
  readonly status: string;
  readonly delivered: string;
}

export async function readStatements(
  client: DemoClient,
  period: DemoPeriod,
): Promise<ReadonlyMap<string, Statement>> {
  const statements = new Map<string, Statement>();
  for (const { customerId, meter } of LANES) {
    const path = `/v1/customers/${customerId}/billing-periods/${period.start.toISOString()}`;
    const statement = await client.get<Record<string, string> & { event_count: number }>(
      `${path}?meter=${meter}`,
    );
    statements.set(laneOf(customerId, meter), {
      events: statement.event_count,
      value: statement['value']!,
      status: statement['status']!,
      delivered: sumOf([statement['delivered_value']!, statement['confirmed_value']!]),
    });
  }
  return statements;
}

/** All customers of one meter together. */
export function totalOf(reckoning: ReadonlyMap<string, Reckoned>, meter: string): Reckoned {
  const lanes = [...reckoning].filter(([lane]) => lane.endsWith(` ${meter}`));
  return {
    events: lanes.reduce((sum, [, { events }]) => sum + events, 0),
    value: sumOf(lanes.map(([, { value }]) => value)),
  };
}

function valueOf(meter: MeterKey, quantities: readonly string[]): string {
  if (meter === 'requests') return String(quantities.length);
  if (meter === 'tokens') return sumOf(quantities);
  return quantities.reduce((most, next) => (isMore(next, most) ? next : most), '0');
}

function isMore(decimal: string, than: string): boolean {
  const more = difference(decimal, than);
  return more !== '0' && !more.startsWith('-');
}
