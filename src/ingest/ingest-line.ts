import type { Principal } from '../access/caller.js';
import { ndjsonLines } from '../domain/ndjson-lines.js';
import { isNestedTooDeep, parseStrictJson } from '../domain/strict-json.js';
import type { UsageEvent } from '../domain/usage-event.js';
import { isAtMost } from '../domain/text.js';
import { decodeUtf8 } from '../domain/utf8.js';
import type { Verdict } from '../ledger/verdict.js';
import type { EventShape } from '../quarantine/refused-event.js';
import { checkUsageEvent, type CheckedUsageEvent } from './check-usage-event.js';
import { checkCloudEvent, cloudEventPointer } from './cloud-event.js';
import type { Sent } from './receipt.dto.js';
import type { Sending } from './refused-sending.js';
import { MAX_TEXT_CHARACTERS } from './usage-event-limits.js';

/** Lines that are recorded together: as many as one transaction takes. */
const LINES_PER_CHUNK = 1_000;

const NESTED = [
  { code: 'nesting_too_deep', pointer: '', detail: 'the event is nested deeper than 8 levels' },
];

/** Who sends, and how it counts. */
export interface RecordingContext {
  readonly caller: Pick<Principal, 'tenantId' | 'scopes'>;
  readonly historical?: boolean;
}

/** An event that may be recorded, or the verdict that keeps it from it. */
export type Checked = { readonly event: UsageEvent } | { readonly verdict: Verdict };

/** One usage event of a stream or file, checked, and where it stands. */
export interface IngestLine extends Sending {
  /** From 1, as an editor shows it. */
  readonly line: number;
  readonly checked: Checked;
  readonly sent: Sent;
}

/** Reads NDJSON: one usage event a line. A line that is none is told as one that is rejected. */
export async function* ndjsonEvents(
  source: AsyncIterable<Uint8Array>,
  context: RecordingContext,
): AsyncGenerator<IngestLine, void, undefined> {
  for await (const { line, bytes } of ndjsonLines(source)) yield readLine(line, bytes, context);
}

/** Gathers lines into what one transaction takes. */
export async function* inChunks(
  lines: AsyncIterable<IngestLine>,
): AsyncGenerator<IngestLine[], void, undefined> {
  let chunk: IngestLine[] = [];
  for await (const line of lines) {
    chunk.push(line);
    if (chunk.length === LINES_PER_CHUNK) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

function readLine(
  line: number,
  bytes: Uint8Array | undefined,
  context: RecordingContext,
): IngestLine {
  if (bytes === undefined) return unreadable(line, 'line_too_long', 'a line takes at most 64 KiB');
  const text = decodeUtf8(bytes);
  if (text === undefined) return unreadable(line, 'invalid_utf8', 'the line is not UTF-8');
  const parsed = parseStrictJson(text);
  return parsed.ok
    ? readEvent(line, parsed.value, context)
    : unreadable(line, parsed.code, parsed.detail);
}

/** A line that holds a value of the shape of a usage event, or should. */
export function readEvent(line: number, raw: unknown, context: RecordingContext): IngestLine {
  return {
    line,
    raw,
    shape: 'usage_event',
    checked: checkRaw(raw, 'usage_event', context),
    sent: sentAs(raw, 'usage_event', ''),
  };
}

/** A line of which not even a value can be made. */
export function unreadable(line: number, code: string, detail: string): IngestLine {
  const faults = [{ code, pointer: '', detail }];
  return {
    line,
    raw: undefined,
    shape: 'usage_event',
    checked: { verdict: { status: 'rejected', faults } },
    sent: { usageEventId: undefined, pointer: '' },
  };
}

export function checkRaw(raw: unknown, shape: EventShape, { caller }: RecordingContext): Checked {
  const mayAdjust = caller.scopes.includes('usage:adjust');
  const result: CheckedUsageEvent =
    shape === 'cloud_event'
      ? checkCloudEvent(raw, { mayAdjust })
      : checkUsageEvent(raw, { mayAdjust });
  if ('event' in result) return { event: result.event };
  // Asked only of what is refused: an event that may be recorded is flat.
  return { verdict: { status: 'rejected', faults: isNestedTooDeep(raw) ? NESTED : result.errors } };
}

/** The recorder's verdict: what it says of a usage event, said of the event that was sent. */
export function verdictOn(shape: EventShape, verdict: Verdict): Verdict {
  if (shape !== 'cloud_event' || verdict.status !== 'rejected') return verdict;
  return {
    ...verdict,
    faults: verdict.faults.map((f) => ({ ...f, pointer: cloudEventPointer(f.pointer) })),
  };
}

/** The id is repeated as far as it is one; anything else is named by its place alone. */
export function sentAs(raw: unknown, shape: EventShape, pointer: string): Sent {
  const member = shape === 'cloud_event' ? 'id' : 'usage_event_id';
  const id =
    typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>)[member] : undefined;
  const isShort = typeof id === 'string' && isAtMost(id, MAX_TEXT_CHARACTERS);
  return { usageEventId: isShort ? id : undefined, pointer };
}
