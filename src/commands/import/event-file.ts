import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CommandFailure } from '../command-failure.js';
import { peek } from './peek.js';

export type FileFormat = 'ndjson' | 'csv';

const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = [0x1f, 0x8b] as const;

/** A file of usage events, or stdin, read as a stream; what is gzipped comes out inflated. */
export class EventFile {
  private read = 0;

  private constructor(
    private readonly raw: Readable,
    /** Unknown of a pipe. */
    readonly sizeBytes: number | undefined,
  ) {}

  /** @param path `-` is stdin. */
  static async open(path: string): Promise<EventFile> {
    if (path === '-') return new EventFile(process.stdin, undefined);
    const found = await stat(path).catch((cause: unknown) => {
      throw notReadable(path, cause);
    });
    if (found.isDirectory()) {
      throw new CommandFailure(`${path} is a folder; name a file.`, 'file_not_readable');
    }
    const raw = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    return new EventFile(raw, found.isFile() ? found.size : undefined);
  }

  /** Of the file itself, not inflated. */
  get readBytes(): number {
    return this.read;
  }

  /** The content. A file that breaks off inside of gzip is an error, not an end. */
  async *content(): AsyncGenerator<Uint8Array, void, undefined> {
    const { head, whole } = await peek(this.counted(), GZIP_MAGIC.length);
    if (GZIP_MAGIC.some((byte, at) => head[at] !== byte)) {
      yield* whole;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    pipeline(Readable.from(whole, { objectMode: false }), gunzip, () => undefined);
    try {
      yield* gunzip as AsyncIterable<Uint8Array>;
    } catch (cause) {
      throw brokenGzip(cause);
    }
  }

  /** Whoever is reading is told at once, also where nothing more comes from a pipe. */
  stop(): void {
    this.raw.destroy(new Error('reading was stopped'));
  }

  private async *counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of this.raw as AsyncIterable<Uint8Array>) {
      this.read += chunk.length;
      yield chunk;
    }
  }
}

/** Which format a file's name promises; NDJSON unless it says CSV. */
export function formatOf(path: string): FileFormat {
  return /\.csv(?:\.gz)?$/i.test(path) ? 'csv' : 'ndjson';
}

function notReadable(path: string, cause: unknown): CommandFailure {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code ?? String(cause)})`;
  return new CommandFailure(`The file ${path} ${why}.`, 'file_not_readable', { cause });
}

function brokenGzip(cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === undefined || !code.startsWith('Z_')) return cause;
  const why = code === 'Z_BUF_ERROR' ? 'it ends too early' : (cause as Error).message;
  return new CommandFailure(
    `The file is not whole: ${why}. Get it again and run this again: what is recorded by now comes back as duplicate.`,
    'invalid_gzip',
    { cause },
  );
}
