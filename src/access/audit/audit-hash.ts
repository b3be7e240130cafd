import { createHash } from 'node:crypto';
import { formatInstantMicros, type Micros } from '../../domain/instant.js';
import { lengthPrefixed } from '../../domain/length-prefixed.js';

/** The texts of an entry that an erasure may take out of it. */
export const ERASABLE_PARTS = ['subject', 'reason', 'before', 'after'] as const;
export type ErasablePart = (typeof ERASABLE_PARTS)[number];

/** SHA-256 of each part, salted: without the salt a short text cannot be guessed from it. */
export type PartDigests = Readonly<Record<ErasablePart, Buffer>>;

/** What the chain is made over: everything of an entry but the texts themselves. */
export interface ChainedEntry {
  readonly tenantId: string;
  readonly sequence: number;
  readonly at: Micros;
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly actorName: string | null;
  readonly action: string;
  readonly digests: PartDigests;
  readonly previousHash: Buffer;
}

/** What the first entry of a tenant has in place of the hash of the one before. */
export const NO_HASH: Buffer = Buffer.alloc(32);

/** The first byte that is hashed: other fields, or another order of them, take another. */
const VERSION = Buffer.of(1);

export function partDigest(salt: Buffer, part: ErasablePart, text: string | null): Buffer {
  return createHash('sha256')
    .update(VERSION)
    .update(salt)
    .update(lengthPrefixed([part, text ?? undefined]))
    .digest();
}

export function entryHash(entry: ChainedEntry): Buffer {
  const fields = [
    entry.tenantId,
    String(entry.sequence),
    formatInstantMicros(entry.at),
    entry.actorKind,
    entry.actorId ?? undefined,
    entry.actorName ?? undefined,
    entry.action,
    ...ERASABLE_PARTS.map((part) => entry.digests[part].toString('hex')),
    entry.previousHash.toString('hex'),
  ];
  return createHash('sha256').update(VERSION).update(lengthPrefixed(fields)).digest();
}
