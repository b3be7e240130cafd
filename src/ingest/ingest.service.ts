import { Injectable } from '@nestjs/common';
import type { Principal } from '../access/caller.js';
import { parseStrictJson } from '../domain/strict-json.js';
import type { UsageEvent } from '../domain/usage-event.js';
import { decodeUtf8 } from '../domain/utf8.js';
import { Recorder } from '../ledger/recorder.js';
import type { Verdict } from '../ledger/verdict.js';
import { checkUsageEvent } from './check-usage-event.js';
import { checkCloudEvent } from './cloud-event.js';
import { ndjsonLines } from '../domain/ndjson-lines.js';
import { isProblematic, noCounts, toResult, type Result, type Sent } from './receipt.dto.js';

/** Lines that are recorded together: as many as one transaction takes. */
const LINES_PER_CHUNK = 1_000;

/** Which shape the events of a request have. */
export type EventShape = 'usage_event' | 'cloud_event';

type Checked = { readonly event: UsageEvent } | { readonly verdict: Verdict };

export interface RecordingContext {
  readonly caller: Pick<Principal, 'tenantId' | 'scopes'>;
  readonly historical?: boolean;
}

/** From parsed bodies and streams to verdicts. */
@Injectable()
export class IngestService {
  constructor(private readonly recorder: Recorder) {}

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
    const checked = raws.map((raw) => check(raw, shape, context));
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
    for await (const chunk of chunksOf(source, context)) {
      const verdicts = await this.verdicts(
        context,
        chunk.map((line) => line.checked),
      );
      let answer = '';
      verdicts.forEach((verdict, i) => {
        const result = toResult(index++, chunk[i]!.sent, verdict);
        counts[result.status]++;
        if (!problemsOnly || isProblematic(result)) answer += `${JSON.stringify(result)}\n`;
      });
      yield answer;
    }
    yield `${JSON.stringify({ done: true, ...counts })}\n`;
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
    return checked.map((each) => ('verdict' in each ? each.verdict : recorded[next++]!));
  }
}

function check(raw: unknown, shape: EventShape, { caller }: RecordingContext): Checked {
  const mayAdjust = caller.scopes.includes('usage:adjust');
  const result =
    shape === 'cloud_event'
      ? checkCloudEvent(raw, { mayAdjust })
      : checkUsageEvent(raw, { mayAdjust });
  return 'event' in result
    ? { event: result.event }
    : { verdict: { status: 'rejected', faults: result.errors } };
}

interface Line {
  readonly checked: Checked;
  readonly sent: Sent;
}

async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  context: RecordingContext,
): AsyncGenerator<Line[], void, undefined> {
  let chunk: Line[] = [];
  for await (const line of ndjsonLines(source)) {
    chunk.push(readLine(line.bytes, context));
    if (chunk.length === LINES_PER_CHUNK) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

function readLine(bytes: Uint8Array | undefined, context: RecordingContext): Line {
  if (bytes === undefined) return unreadable('line_too_long', 'a line takes at most 64 KiB');
  const text = decodeUtf8(bytes);
  if (text === undefined) return unreadable('invalid_utf8', 'the line is not UTF-8');
  const parsed = parseStrictJson(text);
  if (!parsed.ok) return unreadable(parsed.code, parsed.detail);
  const checked = check(parsed.value, 'usage_event', context);
  return { checked, sent: sentAs(parsed.value, 'usage_event', '') };
}

function unreadable(code: string, detail: string): Line {
  const faults = [{ code, pointer: '', detail }];
  return {
    checked: { verdict: { status: 'rejected', faults } },
    sent: { usageEventId: undefined, pointer: '' },
  };
}

/** The id is repeated as far as it is one; anything else is named by its index alone. */
function sentAs(raw: unknown, shape: EventShape, pointer: string): Sent {
  const member = shape === 'cloud_event' ? 'id' : 'usage_event_id';
  const id =
    typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>)[member] : undefined;
  return { usageEventId: typeof id === 'string' && id.length <= 255 ? id : undefined, pointer };
}
