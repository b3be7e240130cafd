import { inChunks, type IngestLine, type RecordingContext } from '../../ingest/ingest-line.js';
import type { IngestService } from '../../ingest/ingest.service.js';
import { isProblematic, noCounts, type Result } from '../../ingest/receipt.dto.js';
import { workAhead } from '../../ingest/work-ahead.js';

/** One is being read while one or two are recorded; more only waited for each other. */
const CHUNKS_IN_FLIGHT_MAX = 3;

/** The result of an event that was rejected or conflicts, and the line it stands on. */
export type Problematic = Omit<Result, 'index'> & { readonly line: number };

/** What an import does besides recording. */
export interface ImportHooks {
  /** Before a chunk is recorded. */
  beforeChunk(chunk: readonly IngestLine[]): Promise<void>;
  /** Each event that was rejected or conflicts, in the order of the file. */
  onProblem(problem: Problematic, line: IngestLine): void;
  onProgress(): void;
  isStopping(): boolean;
}

/**
 * Records a file's events chunk by chunk and counts the verdicts. It keeps no state: whoever runs
 * it again gets everything that was recorded as a duplicate.
 */
export class ImportRun {
  readonly counts = noCounts();

  constructor(
    private readonly ingest: IngestService,
    private readonly context: RecordingContext,
    private readonly hooks: ImportHooks,
  ) {}

  /** Up to the end of the lines, or until it is to stop; what is in flight is always waited for. */
  async run(lines: AsyncIterable<IngestLine>): Promise<void> {
    try {
      const recorded = workAhead(this.chunks(lines), CHUNKS_IN_FLIGHT_MAX, async (chunk) => ({
        chunk,
        results: await this.ingest.recordChunk(this.context, chunk, 0),
      }));
      for await (const { chunk, results } of recorded) this.tell(chunk, results);
    } catch (error) {
      // To stop means to tear the file out of the reader's hands.
      if (!this.hooks.isStopping()) throw error;
    }
  }

  private async *chunks(lines: AsyncIterable<IngestLine>): AsyncGenerator<IngestLine[]> {
    for await (const chunk of inChunks(lines)) {
      if (this.hooks.isStopping()) return;
      await this.hooks.beforeChunk(chunk);
      yield chunk;
    }
  }

  private tell(chunk: readonly IngestLine[], results: readonly Result[]): void {
    for (const [at, result] of results.entries()) {
      this.counts[result.status]++;
      if (!isProblematic(result)) continue;
      const { index: _, ...rest } = result;
      this.hooks.onProblem({ line: chunk[at]!.line, ...rest }, chunk[at]!);
    }
    this.hooks.onProgress();
  }
}
