import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { decodeUtf8 } from '../../domain/utf8.js';
import {
  readEvent,
  unreadable,
  type IngestLine,
  type RecordingContext,
} from '../../ingest/ingest-line.js';
import { CommandFailure } from '../command-failure.js';
import { peek } from './peek.js';

const REQUIRED = ['usage_event_id', 'customer_id', 'meter'] as const;
const OPTIONAL = ['source', 'quantity', 'occurred_at'] as const;
const PROPERTY = /^properties\.(.+)$/;

/** Excel puts it before UTF-8. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;
const FIELD_BYTES_MAX = 64 * 1024;

interface Row {
  readonly record: readonly Buffer[];
  readonly info: { readonly lines: number };
}

/**
 * Reads CSV (RFC 4180) whose first row names the fields: those of a usage event, and
 * `properties.<name>`. Every value is a text; an empty cell of an optional field is an absent one.
 *
 * @throws CommandFailure where a quote stands wrong: nobody can tell where the next row begins.
 */
export async function* csvEvents(
  source: AsyncGenerator<Uint8Array>,
  context: RecordingContext,
): AsyncGenerator<IngestLine, void, undefined> {
  let columns: Columns | undefined;
  for await (const { record, info } of rowsOf(source)) {
    if (columns === undefined) columns = new Columns(record.map(decodeUtf8));
    else yield columns.read(info.lines, record, context);
  }
}

async function* rowsOf(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Row, void, undefined> {
  const parser = parse({
    // Bytes: a decoder of its own would put U+FFFD where something is not UTF-8.
    encoding: null,
    info: true,
    max_record_size: FIELD_BYTES_MAX,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  pipeline(
    Readable.from(withoutByteOrderMark(source), { objectMode: false }),
    parser,
    () => undefined,
  );
  try {
    yield* parser as AsyncIterable<Row>;
  } catch (error) {
    throw error instanceof CsvError ? invalidCsv(error) : error;
  }
}

/** csv-parse would go over to decoding where it finds one. */
async function* withoutByteOrderMark(
  source: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { head, whole } = await peek(source, BYTE_ORDER_MARK.length);
  let skipped = BYTE_ORDER_MARK.every((byte, at) => head[at] === byte) ? BYTE_ORDER_MARK.length : 0;
  for await (const chunk of whole) {
    yield skipped === 0 ? chunk : chunk.subarray(skipped);
    skipped = 0;
  }
}

function invalidCsv(error: CsvError): CommandFailure {
  return new CommandFailure(
    `The file is no CSV: ${error.message}. Mend it there and run this again: what is recorded by ` +
      'then comes back as duplicate.',
    'invalid_csv',
    { cause: error },
  );
}

/** What each column holds, as the first row says. */
class Columns {
  private readonly names: readonly string[];

  constructor(header: readonly (string | undefined)[]) {
    this.names = header.map((name) => name?.trim() ?? '');
    const unknown = this.names.filter((name) => !isColumn(name));
    const missing = REQUIRED.filter((name) => !this.names.includes(name));
    const twice = this.names.filter((name, at) => this.names.indexOf(name) !== at);
    const wrong = [
      ...(unknown.length > 0 ? [`there is no field ${unknown.join(', ')}`] : []),
      ...(missing.length > 0 ? [`${missing.join(', ')} is missing`] : []),
      ...(twice.length > 0 ? [`${twice.join(', ')} stands twice`] : []),
    ];
    if (wrong.length === 0) return;
    const fields = [...REQUIRED, ...OPTIONAL, 'properties.<name>'].join(', ');
    throw new CommandFailure(
      `The first row must name the fields, with commas between them: ${wrong.join('; ')}. The fields are ${fields}.`,
      'invalid_csv_header',
    );
  }

  read(line: number, record: readonly Buffer[], context: RecordingContext): IngestLine {
    if (record.length !== this.names.length) {
      const detail = `the row has ${record.length} cells, the first row has ${this.names.length}`;
      return unreadable(line, 'invalid_csv', detail);
    }
    const fields: [string, unknown][] = [];
    const properties: [string, string][] = [];
    for (const [at, name] of this.names.entries()) {
      const text = decodeUtf8(record[at]!);
      if (text === undefined) return unreadable(line, 'invalid_utf8', `${name} is not UTF-8`);
      const property = PROPERTY.exec(name)?.[1];
      if (text === '' && !(REQUIRED as readonly string[]).includes(name)) continue;
      if (property === undefined) fields.push([name, text]);
      else properties.push([property, text]);
    }
    if (properties.length > 0) fields.push(['properties', Object.fromEntries(properties)]);
    return readEvent(line, Object.fromEntries(fields), context);
  }
}

function isColumn(name: string): boolean {
  return ([...REQUIRED, ...OPTIONAL] as readonly string[]).includes(name) || PROPERTY.test(name);
}
