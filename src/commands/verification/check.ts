/** What was looked at, and what it would mean if it were wrong. */
export const CHECKS = {
  whole:
    'the last line is the one that all lines before it give (whoever alters lines can make it anew)',
  noted: 'the file has the SHA-256 that was given',
  readable: 'every line can be read and stands where it belongs',
  order: 'each entry stands once, with the key of its id',
  event_count: 'the entries are as many as the statement says',
  digest: 'the entries give the digest of the statement (compare it with the one that was noted)',
  value: 'the entries add up to the value',
  carried_in: 'what came from closed periods adds up',
  carried_last: 'what it carries is what the period before it came to, where that is in the file',
  amended_value: 'statement and amendments add up to what is billed',
  parts:
    'delivered, confirmed, pending, unknown, held, rejected, excluded and unbillable add up to the value',
  pushes: 'the pushes add up to what the statement says of them',
  push_histories: 'each push was sent as it was frozen, and its history ends where it stands',
  stripe_events: 'what Stripe sent is what was signed',
  audit_entries: 'each audit entry has the hash that its chain has for it',
} as const;
export type CheckName = keyof typeof CHECKS;

/** One thing that was looked at. */
export interface Check {
  readonly check: CheckName;
  /** Of what: the statement, an amendment. */
  readonly of: string;
  readonly ok: boolean;
  /** What it means that it is ok. */
  readonly meaning: string;
  /** What is wrong; null where nothing is. */
  readonly detail: string | null;
}

/** @param fault What is wrong; nothing where nothing is. */
export function checked(check: CheckName, of: string, fault: string | undefined): Check {
  const detail = fault ?? null;
  return { check, of, ok: fault === undefined, meaning: CHECKS[check], detail };
}

/** Whether what a line says is what was found. */
export function sameAs(check: CheckName, of: string, said: string, found: string): Check {
  const fault = said === found ? undefined : `it says ${said}, the entries give ${found}`;
  return checked(check, of, fault);
}
