import { setTimeout as sleep } from 'node:timers/promises';
import { UNSETTLED } from '../storm/checks/unsettled.js';
import type { Days } from './days.js';
import { passSeconds } from './real-clock.js';
import type { Rig } from './rig.js';

/** More than the longest of the first tenant's periods, so that all of them have ended. */
const LAST_DAYS = 3;
const POLL_MS = 500;
/** What has not changed for so long waits for a lease or a back-off. */
const PATIENCE_MS = 4_000;
/** A lease of two minutes, and somewhat more. */
const JUMP_S = 130;
/** An amendment waits an hour at most, and somewhat more. */
const AMENDMENT_JUMP_S = 3_700;
/** Without ever less that is left. */
const DEADLINE_MS = 240_000;

const STANDING = `
  SELECT (SELECT count(*) FROM billing_period JOIN proof.tenant_of_first USING (tenant_id)
           WHERE closed_at IS NULL)
       + (SELECT count(*) FROM usage_delta) AS open,
         (SELECT count(*) FROM amendment_due)
       + (SELECT count(*) FROM period_amendment WHERE created_at IS NULL) AS amending,
         (${UNSETTLED}) AS unsettled`;

/**
 * Ends all periods and waits until everything has come to rest: statements written, pushes arrived.
 * What has not in the end, the checks tell.
 */
export async function drain(rig: Rig, days: Days, signal: AbortSignal): Promise<void> {
  await rig.postgres.query(
    `CREATE VIEW proof.tenant_of_first AS SELECT tenant_id FROM tenant WHERE name = 'default'`,
  );
  await days.pass(LAST_DAYS);
  await days.close();
  let deadline = Date.now() + DEADLINE_MS;
  let least = Infinity;
  let before = '';
  let changedAt = Date.now();
  while (Date.now() < deadline) {
    const [standing] = await rig.postgres.query<Record<'open' | 'amending' | 'unsettled', string>>(
      STANDING,
      [false],
    );
    const { open, amending, unsettled } = standing!;
    if (open === '0' && amending === '0' && unsettled === '0') return;
    const left = Number(open) + Number(amending) + Number(unsettled);
    if (left < least) deadline = Date.now() + DEADLINE_MS;
    least = Math.min(least, left);
    const now = `${open} ${amending} ${unsettled}`;
    if (now !== before) changedAt = Date.now();
    before = now;
    if (Date.now() - changedAt > PATIENCE_MS) {
      const seconds = amending === '0' ? JUMP_S : AMENDMENT_JUMP_S;
      await rig.stripe.oracle('POST', '/_sim/clock', { advance_seconds: seconds });
      await passSeconds(rig.postgres, seconds);
      changedAt = Date.now();
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
