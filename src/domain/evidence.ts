/** What a file of evidence is called in its first line. */
export const EVIDENCE_FORMAT = 'countonce-evidence';
/** Raised where a line means something else than before; fields may come without. */
export const EVIDENCE_VERSION = 1;

/** The kinds of lines between the first and the last one. */
export const EVIDENCE_LINES = [
  'statement',
  'amendment',
  'entry',
  'push',
  'hold',
  'invoice',
  'reconciliation',
  'stripe_event',
  'audit_entry',
] as const;
export type EvidenceLineType = (typeof EVIDENCE_LINES)[number];

/** How many lines of each kind there are. */
export type EvidenceCounts = Record<EvidenceLineType, number>;

export function noLines(): EvidenceCounts {
  return Object.fromEntries(EVIDENCE_LINES.map((type) => [type, 0])) as EvidenceCounts;
}

export function isEvidenceLine(type: unknown): type is EvidenceLineType {
  return (EVIDENCE_LINES as readonly unknown[]).includes(type);
}

/**
 * The last line, with its line feed. It is made from what stands before it and nothing else, so that
 * whoever reads the file can make it again and hold it against the one that is there.
 *
 * @param lines How many there are before it.
 * @param sha256 Of all bytes before it, in hex.
 */
export function endOfEvidence(lines: number, counts: EvidenceCounts, sha256: string): string {
  return `${JSON.stringify({ type: 'end', lines, counts, sha256 })}\n`;
}
