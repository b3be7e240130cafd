import { closeSync, openSync, writeSync } from 'node:fs';
import type { IngestLine } from '../../ingest/ingest-line.js';
import { CommandFailure } from '../command-failure.js';
import type { Problematic } from './import-run.js';

const PROBLEMS_SHOWN = 10;
const METERS_NAMED = 20;

/** Keeps what was rejected and what conflicts: all of it in a file, or the first few and the counts. */
export class ProblemLog implements Disposable {
  readonly first: Problematic[] = [];
  readonly byCode = new Map<string, number>();
  /** Names that events gave and no meter listens to, the first of them. */
  readonly unknownMeters = new Set<string>();
  private readonly file: number | undefined;

  constructor(path: string | undefined) {
    this.file = path === undefined ? undefined : openForWriting(path);
  }

  add(problem: Problematic, { checked }: IngestLine): void {
    const code = problem.error?.code ?? problem.status;
    this.byCode.set(code, (this.byCode.get(code) ?? 0) + 1);
    if (this.file !== undefined) writeSync(this.file, `${JSON.stringify(problem)}\n`);
    else if (this.first.length < PROBLEMS_SHOWN) this.first.push(problem);
    if (code === 'unknown_meter' && 'event' in checked && this.unknownMeters.size < METERS_NAMED) {
      this.unknownMeters.add(checked.event.meter);
    }
  }

  [Symbol.dispose](): void {
    if (this.file !== undefined) closeSync(this.file);
  }
}

function openForWriting(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CommandFailure(
      `The file ${path} cannot be written (${code ?? 'unknown'}); give --problems another one.`,
      'file_not_writable',
      { cause },
    );
  }
}
