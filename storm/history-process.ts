import { runHistory, type HistoryResult } from './storm-history.js';
import type { StormServer } from './storm-server.js';

/** What a process that plays histories is asked. */
export interface HistoryOrder {
  readonly server: Pick<StormServer, 'url' | 'template'>;
  readonly seed: number;
}

/** Plays the histories that the parent process asks for, one after the other. */
export function serveHistories(): void {
  process.on('message', (order: HistoryOrder) => {
    void play(order).then((result) => process.send!(result));
  });
  process.on('disconnect', () => process.exit());
}

async function play({ server, seed }: HistoryOrder): Promise<HistoryResult> {
  try {
    return await runHistory(server, seed);
  } catch (error) {
    const finding = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { seed, findings: [finding], trace: [], figures: {} };
  }
}
