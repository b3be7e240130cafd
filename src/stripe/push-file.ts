import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A line to be kept under its name. */
export interface FileLine {
  readonly identifier: string;
  /** Without a line break; JSON with a member `identifier`. */
  readonly text: string;
}

/** Nothing of what was to be written is in the file. */
export class NothingWritten extends Error {
  override readonly name = 'NothingWritten';
}

const NEWLINE = 0x0a;
const CHUNK_BYTES = 1 << 20;
/** It may name customers. */
const FILE_MODE = 0o600;

interface Place {
  readonly offset: number;
  readonly length: number;
}

/**
 * Lines of JSON, one for each identifier, whoever appends and whenever it is killed.
 *
 * Where a line stands is kept in memory and made from the file itself, so a process that starts, or
 * lost its answer, finds what was written before. Only one may write at a time: see {@link append}.
 */
export class PushFile {
  private readonly places = new Map<string, Place>();
  private readTo = 0;
  /** Device and inode: another file may stand there by now. */
  private knownAs = '';

  constructor(private readonly path: string) {}

  /**
   * Appends the lines whose identifiers the file does not have, and has all of them on the disk when
   * it resolves. No other process may be in here at the same time.
   *
   * @returns For each line, what the file has under its identifier by now.
   * @throws NothingWritten where the disk refused and the file is as it was; any other error where
   *   nobody knows.
   */
  async append(lines: readonly FileLine[]): Promise<string[]> {
    const file = await this.open();
    try {
      await this.catchUp(file);
      const isNew = ({ identifier }: FileLine): boolean => !this.places.has(identifier);
      const added = new Map(lines.filter(isNew).map((line) => [line.identifier, line.text]));
      await this.write(file, [...added.values()]);
      await this.catchUp(file);
      return await Promise.all(
        lines.map(async ({ identifier }) => {
          return added.get(identifier) ?? (await lineAt(file, this.places.get(identifier)!));
        }),
      );
    } finally {
      await file.close();
    }
  }

  private async open(): Promise<FileHandle> {
    try {
      await mkdir(dirname(this.path), { recursive: true });
      const file = await open(this.path, 'a+', FILE_MODE);
      const { dev, ino, size } = await file.stat();
      const name = `${dev} ${ino}`;
      if (name !== this.knownAs || size < this.readTo) this.forget(name);
      return file;
    } catch (cause) {
      throw new NothingWritten(messageOf(cause), { cause });
    }
  }

  /** Whatever is in the file is on the disk afterwards: a line found there may be one of a killed process. */
  private async write(file: FileHandle, texts: readonly string[]): Promise<void> {
    try {
      if (texts.length > 0) await file.appendFile(texts.map((text) => `${text}\n`).join(''));
      await file.sync();
      if (this.readTo === 0) await syncFolder(dirname(this.path));
    } catch (cause) {
      await file.truncate(this.readTo);
      throw new NothingWritten(messageOf(cause), { cause });
    }
  }

  /** Reads what was appended since; half a line at the end was never answered, and goes. */
  private async catchUp(file: FileHandle): Promise<void> {
    const { size } = await file.stat();
    let rest = Buffer.alloc(0);
    let at = this.readTo;
    while (at < size) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      rest = this.note(Buffer.concat([rest, chunk.subarray(0, bytesRead)]));
    }
    if (rest.length > 0) await file.truncate(this.readTo);
  }

  /** @returns What follows the last whole line. */
  private note(bytes: Buffer): Buffer<ArrayBuffer> {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const length = end - start;
      const identifier = identifierOf(bytes.toString('utf8', start, end));
      const place = { offset: this.readTo, length };
      if (identifier !== undefined && !this.places.has(identifier)) {
        this.places.set(identifier, place);
      }
      this.readTo += length + 1;
      start = end + 1;
    }
    return Buffer.from(bytes.subarray(start));
  }

  private forget(name: string): void {
    this.places.clear();
    this.readTo = 0;
    this.knownAs = name;
  }
}

async function lineAt(file: FileHandle, { offset, length }: Place): Promise<string> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, offset);
  return bytes.toString('utf8');
}

/** A line of something else has none. */
function identifierOf(line: string): string | undefined {
  try {
    const { identifier } = JSON.parse(line) as { identifier?: unknown };
    return typeof identifier === 'string' ? identifier : undefined;
  } catch {
    return undefined;
  }
}

/** A new file's name is on the disk only with its folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
