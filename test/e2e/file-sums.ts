import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/**
 * Sums of a file of usage events, made with nothing of ours: JSON.parse, BigInt and Intl. The
 * quantities of these files are whole numbers.
 */
export interface FileEvent {
  readonly usage_event_id: string;
  readonly customer_id: string;
  readonly meter: string;
  readonly quantity: bigint;
  /** Unix milliseconds, rounded down. */
  readonly at: number;
}

export function readEvents(file: string): FileEvent[] {
  return gunzipSync(readFileSync(file))
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const event = JSON.parse(line) as Record<string, string | number>;
      return {
        usage_event_id: String(event['usage_event_id']),
        customer_id: String(event['customer_id']),
        meter: String(event['meter']),
        quantity: BigInt(event['quantity']!),
        at: Date.parse(String(event['occurred_at'])),
      };
    });
}

/** By customer and label, for one meter: [sum, number of events]. */
export function sums(
  events: readonly FileEvent[],
  meter: string,
  labelOf: (at: number) => string,
): Record<string, [string, number]> {
  const totals = new Map<string, [bigint, number]>();
  for (const event of events) {
    if (event.meter !== meter) continue;
    const key = `${event.customer_id} ${labelOf(event.at)}`;
    const [sum, count] = totals.get(key) ?? [0n, 0];
    totals.set(key, [sum + event.quantity, count + 1]);
  }
  return Object.fromEntries([...totals].map(([key, [sum, count]]) => [key, [String(sum), count]]));
}

const QUARTER_MS = 15 * 60_000;

export const quarterHourOf = (at: number): string =>
  new Date(Math.floor(at / QUARTER_MS) * QUARTER_MS).toISOString();

export const hourOf = (at: number): string => new Date(at).toISOString().slice(0, 13);

/** The local date by Intl. */
export function dayIn(timezone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  return (at) => format.format(at);
}
