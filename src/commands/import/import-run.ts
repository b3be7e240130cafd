import { inChunks, type IngestLine, type RecordingContext } from '../../ingest/ingest-line.js';
import type { IngestService } from '../../ingest/ingest.service.js';
import { isProblematic, noCounts, type Result } from '../../ingest/receipt.dto.js';

/** One is being read while one or two are recorded; more only waited for each other. */
const CHUNKS_IN_FLIGHT_MAX = 3;

/** The result of an event that was rejected or conflicts, and the line it stands on. */
export type Problematic = Omit<Result, 'index'> & { readonly line: number };

interface InFlight {
  readonly chunk: readonly IngestLine[];
  readonly ids: ReadonlySet<string>;
  readonly results: Promise<Result[]>;
}

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
  private readonly inFlight: InFlight[] = [];

  constructor(
    private readonly ingest: IngestService,
    private readonly context: RecordingContext,
    private readonly hooks: ImportHooks,
  ) {}

  /** Up to the end of the lines, or until it is to stop; what is in flight is always waited for. */
  async run(lines: AsyncIterable<IngestLine>): Promise<void> {
    try {
      for await (const chunk of inChunks(lines)) {
        if (this.hooks.isStopping()) break;
        await this.hooks.beforeChunk(chunk);
        await this.start(chunk);
      }
    } catch (error) {
      // To stop means to tear the file out of the reader's hands.
      if (!this.hooks.isStopping()) throw error;
    } finally {
      while (this.inFlight.length > 0) await this.settleFirst();
    }
  }

  private async start(chunk: readonly IngestLine[]): Promise<void> {
    const ids = new Set(chunk.flatMap(idOf));
    // Of copies in one file the first wins, so none may overtake it.
    const isShared = (other: InFlight): boolean => [...ids].some((id) => other.ids.has(id));
    while (this.inFlight.length === CHUNKS_IN_FLIGHT_MAX || this.inFlight.some(isShared)) {
      await this.settleFirst();
    }
    const results = this.ingest.recordChunk(this.context, chunk, 0);
    // Looked at in its turn; until then it must not end the process.
    results.catch(() => undefined);
    this.inFlight.push({ chunk, ids, results });
  }

  private async settleFirst(): Promise<void> {
    const { chunk, results } = this.inFlight.shift()!;
    for (const [at, result] of (await results).entries()) {
      this.counts[result.status]++;
      if (!isProblematic(result)) continue;
      const { index: _, ...rest } = result;
      this.hooks.onProblem({ line: chunk[at]!.line, ...rest }, chunk[at]!);
    }
    this.hooks.onProgress();
  }
}

function idOf({ checked }: IngestLine): string[] {
  return 'event' in checked ? [`${checked.event.source}\0${checked.event.usageEventId}`] : [];
}
