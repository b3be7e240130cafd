import { hash } from 'node:crypto';
import { lengthPrefixed } from './length-prefixed.js';

/** Versions 1 to 7 with RFC 9562's variant; version 8 is kept for the keys that are made here. */
const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-7][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The hex digits that begin with the bits 10, by their last two bits. */
const VARIANTS = '89ab';

/**
 * The 16 bytes under which one event is known for ever, in the text form of a UUID.
 *
 * A canonical lower-case UUID of version 1 to 7 with an empty source is its own key: time-ordered
 * ids (UUIDv7) then stay neighbours in the index. Everything else becomes the first 16 bytes of
 * SHA-256 over the length-prefixed source and id, with version 8 and RFC 9562's variant. The two
 * kinds cannot meet, and two ids of the second kind meet with a chance of 2^-122 per pair; the
 * fingerprint then shows a conflict, never a silent duplicate.
 */
export function eventKey(source: string, usageEventId: string): string {
  if (source === '' && CANONICAL_UUID.test(usageEventId)) {
    return usageEventId;
  }
  // As hex, because that is twice as fast as a Buffer would be.
  const hex = hash('sha256', lengthPrefixed([source, usageEventId]), 'hex');
  const variant = VARIANTS[Number.parseInt(hex.charAt(16), 16) & 0b11]!;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
