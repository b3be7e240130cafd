import type { Transaction } from '../database/connections.js';
import { differingFields } from '../domain/fingerprint.js';
import type { Micros } from '../domain/instant.js';
import type { Fault } from '../domain/usage-match.js';
import type { Entry } from './entry.store.js';
import type { Candidate } from './candidate.js';
import { countCopies, readKeys, readOriginals, type KnownKey } from './registry.store.js';
import type { Verdict } from './verdict.js';

/** What a recording transaction has done with a chunk of events. */
export interface Outcome {
  readonly chunk: readonly Candidate[];
  /** By index: why an event cannot be recorded. */
  readonly faults: ReadonlyMap<number, readonly Fault[]>;
  /** The ids that this transaction tried to take. */
  readonly tried: ReadonlySet<string>;
  /** The events whose ids this transaction took. */
  readonly accepted: ReadonlyMap<string, { candidate: Candidate; entries: readonly Entry[] }>;
  /** Ids that were seen to be taken before this transaction tried. */
  readonly knownBefore: ReadonlyMap<string, KnownKey>;
  readonly receivedAt: Micros;
}

/**
 * The verdict on every event, and the count of the copies.
 *
 * Ids that were not ours to take are read here, in a statement of their own: what another
 * transaction committed while our INSERT waited for it was invisible to that INSERT.
 */
export async function judge(
  tx: Transaction,
  tenantId: string,
  outcome: Outcome,
): Promise<Verdict[]> {
  const { chunk, accepted, receivedAt } = outcome;
  const known = await knownKeys(tx, tenantId, outcome);
  const copies = new Map<string, number>();
  const conflicting = new Set<string>();
  for (const candidate of chunk) {
    const original = known.get(candidate.eventKey);
    if (original === undefined || isAccepted(candidate, outcome)) continue;
    if (!original.fingerprint.equals(candidate.fingerprint)) conflicting.add(candidate.eventKey);
    else copies.set(candidate.eventKey, (copies.get(candidate.eventKey) ?? 0) + 1);
  }
  await countCopies(tx, tenantId, copies, receivedAt);
  const originals = await readOriginals(tx, tenantId, [...conflicting]);

  return chunk.map((candidate): Verdict => {
    if (isAccepted(candidate, outcome))
      return acceptance(accepted.get(candidate.eventKey)!.entries);
    const original = known.get(candidate.eventKey);
    if (original === undefined) return { status: 'rejected', faults: faultsOf(candidate, outcome) };
    const firstReceivedAt = original.receivedAt;
    if (original.fingerprint.equals(candidate.fingerprint)) {
      return { status: 'duplicate', firstReceivedAt };
    }
    const recorded = originals.get(candidate.eventKey);
    const fields = recorded === undefined ? null : differingFields(recorded, candidate.event);
    return { status: 'conflict', fields, firstReceivedAt };
  });
}

async function knownKeys(
  tx: Transaction,
  tenantId: string,
  { chunk, tried, accepted, knownBefore, receivedAt }: Outcome,
): Promise<Map<string, KnownKey>> {
  const known = new Map(knownBefore);
  const unread = chunk
    .map((candidate) => candidate.eventKey)
    .filter((key) => !accepted.has(key) && !known.has(key) && tried.has(key));
  for (const [key, row] of await readKeys(tx, tenantId, [...new Set(unread)])) known.set(key, row);
  for (const [eventKey, { candidate }] of accepted) {
    known.set(eventKey, { eventKey, fingerprint: candidate.fingerprint, receivedAt });
  }
  return known;
}

/** Whether this very candidate, not a copy of it in the same chunk, took the id. */
function isAccepted(candidate: Candidate, { accepted }: Outcome): boolean {
  return accepted.get(candidate.eventKey)?.candidate === candidate;
}

function acceptance(entries: readonly Entry[]): Verdict {
  const late = entries.find((entry) => entry.late);
  return late === undefined
    ? { status: 'accepted' }
    : { status: 'accepted', late: { billedPeriodStart: late.periodStart } };
}

/** An id that is neither ours nor taken belongs to an event at fault. */
function faultsOf(candidate: Candidate, { faults }: Outcome): readonly Fault[] {
  const found = faults.get(candidate.index);
  // No guess is made: nothing may be answered for an event that nobody knows.
  if (found === undefined) throw new Error(`no verdict on ${candidate.eventKey}`);
  return found;
}
