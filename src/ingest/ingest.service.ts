import { Injectable } from '@nestjs/common';
import { Recorder } from '../ledger/recorder.js';
import type { Verdict } from '../ledger/verdict.js';
import { Metrics } from '../metrics/metrics.js';
import {
  checkRaw,
  inChunks,
  ndjsonEvents,
  sentAs,
  type Checked,
  type EventShape,
  type IngestLine,
  type RecordingContext,
} from './ingest-line.js';
import { isProblematic, noCounts, toResult, type Result } from './receipt.dto.js';

/** From parsed bodies and streams to verdicts. */
@Injectable()
export class IngestService {
  constructor(
    private readonly recorder: Recorder,
    private readonly metrics: Metrics,
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
    const checked = raws.map((raw) => checkRaw(raw, shape, context));
    const verdicts = await this.verdicts(context, checked);
    return verdicts.map((verdict, index) =>
      toResult(index, sentAs(raws[index], shape, pointers[index]!), verdict),
    );
  }

  /**
   * Records a stream of lines, a thousand at a time, and yields an answer line for each and the
   * counts at the end. Without that last line nobody knows how far it came: send it all again.
   */
  async *recordLines(
    context: RecordingContext,
    source: AsyncIterable<Uint8Array>,
    problemsOnly: boolean,
  ): AsyncGenerator<string, void, undefined> {
    const counts = noCounts();
    let index = 0;
    for await (const chunk of inChunks(ndjsonEvents(source, context))) {
      const results = await this.recordChunk(context, chunk, index);
      index += chunk.length;
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
    const checked = chunk.map((line) => line.checked);
    const verdicts = await this.verdicts(context, checked);
    return verdicts.map((verdict, i) => toResult(firstIndex + i, chunk[i]!.sent, verdict));
  }

  private async verdicts(
    context: RecordingContext,
    checked: readonly Checked[],
  ): Promise<Verdict[]> {
    const events = checked.flatMap((each) => ('event' in each ? [each.event] : []));
    const recorded = await this.recorder.record(context.caller.tenantId, events, {
      mayAdjust: context.caller.scopes.includes('usage:adjust'),
      historical: context.historical ?? false,
    });
    let next = 0;
    const verdicts = checked.map((each) => ('verdict' in each ? each.verdict : recorded[next++]!));
    for (const { status } of verdicts) this.metrics.usageEvents.inc({ result: status });
    return verdicts;
  }
}
