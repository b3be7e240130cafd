import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { once } from 'node:events';
import { endOfEvidence, isEvidenceLine, noLines } from '../../domain/evidence.js';
import { CommandFailure } from '../command-failure.js';
import type { EvidenceLine } from './evidence-lines.js';

/** Written at a time. */
const CHUNK_CHARACTERS = 256 * 1024;

/** Where the bytes go. */
export interface Sink {
  write(text: string): Promise<void>;
  /** Everything is there; only now may the file look whole. */
  finish(): Promise<void>;
  /** Nothing is left behind. */
  drop(): Promise<void>;
}

/** Numbers the lines, digests them, and ends with the line that tells whether all of them are there. */
export class EvidenceWriter {
  readonly counts = noLines();
  lines = 0;
  private readonly digest = createHash('sha256');
  private pending = '';

  constructor(private readonly sink: Sink) {}

  async write(line: EvidenceLine): Promise<void> {
    if (isEvidenceLine(line.type)) this.counts[line.type]++;
    this.lines++;
    this.pending += `${JSON.stringify(line)}\n`;
    if (this.pending.length >= CHUNK_CHARACTERS) await this.flush();
  }

  /** @returns The digest of the whole file. */
  async end(): Promise<string> {
    await this.flush();
    const end = endOfEvidence(this.lines, this.counts, this.digest.copy().digest('hex'));
    await this.sink.write(end);
    await this.sink.finish();
    return this.digest.update(end).digest('hex');
  }

  private async flush(): Promise<void> {
    this.digest.update(this.pending);
    await this.sink.write(this.pending);
    this.pending = '';
  }
}

/**
 * A file that has its name once it is whole; until then it has one of its own that ends in `.part`.
 * Only its owner reads it.
 */
export class FileSink implements Sink {
  private constructor(
    private readonly file: FileHandle,
    private readonly part: string,
    private readonly path: string,
    private readonly toReplace: boolean,
  ) {}

  /** @throws CommandFailure where the file is there and is not to be replaced. */
  static async open(path: string, toReplace: boolean): Promise<FileSink> {
    if (!toReplace && existsSync(path)) throw alreadyThere(path);
    const part = `${path}.${randomBytes(6).toString('hex')}.part`;
    try {
      // Follows no link that somebody has put there.
      return new FileSink(await open(part, 'wx', 0o600), part, path, toReplace);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const why = `The file ${part} cannot be written (${code ?? String(cause)}).`;
      throw new CommandFailure(why, 'file_not_writable', { cause });
    }
  }

  async write(text: string): Promise<void> {
    // Goes on where the system takes a part only, as when a disk is full.
    await this.file.appendFile(text);
  }

  async finish(): Promise<void> {
    await this.file.sync();
    await this.file.close();
    if (this.toReplace) return rename(this.part, this.path);
    try {
      // Unlike a rename it never takes the place of a file that has come meanwhile.
      await link(this.part, this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyThere(this.path);
      // The file system knows no links.
      return rename(this.part, this.path);
    }
    await rm(this.part);
  }

  async drop(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.part, { force: true });
  }
}

/** Without a last line, what was written tells itself that it is not whole. */
export class StdoutSink implements Sink {
  private fault: NodeJS.ErrnoException | undefined;

  constructor() {
    process.stdout.on('error', (error) => (this.fault ??= error));
  }

  /** Whether nobody reads on, as after `| head -1`. */
  get isUnread(): boolean {
    return this.fault?.code === 'EPIPE';
  }

  async write(text: string): Promise<void> {
    if (!this.isFaulty() && !process.stdout.write(text)) {
      // An error is told below.
      await once(process.stdout, 'drain').catch(() => undefined);
    }
    this.isFaulty();
  }

  async finish(): Promise<void> {
    await new Promise((resolve) => process.stdout.write('', resolve));
    this.isFaulty();
  }

  drop(): Promise<void> {
    return Promise.resolve();
  }

  /** @throws CommandFailure where what went wrong is not that nobody reads on. */
  private isFaulty(): boolean {
    const cause = this.fault;
    if (cause === undefined || this.isUnread) return cause !== undefined;
    const why = `stdout cannot be written (${cause.code ?? String(cause)}).`;
    throw new CommandFailure(why, 'file_not_writable', { cause });
  }
}

function alreadyThere(path: string): CommandFailure {
  return new CommandFailure(
    `The file ${path} is there already. Name another, or add --force to replace it.`,
    'file_exists',
  );
}
