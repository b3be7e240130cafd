import type { Account } from './account.js';
import { judgeEvent } from './event-checks.js';
import { countEvent } from './event-intake.js';
import { toLedgerEntry, type LedgerEntry } from './ledger.js';
import type { World } from './world.js';

/** An event of another writer, as the oracle takes it. */
export interface ForeignEvent {
  /** May be left out while there is but one account. */
  account?: string;
  /** Which of the account's modes; needed when both have been used. */
  livemode?: boolean;
  event_name: string;
  customer: string;
  value: string;
  /** Unix seconds; now when absent. */
  timestamp?: number;
  identifier?: string;
}

/** Counts it as if somebody else had sent it; the checks of Stripe hold for it too. */
export function countForeign(world: World, foreign: ForeignEvent): LedgerEntry {
  const account = accountOf(world, foreign);
  const { event_name: eventName, customer, value } = foreign;
  const meter = account.metersByEventName.get(eventName);
  if (!meter) throw new RangeError(`No meter has the event name ${eventName}`);
  const event = {
    eventName,
    payload: {
      [meter.customer_mapping.event_payload_key]: customer,
      [meter.value_settings.event_payload_key]: value,
    },
    identifier: foreign.identifier ?? world.newIdentifier(),
    timestamp: foreign.timestamp ?? world.clock.nowSeconds(),
  };
  const verdict = judgeEvent(world, account, event);
  if ('faults' in verdict) throw new RangeError(verdict.faults[0]?.message);
  const requestId = world.newId('req_', 14);
  const sender = { account, path: '', requestId, idempotencyKey: null };
  const counted = countEvent(world, sender, event, verdict, true);
  return toLedgerEntry(account, counted, world.clock.nowMs());
}

function accountOf(world: World, { account: id, livemode }: ForeignEvent): Account {
  const [account, ...others] = world.accounts
    .all()
    .filter((one) => id === undefined || one.id === id)
    .filter((one) => livemode === undefined || one.livemode === livemode);
  if (!account) throw new RangeError('No such account has been used yet');
  if (others.length > 0) throw new RangeError('Several accounts fit: name account and livemode');
  return account;
}
