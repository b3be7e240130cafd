import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { HistoryOrder } from './history-process.js';
import type { HistoryResult } from './storm-history.js';
import type { StormServer } from './storm-server.js';

/** Histories share nothing but the server, so each core plays its own. */
export class HistoryProcesses {
  private readonly children: ChildProcess[] = [];
  private isStopping = false;

  constructor(
    private readonly server: Pick<StormServer, 'url' | 'template'>,
    private readonly count: number,
  ) {}

  async play(seeds: readonly number[], done: (result: HistoryResult) => void): Promise<void> {
    const queue = seeds.values();
    await Promise.all(Array.from({ length: this.count }, () => this.playOn(queue, done)));
    this.stop();
  }

  /** Ends what is being played. */
  stop(): void {
    this.isStopping = true;
    for (const child of this.children) child.disconnect();
    this.children.length = 0;
  }

  private async playOn(
    queue: Iterable<number>,
    done: (result: HistoryResult) => void,
  ): Promise<void> {
    let child: ChildProcess | undefined;
    for (const seed of queue) {
      if (this.isStopping) return;
      child ??= this.startChild();
      const result = await this.playOne(child, seed);
      if (this.isStopping) return;
      if (result === undefined) child = undefined;
      done(
        result ?? { seed, findings: ['the process of the history died'], trace: [], figures: {} },
      );
    }
  }

  /** @returns Nothing where the process died. */
  private async playOne(child: ChildProcess, seed: number): Promise<HistoryResult | undefined> {
    const { url, template } = this.server;
    const order: HistoryOrder = { server: { url, template }, seed };
    const answer = once(child, 'message') as Promise<[HistoryResult]>;
    child.send(order);
    const result = await Promise.race([answer, once(child, 'exit')]);
    const [first] = result as [HistoryResult | number | null];
    return typeof first === 'object' && first !== null ? first : undefined;
  }

  private startChild(): ChildProcess {
    const child = fork(fileURLToPath(new URL('run.js', import.meta.url)), ['serve-histories']);
    child.setMaxListeners(0);
    this.children.push(child);
    child.once('exit', () => {
      const index = this.children.indexOf(child);
      if (index >= 0) this.children.splice(index, 1);
    });
    return child;
  }
}
