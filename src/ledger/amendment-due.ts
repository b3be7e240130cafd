const FIRST_WAIT_S = 5;
const WAIT_MAX_S = 3_600;

/**
 * SQL: when the revision of a closed period is sealed that gets an entry now. Soon at first, since
 * Stripe bills an amendment for about an hour after the close; each one waits four times as long as
 * the one before, so that usage that trickles in late makes few.
 *
 * @param now SQL of the instant of the entry.
 * @param revision SQL of the revision that it joins.
 */
export function dueAt(now: string, revision: string): string {
  return `${now} + least(${WAIT_MAX_S}, ${FIRST_WAIT_S} * 4 ^ least(${revision} - 1, 8)) * interval '1 second'`;
}
