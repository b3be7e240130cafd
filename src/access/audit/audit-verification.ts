import type { Queryable } from '../../database/connections.js';
import { entryHash, ERASABLE_PARTS, NO_HASH, partDigest } from './audit-hash.js';
import { chainEnd, entriesBetween, isHashKnown, type ChainEnd } from './audit-read.store.js';
import type { AuditHead, AuditRow } from './audit.store.js';

/** How an entry is not what was written. */
export type AuditFault = 'altered' | 'removed' | 'reordered' | 'truncated';

export interface AuditFinding {
  readonly fault: AuditFault;
  /** Where: of `removed` and `truncated`, the first that is missing. */
  readonly sequence: number;
  readonly detail: string;
}

export interface ChainReport {
  readonly entries: number;
  /** Entries whose texts an erasure took out; the chain holds over them. */
  readonly erased: number;
  /** The end of the chain: noted elsewhere, it shows later whether it was made anew. */
  readonly head: AuditHead | undefined;
  readonly faults: number;
  /** The first of them. */
  readonly findings: readonly AuditFinding[];
}

export interface VerificationOptions {
  /** What was noted as the end of the chain at an earlier time. */
  readonly noted?: AuditHead | undefined;
  readonly onProgress?: (checked: number, total: number) => void;
}

const ENTRIES_PER_PAGE = 1_000;
/** Where all is wrong, the first ones say as much as all of them. */
const FINDINGS_MAX = 100;

/**
 * Walks the chain of a tenant from its first entry to its end, in constant memory. Reads alone;
 * what is appended meanwhile is left for the next time.
 */
export async function verifyChain(
  db: Queryable,
  tenantId: string,
  options: VerificationOptions = {},
): Promise<ChainReport> {
  const end = await chainEnd(db, tenantId);
  const through = end.head?.sequence ?? end.last;
  const walk = new ChainWalk(db, tenantId, options.noted);
  for (let after = 0; ;) {
    const range = { after, through, limit: ENTRIES_PER_PAGE };
    const rows = await entriesBetween(db, tenantId, range);
    for (const row of rows) await walk.step(row);
    options.onProgress?.(walk.entries, Math.max(through, walk.entries));
    if (rows.length < ENTRIES_PER_PAGE) break;
    after = rows.at(-1)!.sequence;
  }
  walk.finish(end);
  const { entries, erased, faults, findings } = walk;
  return { entries, erased, head: end.head, faults, findings };
}

/** One walk along a chain; each defect is found once, as it goes on from what is stored. */
class ChainWalk {
  entries = 0;
  erased = 0;
  faults = 0;
  readonly findings: AuditFinding[] = [];
  private last: AuditHead = { sequence: 0, hash: NO_HASH };
  private noted: AuditHead | undefined;

  constructor(
    private readonly db: Queryable,
    private readonly tenantId: string,
    noted: AuditHead | undefined,
  ) {
    this.noted = noted;
  }

  async step(row: AuditRow): Promise<void> {
    const { sequence, hash } = row;
    this.entries += 1;
    if (row.salt === null) this.erased += 1;
    const expected = this.last.sequence + 1;
    const isOwn = entryHash(row).equals(hash);
    if (sequence > expected) {
      const through = sequence - 1 === expected ? '' : ` to ${sequence - 1}`;
      this.find('removed', expected, `there is no entry ${expected}${through}`);
    } else if (!row.previousHash.equals(this.last.hash)) {
      await this.findBrokenLink(row, isOwn);
    } else if (!isOwn) {
      this.find('altered', sequence, 'it does not come to its hash');
    }
    this.checkTexts(row);
    if (this.noted?.sequence === sequence) {
      if (!this.noted.hash.equals(hash)) {
        this.find('altered', sequence, 'it does not have the hash that was noted');
      }
      this.noted = undefined;
    }
    this.last = { sequence, hash };
  }

  finish({ head, last }: ChainEnd): void {
    const { sequence, hash } = this.last;
    if (head === undefined) {
      if (last > 0) this.find('truncated', last + 1, 'the head of the chain is gone');
    } else if (head.sequence > sequence) {
      const detail = `the chain went on to entry ${head.sequence}`;
      this.find('truncated', sequence + 1, detail);
    } else if (!head.hash.equals(hash)) {
      this.find('altered', sequence, 'it does not have the hash that the head of the chain says');
    }
    if (head !== undefined && last > head.sequence) {
      this.find('altered', head.sequence + 1, 'the chain ends before it, as its head says');
    }
    if (this.noted !== undefined) {
      this.find('truncated', sequence + 1, `entry ${this.noted.sequence} was noted`);
    }
  }

  /** The sequence goes on, and yet another entry stood before this one when it was written. */
  private async findBrokenLink(row: AuditRow, isOwn: boolean): Promise<void> {
    const { sequence } = row;
    const stoodElsewhere =
      row.previousHash.equals(NO_HASH) || (await this.isKnown(row.previousHash));
    if (stoodElsewhere) {
      this.find('reordered', sequence, 'it was written after another entry than the one before it');
    } else if (isOwn) {
      this.find('altered', sequence - 1, `entry ${sequence} was written after another one`);
    } else {
      this.find('removed', sequence, 'the entry before it is gone, and it was renumbered');
    }
  }

  /** Looked up only while it is told: where all is wrong, each would cost a search. */
  private isKnown(hash: Buffer): Promise<boolean> {
    if (this.findings.length >= FINDINGS_MAX) return Promise.resolve(true);
    return isHashKnown(this.db, this.tenantId, hash);
  }

  private checkTexts(row: AuditRow): void {
    const { salt } = row;
    if (salt === null) return;
    const wrong = ERASABLE_PARTS.filter(
      (part) => !partDigest(salt, part, row[part]).equals(row.digests[part]),
    );
    if (wrong.length === 0) return;
    this.find('altered', row.sequence, `${wrong.join(', ')}: not what was written`);
  }

  private find(fault: AuditFault, sequence: number, detail: string): void {
    this.faults += 1;
    if (this.findings.length < FINDINGS_MAX) this.findings.push({ fault, sequence, detail });
  }
}
