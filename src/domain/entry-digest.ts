import { hash } from 'node:crypto';
import { formatInstantMicros, type Micros } from './instant.js';

const MODULUS = 1n << 256n;

/**
 * What one ledger entry adds to its statement's digest: SHA-256 over the JSON array of texts
 * [event key, meter key, period start to the microsecond, canonical quantity, "1" if void else "0"],
 * read as a 256-bit number. Sums do not depend on order, so a rebuild gives the digest again.
 */
export function entryDigest(
  eventKey: string,
  meterKey: string,
  periodStart: Micros,
  quantity: string,
  isVoid: boolean,
): bigint {
  const text = JSON.stringify([
    eventKey,
    meterKey,
    formatInstantMicros(periodStart),
    quantity,
    isVoid ? '1' : '0',
  ]);
  return BigInt(`0x${hash('sha256', text, 'hex')}`);
}

/**
 * A statement's digest: SHA-256 over the JSON array of texts [count, sum modulo 2^256 in decimal].
 *
 * @param sum Sum of the entries' digests, reduced or not.
 */
export function statementDigest(count: number, sum: bigint): Buffer {
  return hash('sha256', JSON.stringify([String(count), String(sum % MODULUS)]), 'buffer');
}
