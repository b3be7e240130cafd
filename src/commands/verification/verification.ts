import { EVIDENCE_FORMAT, EVIDENCE_VERSION } from '../../domain/evidence.js';
import { checked, type Check } from './check.js';
import { EvidenceFile, notEvidence, type ReadLine } from './evidence-file.js';
import { fieldsIn, textOf, UnreadableLine, type Fields } from './line-fields.js';
import { PeriodCheck } from './period-check.js';
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
  readonly checks: readonly Check[];
}

/** Verifies a file of evidence from what is in it, and nothing else. */
export async function verifyEvidence(path: string): Promise<Verification> {
  const file = new EvidenceFile(path);
  let header: Fields | undefined;
  let run: VerificationRun | undefined;
  for await (const line of file.lines()) {
    if (run === undefined) {
      header = headerOf(path, line);
      run = new VerificationRun(textOf(fieldsIn(header, 'tenant'), 'id'));
    } else run.add(line);
  }
  if (header === undefined || run === undefined) throw notEvidence(path, 'it has no first line');
  const checks = [checked('whole', 'the file', file.fault), ...run.finish(header)];
  return {
    ok: checks.every(({ ok }) => ok),
    file: path,
    product: header['product'],
    exported_at: header['exported_at'],
    tenant: header['tenant'],
    customer_id: header['customer_id'],
    periods: run.periods,
    entries: run.entries,
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
  private readonly checks: Check[] = [];
  private readonly names = new Set<string>();
  private period: PeriodCheck | undefined;
  private unreadable: string | undefined;
  private stripeEvent: string | undefined;
  private auditEntry: string | undefined;

  constructor(private readonly tenantId: string) {}

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
    const missing =
      header['periods'] === this.periods
        ? undefined
        : `there are ${this.periods} statements, and not the ${String(header['periods'])} of the first line`;
    return [
      checked('readable', 'the file', this.unreadable ?? missing),
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
        if (this.names.has(this.period.name))
          throw new UnreadableLine('this period was there before');
        this.names.add(this.period.name);
        this.periods++;
        break;
      case 'stripe_event':
        this.stripeEvent ??= faultOfStripeEvent(line);
        break;
      case 'audit_entry':
        this.auditEntry ??= faultOfAuditEntry(line, this.tenantId);
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

  private endPeriod(): void {
    const period = this.period;
    this.period = undefined;
    if (period === undefined) return;
    try {
      this.checks.push(...period.finish());
    } catch (error) {
      if (!(error instanceof UnreadableLine)) throw error;
      this.unreadable ??= `${period.name}: ${error.message}`;
    }
  }
}
