import { Injectable } from '@nestjs/common';
import { Recorder } from '../ledger/recorder.js';
import type { Verdict } from '../ledger/verdict.js';
import { Metrics } from '../metrics/metrics.js';
import { Quarantine } from '../quarantine/quarantine.js';
import type { EventShape } from '../quarantine/refused-event.js';
import {
  checkRaw,
  inChunks,
  ndjsonEvents,
  sentAs,
  verdictOn,
  type Checked,
  type IngestLine,
  type RecordingContext,
} from './ingest-line.js';
import { isProblematic, noCounts, toResult, type Result } from './receipt.dto.js';
import { toRefusedEvent, type Sending } from './refused-sending.js';
import { workAhead } from './work-ahead.js';

/** Of one stream: enough to keep the database at it while the next lines are read. */
const CHUNKS_AT_ONCE_MAX = 2;

/** An event as it came in, and whether it may be recorded. */
type CheckedSending = Sending & { readonly checked: Checked };

/** From parsed bodies and streams to verdicts. */
@Injectable()
export class IngestService {
  constructor(
    private readonly recorder: Recorder,
    private readonly metrics: Metrics,
    private readonly quarantine: Quarantine,
  ) {}

  /**
   * Checks and records events. A bad one never harms its neighbours.
   *
   * @param pointers Where each event stands in its document.
   */
  async record(
    context: RecordingContext,
    raws: readonly unknown[],
    shape: EventShape,
    pointers: readonly string[],
  ): Promise<Result[]> {
    const checked = raws.map((raw) => ({ raw, shape, checked: checkRaw(raw, shape, context) }));
    const verdicts = await this.verdicts(context, checked);
    await this.keepRefused(context, checked, verdicts);
    return verdicts.map((verdict, index) =>
      toResult(index, sentAs(raws[index], shape, pointers[index]!), verdict),
    );
  }

  /**
   * Records a stream of lines, a thousand at a time, and yields an answer line for each and the
   * counts at the end. Without that last line nobody knows how far it came: send it all again.
   *
   * The next thousand are read and recorded while the ones before are; copies keep their order.
   */
  async *recordLines(
    context: RecordingContext,
    source: AsyncIterable<Uint8Array>,
    problemsOnly: boolean,
  ): AsyncGenerator<string, void, undefined> {
    const counts = noCounts();
    let read = 0;
    const record = (chunk: readonly IngestLine[]): Promise<Result[]> => {
      const firstIndex = read;
      read += chunk.length;
      return this.recordChunk(context, chunk, firstIndex);
    };
    const chunks = inChunks(ndjsonEvents(source, context));
    for await (const results of workAhead(chunks, CHUNKS_AT_ONCE_MAX, record)) {
      let answer = '';
      for (const result of results) {
        counts[result.status]++;
        if (!problemsOnly || isProblematic(result)) answer += `${JSON.stringify(result)}\n`;
      }
      yield answer;
    }
    yield `${JSON.stringify({ done: true, ...counts })}\n`;
  }

  /**
   * Records lines that were read before, all that can be.
   *
   * @param firstIndex How many events of the stream came before them.
   */
  async recordChunk(
    context: RecordingContext,
    chunk: readonly IngestLine[],
    firstIndex: number,
  ): Promise<Result[]> {
    const verdicts = await this.verdicts(context, chunk);
    await this.keepRefused(context, chunk, verdicts);
    return verdicts.map((verdict, i) => toResult(firstIndex + i, chunk[i]!.sent, verdict));
  }

  /**
   * Sends events of the quarantine through the same door once more. Those that are refused again
   * are there already: they are not seen another time.
   */
  recordAgain(context: RecordingContext, sendings: readonly Sending[]): Promise<Verdict[]> {
    return this.verdicts(
      context,
      sendings.map(({ raw, shape }) => ({ raw, shape, checked: checkRaw(raw, shape, context) })),
    );
  }

  private async verdicts(
    context: RecordingContext,
    sendings: readonly CheckedSending[],
  ): Promise<Verdict[]> {
    const events = sendings.flatMap(({ checked }) => ('event' in checked ? [checked.event] : []));
    const recorded = await this.recorder.record(context.caller.tenantId, events, {
      mayAdjust: context.caller.scopes.includes('usage:adjust'),
      historical: context.historical ?? false,
    });
    let next = 0;
    const verdicts = sendings.map(({ checked, shape }) =>
      'verdict' in checked ? checked.verdict : verdictOn(shape, recorded[next++]!),
    );
    this.count(verdicts);
    return verdicts;
  }

  private count(verdicts: readonly Verdict[]): void {
    const counts = noCounts();
    for (const { status } of verdicts) counts[status]++;
    for (const [result, count] of Object.entries(counts)) {
      if (count > 0) this.metrics.usageEvents.inc({ result }, count);
    }
  }

  /** Before any verdict leaves; without refused ones it asks the database nothing. */
  private async keepRefused(
    { caller, historical = false }: RecordingContext,
    sendings: readonly Sending[],
    verdicts: readonly Verdict[],
  ): Promise<void> {
    const refused = sendings.flatMap((sending, i) => {
      const { status } = verdicts[i]!;
      if (status === 'accepted' || status === 'duplicate') return [];
      return toRefusedEvent(sending, verdicts[i]!, historical) ?? [];
    });
    await this.quarantine.keep(caller.tenantId, refused);
  }
}
