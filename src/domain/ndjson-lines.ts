/** Of one line without its end. */
const MAX_LINE_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export type NdjsonLine =
  | {
      /** From 1, blank lines counted, as an editor shows it. */
      readonly line: number;
      readonly bytes: Uint8Array;
      readonly tooLong?: undefined;
    }
  /** A line over the limit, told once and passed over; its neighbours are read as ever. */
  | { readonly line: number; readonly bytes?: undefined; readonly tooLong: true };

/**
 * Splits bytes into lines that end with LF or CRLF, or with the stream. Blank lines are counted but
 * not handed out. Holds at most one line and one chunk, however long the stream or a line is.
 *
 * The bytes of a line are a view of the chunk they came in: use them before the next line.
 */
export async function* ndjsonLines(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<NdjsonLine, void, undefined> {
  const line = new PendingLine(maxLineBytes);
  let number = 1;
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const whole = line.finish(number, chunk.subarray(start, end));
      if (whole !== undefined) yield whole;
      start = end + 1;
      number++;
    }
    line.add(chunk.subarray(start));
  }
  const last = line.finish(number, new Uint8Array());
  if (last !== undefined) yield last;
}

/** The beginning of a line whose end has not come yet. */
class PendingLine {
  private parts: Uint8Array[] = [];
  private length = 0;

  constructor(private readonly maxBytes: number) {}

  /** Keeps the part, unless the line is too long already: then only its length counts. */
  add(part: Uint8Array): void {
    this.length += part.length;
    // One more for the CR of a line that is as long as it may be.
    if (this.length > this.maxBytes + 1) this.parts = [];
    // Copied, because a small rest would keep its whole chunk alive.
    else if (part.length > 0) this.parts.push(part.slice());
  }

  /** @returns Nothing for a blank line. */
  finish(line: number, end: Uint8Array): NdjsonLine | undefined {
    const length = this.length + end.length;
    const bytes =
      length > this.maxBytes + 1
        ? undefined
        : withoutCarriageReturn(
            this.parts.length === 0 ? end : Buffer.concat([...this.parts, end]),
          );
    this.parts = [];
    this.length = 0;
    if (bytes === undefined || bytes.length > this.maxBytes) return { line, tooLong: true };
    return isBlank(bytes) ? undefined : { line, bytes };
  }
}

function withoutCarriageReturn(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes;
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === CARRIAGE_RETURN);
}
