import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Done, Job, Reply } from '../load/jobs.js';

const RUN_CHILD = fileURLToPath(new URL('../run-child.js', import.meta.url));

/** The process that all load comes from: what it costs is not the product's. */
export class Load implements AsyncDisposable {
  private readonly process: ChildProcess;

  constructor() {
    this.process = fork(RUN_CHILD, ['load/load-process.ts']);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** @throws Error where anything was answered that should not be. */
  run(job: Job): Promise<Done> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('the load process has ended'));
      this.process.once('exit', onExit);
      this.process.once('message', (reply: Reply) => {
        this.process.off('exit', onExit);
        if ('done' in reply) resolve(reply.done);
        else reject(new Error(reply.failed));
      });
      this.process.send(job);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.process.connected) this.process.disconnect();
    return Promise.resolve();
  }
}
