import { isUtf8 } from 'node:buffer';

/**
 * The text that bytes are in UTF-8, or nothing: no byte becomes U+FFFD unseen.
 *
 * A byte order mark at the start is not part of the text; RFC 8259 lets a reader pass over it, and
 * Windows tools write it.
 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', start);
}
