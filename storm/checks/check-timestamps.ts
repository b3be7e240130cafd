import { isSamePeriod, shown, type Books, type PeriodRow, type PushRow } from './books.js';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const AGE_MAX = 34 * DAY;
const KEPT_FOR_CLOSE = 5 * MINUTE;

/** Each push in its period, deltas alone in their minute and in the hour that they carry. */
export function checkTimestamps({ pushes, periods }: Books): string[] {
  const sent = pushes.filter(({ status }) => status !== 'shadow');
  const minutes = new Map<string, PushRow>();
  return sent.flatMap((push) => {
    const findings: string[] = [];
    const say = (what: string): void => {
      findings.push(`push ${push.identifier} at ${shown(push.timestamp)} ${what}`);
    };
    const period = periods.find((candidate) => isSamePeriod(candidate, push));
    if (period === undefined) return [];
    if (push.timestamp < push.periodStart || push.timestamp >= period.periodEnd) {
      say(`is outside its period ${shown(push.periodStart)} to ${shown(period.periodEnd)}`);
    }
    if (push.timestamp % SECOND !== 0) say('is no whole second');
    if (push.timestamp > push.createdAt) say('was ahead of its time');
    if (push.timestamp < push.createdAt - AGE_MAX) say('was too old when it was made');
    if (push.kind === 'delta') {
      const minute = Math.floor(push.timestamp / MINUTE);
      const name = `${push.livemode} ${push.stripeCustomerId} ${push.eventName} ${minute}`;
      const other = minutes.get(name);
      if (other !== undefined) say(`shares its minute with ${other.identifier}`);
      minutes.set(name, push);
      if (push.hour !== null && !isInHour(push, push.hour) && hasFreeMinute(push, period, sent)) {
        say(`is not in its hour ${shown(push.hour)}, which has free minutes`);
      }
    }
    return findings;
  });
}

function isInHour({ timestamp }: PushRow, hour: number): boolean {
  return timestamp >= hour && timestamp < hour + HOUR;
}

/** Whether the hour of a delta had a minute for it when it was made. */
function hasFreeMinute(push: PushRow, period: PeriodRow, pushes: readonly PushRow[]): boolean {
  const hour = push.hour!;
  const from = Math.max(hour, push.periodStart, push.createdAt - AGE_MAX);
  const end = push.closes ? period.periodEnd : period.periodEnd - KEPT_FOR_CLOSE;
  const to = Math.min(hour + HOUR, end, push.createdAt + MINUTE);
  for (let at = Math.ceil(from / MINUTE) * MINUTE; at + MINUTE <= to; at += MINUTE) {
    const isTaken = pushes.some(
      (other) =>
        other.kind === 'delta' &&
        other.stripeCustomerId === push.stripeCustomerId &&
        other.eventName === push.eventName &&
        other.livemode === push.livemode &&
        Math.floor(other.timestamp / MINUTE) * MINUTE === at,
    );
    if (!isTaken) return true;
  }
  return false;
}
