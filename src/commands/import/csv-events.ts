import { Readable } from 'node:stream';
import { parse, type CsvError } from 'csv-parse';
import { decodeUtf8 } from '../../domain/utf8.js';
import {
  readEvent,
  unreadable,
  type IngestLine,
  type RecordingContext,
} from '../../ingest/ingest-line.js';
import { CommandFailure } from '../command-failure.js';

const REQUIRED = ['usage_event_id', 'customer_id', 'meter'] as const;
const OPTIONAL = ['source', 'quantity', 'occurred_at'] as const;
const PROPERTY = /^properties\.(.+)$/;

const FIELD_BYTES_MAX = 64 * 1024;
/** Rows in a row that are none: what is read is no CSV. */
const UNREADABLE_ROWS_MAX = 10_000;

interface Row {
  readonly record: readonly Buffer[];
  readonly info: { readonly lines: number };
}

/**
 * Reads CSV (RFC 4180) whose first row names the fields: those of a usage event, and
 * `properties.<name>`. Every value is a text; an empty cell of an optional field is an absent one.
 */
export async function* csvEvents(
  source: AsyncIterable<Uint8Array>,
  context: RecordingContext,
): AsyncGenerator<IngestLine, void, undefined> {
  const bad: IngestLine[] = [];
  let columns: Columns | undefined;
  for await (const { record, info } of rowsOf(source, bad)) {
    yield* bad.splice(0);
    if (columns === undefined) {
      columns = new Columns(record.map(textOf));
      continue;
    }
    yield columns.read(info.lines, record, context);
  }
  yield* bad;
}

function rowsOf(source: AsyncIterable<Uint8Array>, bad: IngestLine[]): AsyncIterable<Row> {
  const onSkip = (error: CsvError | undefined): undefined => {
    const line = Number(error?.['lines'] ?? 0);
    if (error?.code === 'CSV_MAX_RECORD_SIZE' || bad.length === UNREADABLE_ROWS_MAX) {
      const detail = `From line ${line} on nothing can be read: a quote is not closed, or it is no CSV.`;
      throw new CommandFailure(detail, 'invalid_csv');
    }
    if (bad.at(-1)?.line !== line) {
      bad.push(unreadable(line, 'invalid_csv', error?.message ?? 'not CSV'));
    }
    return undefined;
  };
  const parser = parse({
    bom: true,
    // Bytes: a decoder of its own would put U+FFFD where something is not UTF-8.
    encoding: null,
    info: true,
    max_record_size: FIELD_BYTES_MAX,
    on_skip: onSkip,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
  });
  const bytes = Readable.from(source, { objectMode: false });
  bytes.on('error', (error) => parser.destroy(error));
  parser.on('close', () => bytes.destroy());
  return bytes.pipe(parser) as AsyncIterable<Row>;
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
      const text = textOf(record[at]!);
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

function textOf(cell: Buffer): string | undefined {
  return decodeUtf8(cell);
}
