import { EVIDENCE_FORMAT, EVIDENCE_VERSION } from '../../domain/evidence.js';
import { checked, sameAs, type Check } from './check.js';
import { EvidenceFile, notEvidence, type ReadLine } from './evidence-file.js';
import { fieldsIn, textOf, UnreadableLine, wholeOf, type Fields } from './line-fields.js';
import { PeriodCheck, type PeriodTold } from './period-check.js';
import { faultOfAuditEntry, faultOfStripeEvent } from './record-check.js';

/** What a file says of itself, and what is right and wrong about it. */
export interface Verification {
  readonly ok: boolean;
  readonly file: string;
  readonly product: unknown;
  readonly exported_at: unknown;
  readonly tenant: unknown;
  readonly customer_id: unknown;
  readonly periods: number;
  readonly entries: number;
  /** Of the file, not gzipped, as `sha256sum` gives it. */
  readonly sha256: string;
  readonly statements: readonly PeriodTold[];
  readonly checks: readonly Check[];
}

/**
 * Verifies a file of evidence from what is in it, and nothing else.
 *
 * @param expected The SHA-256 that was noted of the whole file, in hex.
 */
export async function verifyEvidence(path: string, expected?: string): Promise<Verification> {
  const file = new EvidenceFile(path);
  let header: Fields | undefined;
  let run: VerificationRun | undefined;
  for await (const line of file.lines()) {
    if (run === undefined) {
      header = headerOf(path, line);
      run = new VerificationRun(textOf(fieldsIn(header, 'tenant'), 'id'), header['customer_id']);
    } else run.add(line);
  }
  if (header === undefined || run === undefined) throw notEvidence(path, 'it has no first line');
  const checks = [checked('whole', 'the file', file.fault), ...run.finish(header)];
  const sha256 = file.sha256();
  if (expected !== undefined)
    checks.push(sameAs('noted', 'the file', expected.toLowerCase(), sha256));
  return {
    ok: checks.every(({ ok }) => ok),
    file: path,
    product: header['product'],
    exported_at: header['exported_at'],
    tenant: header['tenant'],
    customer_id: header['customer_id'],
    periods: run.periods,
    entries: run.entries,
    sha256,
    statements: run.statements,
    checks,
  };
}

function headerOf(path: string, { fields }: ReadLine): Fields {
  if (fields?.['format'] !== EVIDENCE_FORMAT) throw notEvidence(path, 'its first line is another');
  if (fields['version'] !== EVIDENCE_VERSION) {
    throw notEvidence(path, `this program reads version ${EVIDENCE_VERSION} of them`);
  }
  try {
    textOf(fieldsIn(fields, 'tenant'), 'id');
  } catch {
    throw notEvidence(path, 'its first line names no tenant');
  }
  return fields;
}

class VerificationRun {
  periods = 0;
  entries = 0;
  readonly statements: PeriodTold[] = [];
  private readonly checks: Check[] = [];
  private readonly names = new Set<string>();
  private period: PeriodCheck | undefined;
  /** By meter, the period that ended last. */
  private readonly before = new Map<string, PeriodCheck>();
  private unreadable: string | undefined;
  private stripeEvent: string | undefined;
  private auditEntry: string | undefined;

  private audited: { readonly sequence: number; readonly hash: string } | undefined;

  constructor(
    private readonly tenantId: string,
    private readonly customerId: unknown,
  ) {}

  add({ number, fields }: ReadLine): void {
    try {
      if (fields === undefined) throw new UnreadableLine('it is no JSON object');
      this.take(fields);
    } catch (error) {
      if (!(error instanceof UnreadableLine)) throw error;
      this.unreadable ??= `line ${number}: ${error.message}`;
    }
  }

  finish(header: Fields): Check[] {
    this.endPeriod();
    const meters = [...new Set(this.statements.map(({ meter }) => meter))].sort();
    const said: unknown = header['meters'];
    const isOfMeters =
      Array.isArray(said) && JSON.stringify(said.map(String).toSorted()) === JSON.stringify(meters);
    const others = isOfMeters
      ? undefined
      : 'the statements are of other meters than the first line';
    const missing =
      header['periods'] === this.periods
        ? undefined
        : `there are ${this.periods} statements, and not the ${String(header['periods'])} of the first line`;
    return [
      checked('readable', 'the file', this.unreadable ?? missing ?? others),
      ...this.checks,
      checked('stripe_events', 'the file', this.stripeEvent),
      checked('audit_entries', 'the file', this.auditEntry),
    ];
  }

  private take(line: Fields): void {
    switch (line['type']) {
      case 'statement':
        this.endPeriod();
        this.period = new PeriodCheck(line);
        if (textOf(line, 'customer_id') !== this.customerId)
          throw new UnreadableLine('it is of another customer than the first line');
        if (this.names.has(this.period.name))
          throw new UnreadableLine('this period was there before');
        this.names.add(this.period.name);
        this.periods++;
        break;
      case 'stripe_event':
        this.stripeEvent ??= faultOfStripeEvent(line);
        break;
      case 'audit_entry':
        this.auditEntry ??= faultOfAuditEntry(line, this.tenantId) ?? this.unlinked(line);
        break;
      case 'amendment':
      case 'entry':
      case 'push':
      case 'hold':
      case 'invoice':
      case 'reconciliation':
        if (line['type'] === 'entry') this.entries++;
        if (this.period === undefined) throw new UnreadableLine('it stands before every statement');
        this.period.add(line);
        break;
      default:
        throw new UnreadableLine('nobody knows this kind of line');
    }
  }

  /** Entries in between may be about others, and are not in the file. */
  private unlinked(line: Fields): string | undefined {
    const before = this.audited;
    const sequence = wholeOf(line, 'sequence');
    this.audited = { sequence, hash: textOf(line, 'hash') };
    if (before === undefined || before.sequence + 1 < sequence) return undefined;
    if (before.sequence >= sequence) return `entry ${sequence} stands twice or out of order`;
    return line['previous_hash'] === before.hash
      ? undefined
      : `entry ${sequence} does not follow the one before it`;
  }

  private endPeriod(): void {
    const period = this.period;
    this.period = undefined;
    if (period === undefined) return;
    try {
      this.checks.push(...period.finish(this.before.get(period.meter)));
      this.before.set(period.meter, period);
      this.statements.push(period.told);
    } catch (error) {
      if (!(error instanceof UnreadableLine)) throw error;
      this.unreadable ??= `${period.name}: ${error.message}`;
    }
  }
}
