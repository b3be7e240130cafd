import { sqlState, type Connections } from '../../database/connections.js';
import { CommandFailure } from '../command-failure.js';
import { driverMessage } from '../open-database.js';
import { ProgressBar } from '../progress-bar.js';
import { distributionState } from './distribution-state.js';
import { distributionSteps, type DistributionStep } from './distribution-steps.js';

/** As long as the largest table may take to be copied to the workers. */
export const STATEMENT_MAX_MS = 7 * 86_400_000;
const FORMAT = '{bar} {percentage}% | {what}';
/** Held by whoever distributes; for the one session of `connections`. */
const LOCK = 'SELECT pg_try_advisory_lock(7126350911848278) AS held';

/**
 * Does what is left to do, one step after the other.
 *
 * @returns What was done.
 * @throws CommandFailure that says which step failed, and why.
 */
export async function distributeTables(connections: Connections): Promise<DistributionStep[]> {
  const [lock] = await connections.query<{ held: boolean }>(LOCK);
  if (lock?.held !== true) {
    throw new CommandFailure('Another `countonce distribute` is at work.', 'already_running');
  }
  const done: DistributionStep[] = [];
  using bar = new ProgressBar(1, FORMAT, { what: '' });
  // What was taken off is known once it is off, and what stayed behind once it was copied.
  for (;;) {
    const steps = distributionSteps(await distributionState(connections));
    if (steps.length === 0) return done;
    const again = steps.find(({ what }) => done.some((step) => step.what === what));
    if (again !== undefined) {
      throw new CommandFailure(
        `Could not ${again.what}: no error, and it is still to be done. Look at the workers and their logs, ` +
          'then run this again; start no server before it has ended well.',
        'distribution_failed',
      );
    }
    bar.grow(done.length + steps.length);
    for (const step of steps) {
      bar.update(done.length, { what: step.what });
      await run(connections, step);
      done.push(step);
    }
  }
}

async function run(connections: Connections, step: DistributionStep): Promise<void> {
  try {
    await connections.transaction(async (tx) => {
      for (const sql of step.statements) await tx.query(sql);
    });
  } catch (cause) {
    throw new CommandFailure(
      `Could not ${step.what} (${sqlState(cause) ?? 'no code'}: ${driverMessage(cause)}). What was done ` +
        'before it stays. Put right what it says and run this again; start no server before it has ended well.',
      'distribution_failed',
      { cause },
    );
  }
}
