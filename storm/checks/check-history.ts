import type { StormWorld } from '../storm-world.js';
import { readBooks } from './books.js';
import { checkCalls } from './check-calls.js';
import { checkPeriods } from './check-periods.js';
import { checkPushes } from './check-pushes.js';
import { checkRest } from './check-rest.js';
import { checkTimestamps } from './check-timestamps.js';
import { toldBooks } from './told-books.js';
import { checkTransitions } from './check-transitions.js';

/** Everything that has to hold once a history is quiet. @returns What does not, in words. */
export async function checkHistory(world: StormWorld): Promise<string[]> {
  const books = await readBooks(world.admin);
  const ledger = world.simulator.ledger();
  const rejections = world.simulator.rejections();
  const { figures } = world;
  const moment = { nowMs: world.clock.nowMs, livemode: world.mode === 'live' };
  const periods = checkPeriods(books, { ...moment, ledger, rejections });
  figures.add('periods balanced', periods.balanced);
  figures.add('periods not pushed', periods.notPushed);
  figures.add('usage events', books.entries.length);
  for (const { status, settledBy } of books.pushes) {
    figures.add(`pushes ${status}${settledBy === null ? '' : ` by ${settledBy}`}`);
  }
  for (const { reason } of books.holds) figures.add(`holds ${reason}`);
  const findings = [
    ...world.log.findings,
    ...checkPushes(books, ledger, rejections, moment),
    ...checkCalls(world.calls, books.pushes),
    ...checkTransitions(books.transitions, books.pushes),
    ...checkTimestamps(books),
    ...checkRest(books, ledger, moment),
    ...periods.findings,
  ];
  if (findings.length > 0) for (const line of toldBooks(books)) world.trace.add(line);
  return findings;
}
