import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { endOfEvidence, isEvidenceLine, noLines } from '../../domain/evidence.js';
import { parseStrictJson } from '../../domain/strict-json.js';
import { decodeUtf8 } from '../../domain/utf8.js';
import { CommandFailure } from '../command-failure.js';
import { peek } from '../import/peek.js';

const NEWLINE = 0x0a;
const GZIP_MAGIC = [0x1f, 0x8b] as const;
const CHUNK_BYTES = 256 * 1024;
/** An event that Stripe sent is the longest that a line holds. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const DEPTH_MAX = 64;

/** A line of the file, read; undefined where it is no JSON object. */
export interface ReadLine {
  /** From 1. */
  readonly number: number;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Reads a file of evidence as a stream and finds out whether it is whole: the last line must be the
 * one that all bytes before it give.
 */
export class EvidenceFile {
  private readonly digest = createHash('sha256');
  private readonly counts = noLines();
  private readonly wholeDigest = createHash('sha256');
  private read = 0;
  /** What is wrong with the file as a whole, once all of it was read. */
  fault: string | undefined;

  constructor(private readonly path: string) {}

  /** All lines but the last. */
  async *lines(): AsyncGenerator<ReadLine, void, undefined> {
    let end: string | undefined;
    for await (const bytes of this.rawLines()) {
      this.wholeDigest.update(bytes);
      if (end !== undefined) {
        this.fault ??= `line ${this.read + 2} stands after the last line`;
        continue;
      }
      const text = decodeUtf8(bytes);
      const fields = text === undefined ? undefined : fieldsOf(text);
      if (fields?.['type'] === 'end') {
        end = text;
        continue;
      }
      this.digest.update(bytes);
      this.read++;
      if (isEvidenceLine(fields?.['type'])) this.counts[fields['type']]++;
      yield { number: this.read, fields };
    }
    const expected = endOfEvidence(this.read, this.counts, this.digest.digest('hex'));
    if (this.fault !== undefined) return;
    if (end === undefined) this.fault = 'the last line is missing: the file was cut off';
    else if (`${end}\n` === expected) this.fault = 'the last line has no line feed';
    else if (end !== expected)
      this.fault = 'the last line is not the one that the lines before it give';
  }

  /** Of all that was read, inflated, in hex; once. */
  sha256(): string {
    return this.wholeDigest.digest('hex');
  }

  /** With their line feeds. */
  private async *rawLines(): AsyncGenerator<Uint8Array, void, undefined> {
    let parts: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of inflated(this.path)) {
        let start = 0;
        for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
          const rest = chunk.subarray(start, end + 1);
          yield parts.length === 0 ? rest : Buffer.concat([...parts, rest]);
          parts = [];
          length = 0;
          start = end + 1;
        }
        if (start === chunk.length) continue;
        parts.push(chunk.slice(start));
        length += chunk.length - start;
        if (length > LINE_BYTES_MAX) throw notEvidence(this.path, 'a line of it has no end');
      }
    } catch (error) {
      throw error instanceof CommandFailure ? error : notReadable(this.path, error);
    }
    if (parts.length > 0) yield Buffer.concat(parts);
  }
}

/** The bytes of a file; what is gzipped comes out inflated. */
async function* inflated(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const { head, whole } = await peek(bytesOf(stream), GZIP_MAGIC.length);
  if (GZIP_MAGIC.some((byte, at) => head[at] !== byte)) {
    yield* whole;
    return;
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  pipeline(Readable.from(whole, { objectMode: false }), gunzip, () => undefined);
  yield* bytesOf(gunzip);
}

async function* bytesOf(stream: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  yield* stream as AsyncIterable<Uint8Array>;
}

export function notEvidence(path: string, why: string): CommandFailure {
  return new CommandFailure(
    `The file ${path} is not one of \`countonce export\`: ${why}.`,
    'not_an_export',
  );
}

function fieldsOf(line: string): Record<string, unknown> | undefined {
  const parsed = parseStrictJson(line, { maxDepth: DEPTH_MAX });
  if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) return undefined;
  return Array.isArray(parsed.value) ? undefined : (parsed.value as Record<string, unknown>);
}

function notReadable(path: string, cause: unknown): CommandFailure {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code ?? String(cause)})`;
  return new CommandFailure(`The file ${path} ${why}.`, 'file_not_readable', { cause });
}
