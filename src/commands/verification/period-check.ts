import { sumOf } from '../../domain/decimal-arithmetic.js';
import { eventKey as eventKeyOf } from '../../domain/event-key.js';
import { formatInstant, type Micros } from '../../domain/instant.js';
import { LedgerSums } from '../../domain/ledger-sums.js';
import { AGGREGATIONS, type Aggregation } from '../../domain/meter.js';
import { amendmentOf, statementOf } from '../../domain/statement.js';
import { checked, sameAs, type Check } from './check.js';
import {
  decimalOf,
  decimalOrNull,
  flagOf,
  instantOf,
  quantityOf,
  textOf,
  textOrNull,
  UnreadableLine,
  wholeOf,
  type Fields,
} from './line-fields.js';
import { PushCheck } from './push-check.js';

const PARTS = [
  'delivered',
  'confirmed',
  'pending',
  'unknown',
  'held',
  'rejected',
  'excluded',
  'unbillable',
] as const;
/** Those that pushes and holds alone make up. */
const PUSHED = ['delivered', 'confirmed', 'unknown', 'rejected', 'held', 'unbillable'] as const;

/** What the file says of a period. */
export interface PeriodTold {
  readonly meter: string;
  readonly period_start: string;
  readonly aggregation: string;
  readonly status: string;
  readonly value: string;
  readonly amended_value: string;
  readonly digest: string;
}

/** Holds one period's statement and amendments against their entries and pushes, in one pass. */
export class PeriodCheck {
  readonly meter: string;
  readonly periodStart: Micros;
  private readonly periodEnd: Micros;
  private readonly aggregation: Aggregation;
  private readonly amendments: Fields[] = [];
  private sums: LedgerSums | undefined;
  private readonly pushed = new PushCheck();
  private last = '';
  private order: string | undefined;

  constructor(private readonly statement: Fields) {
    this.meter = textOf(statement, 'meter');
    this.periodStart = instantOf(statement, 'period_start');
    const aggregation = textOf(statement, 'aggregation');
    if (!isAggregation(aggregation)) throw new UnreadableLine('aggregation is none');
    this.aggregation = aggregation;
    this.periodEnd = instantOf(statement, 'period_end');
    if (this.periodStart >= this.periodEnd) {
      throw new UnreadableLine('the period ends before it begins');
    }
  }

  /** What to hold against what was noted elsewhere. */
  get told(): PeriodTold {
    const { statement } = this;
    return {
      meter: this.meter,
      period_start: formatInstant(this.periodStart),
      aggregation: this.aggregation,
      status: textOf(statement, 'status'),
      value: decimalOf(statement, 'value'),
      amended_value: decimalOf(statement, 'amended_value'),
      digest: textOf(statement, 'digest'),
    };
  }

  get name(): string {
    return `${this.meter} ${formatInstant(this.periodStart)}`;
  }

  /** @throws UnreadableLine where the line is none of this period, or comes too late. */
  add(line: Fields): void {
    const isOwn =
      textOf(line, 'meter') === this.meter && instantOf(line, 'period_start') === this.periodStart;
    if (!isOwn) throw new UnreadableLine(`it is not of ${this.name}`);
    switch (line['type']) {
      case 'amendment':
        if (this.sums !== undefined)
          throw new UnreadableLine('an amendment stands before the entries');
        if (wholeOf(line, 'revision') <= this.lastRevision())
          throw new UnreadableLine('amendments do not stand in the order of their revisions');
        this.amendments.push(line);
        break;
      case 'entry':
        this.entry(line);
        break;
      case 'push':
        this.pushed.push(line);
        break;
      case 'hold':
        this.pushed.hold(line);
        break;
    }
  }

  /** @param before The period of the same meter that stands before it in the file. */
  finish(before?: PeriodCheck): Check[] {
    const sums = this.entries();
    return [
      ...this.carriedChecks(before),
      checked('order', this.name, this.order ?? strayed(sums)),
      ...this.statementChecks(sums),
      ...this.amendmentChecks(sums),
      ...this.pushChecks(),
    ];
  }

  private lastRevision(): number {
    const last = this.amendments.at(-1);
    return last === undefined ? 0 : wholeOf(last, 'revision');
  }

  private entry(line: Fields): void {
    const eventKey = textOf(line, 'event_key');
    const isVoid = flagOf(line, 'is_void');
    const source = textOrNull(line, 'source');
    const id = textOrNull(line, 'usage_event_id');
    if (source !== null && id !== null && eventKeyOf(source, id) !== eventKey) {
      this.order ??= `${eventKey} is not the key of the event that it names`;
    }
    const place = `${eventKey} ${isVoid ? '1' : '0'}`;
    if (place <= this.last) this.order ??= `${eventKey} stands twice or out of order`;
    this.last = place;
    const entry = {
      eventKey,
      isVoid,
      quantity: quantityOf(line, 'quantity'),
      revision: wholeOf(line, 'revision'),
      occurredAt: instantOf(line, 'occurred_at'),
      originStart: instantOf(line, 'origin_period_start'),
      uniqueKey: textOrNull(line, 'unique_key'),
    };
    // What is not billable is told, and in no statement.
    if (flagOf(line, 'billable')) this.entries().add(entry);
  }

  private entries(): LedgerSums {
    const revisions = this.amendments.map((line) => wholeOf(line, 'revision'));
    return (this.sums ??= new LedgerSums(
      this.meter,
      this.periodStart,
      this.aggregation,
      revisions,
    ));
  }

  private statementChecks(sums: LedgerSums): Check[] {
    const { statement } = this;
    const found = statementOf(
      sums.usageOf(0),
      this.aggregation,
      decimalOrNull(statement, 'carried_last'),
    );
    const count = String(wholeOf(statement, 'event_count'));
    return [
      sameAs('event_count', this.name, count, found.event_count),
      sameAs('value', this.name, decimalOf(statement, 'value'), found.value),
      sameAs('carried_in', this.name, decimalOf(statement, 'carried_in'), found.carried_in),
      sameAs('digest', this.name, textOf(statement, 'digest'), found.digest),
    ];
  }

  /** What was carried was fixed when the period before was closed, or amended. */
  private carriedChecks(before: PeriodCheck | undefined): Check[] {
    if (before?.periodEnd !== this.periodStart) return [];
    const values = before.values();
    const parts = [{ of: this.name, line: this.statement }, ...this.namedAmendments()];
    return parts.flatMap(({ of, line }) => {
      const carried = this.carriedBy(line);
      if (carried === null) return [];
      const fault = values.includes(carried)
        ? undefined
        : `it carries ${carried}, the period before it came to ${values.join(', then ')}`;
      return [checked('carried_last', of, fault)];
    });
  }

  private namedAmendments(): { readonly of: string; readonly line: Fields }[] {
    return this.amendments.map((line) => ({
      of: `${this.name} amendment ${wholeOf(line, 'revision')}`,
      line,
    }));
  }

  private carriedBy(line: Fields): string | null {
    return decimalOrNull('carried_last' in line ? line : this.statement, 'carried_last');
  }

  /** What the period came to when it was closed, and by each amendment. */
  private values(): string[] {
    let through = decimalOf(this.statement, 'value');
    const amended = this.amendments.map(
      (line) => (through = sumOf([through, decimalOf(line, 'value')])),
    );
    return [decimalOf(this.statement, 'value'), ...amended];
  }

  private amendmentChecks(sums: LedgerSums): Check[] {
    const values = this.values();
    const checks = this.namedAmendments().flatMap(({ of, line }, i) => {
      const revision = wholeOf(line, 'revision');
      const carried = this.carriedBy(line);
      const found = amendmentOf(sums.usageOf(revision), sums.through(revision), carried);
      return [
        sameAs('event_count', of, String(wholeOf(line, 'event_count')), found.event_count),
        sameAs('value', of, values[i + 1]!, found.through),
        sameAs('digest', of, textOf(line, 'digest'), found.digest),
      ];
    });
    const amended = decimalOf(this.statement, 'amended_value');
    return [...checks, sameAs('amended_value', this.name, amended, values.at(-1)!)];
  }

  private pushChecks(): Check[] {
    const parts = [this.statement, ...this.amendments];
    const uneven = parts.find(
      (line) => sumOf(PARTS.map((part) => decimalOf(line, `${part}_value`))) !== line['value'],
    );
    const pushed = this.pushed.sums();
    const wrong = PUSHED.flatMap((part) => {
      const said = sumOf(parts.map((line) => decimalOf(line, `${part}_value`)));
      const found = pushed[part]!;
      return said === found ? [] : [`${part}_value is ${said}, the pushes give ${found}`];
    });
    return [
      checked('parts', this.name, uneven && `they do not add up to ${String(uneven['value'])}`),
      checked('pushes', this.name, wrong.length === 0 ? undefined : wrong.join('; ')),
      checked('push_histories', this.name, this.pushed.fault),
    ];
  }
}

function strayed(sums: LedgerSums): string | undefined {
  return sums.strays === 0
    ? undefined
    : `${sums.strays} entries are of an amendment that is not there`;
}

function isAggregation(text: string): text is Aggregation {
  return (AGGREGATIONS as readonly string[]).includes(text);
}
