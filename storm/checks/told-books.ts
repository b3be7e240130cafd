import { shown, type Books } from './books.js';
import { decimalOf, unitsOf } from './exact.js';

/** What the books say, for whoever looks into a history that failed. */
export function toldBooks({ periods, pushes, holds, entries, transitions }: Books): string[] {
  const decimal = (value: string): string => decimalOf(unitsOf(value));
  const lines: string[] = [];
  for (const period of periods) {
    const { customerNo, meterNo, periodStart, periodEnd, closed, mode, statementValue } = period;
    const isOf = (row: { customerNo: number; meterNo: number; periodStart: number }): boolean =>
      row.customerNo === customerNo && row.meterNo === meterNo && row.periodStart === periodStart;
    const state = closed ? `closed at ${decimal(statementValue!)}` : 'open';
    lines.push(
      `customer ${customerNo}, meter ${meterNo} ${period.aggregation} ${mode}, ${shown(periodStart)} to ${shown(periodEnd)}: ${state}`,
    );
    for (const entry of entries.filter(isOf)) {
      lines.push(`    usage ${decimal(entry.quantity)} at ${shown(entry.occurredAt)}`);
    }
    for (const push of pushes.filter(isOf)) {
      const { kind, sequence, status, reason, settledBy, stripeCustomerId, eventName } = push;
      const lane = `${push.livemode ? 'live' : 'test'} ${stripeCustomerId} ${eventName}`;
      const marks = [
        push.superseded && 'superseded',
        push.replaced && 'replaced',
        push.closes && 'closes',
        push.purpose,
      ].filter(Boolean);
      const hour = push.hour === null ? '' : ` of hour ${shown(push.hour)}`;
      lines.push(
        `    ${push.identifier} ${lane} #${sequence} ${kind} ${decimal(push.value)}${hour} at ${shown(push.timestamp)}, ` +
          `made ${shown(push.createdAt)}: ${status} ${reason ?? ''} ${settledBy ?? ''} (${marks.join(', ')}; ${push.attempts} attempts)`,
      );
    }
    for (const push of pushes.filter(isOf)) {
      const ways = transitions.filter(({ identifier }) => identifier === push.identifier);
      const told = ways.map(({ to, at }) => `${to} ${shown(at)}`);
      lines.push(`    ${push.identifier.slice(0, 12)}: ${told.join(', ')}`);
    }
    for (const hold of holds.filter(isOf)) {
      lines.push(`    held ${decimal(hold.value)}: ${hold.reason}`);
    }
  }
  return lines;
}
