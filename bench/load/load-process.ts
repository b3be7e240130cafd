import type { Done, Job, Reply } from './jobs.js';
import { post } from './posts.js';
import { get } from './questions.js';
import { insert, select } from './statements.js';
import { stream } from './stream.js';

/** Does the jobs that the parent sends, one at a time; ends with the parent. */
export function main(): void {
  // Ctrl-C is for the parent, which ends this process when it needs no more load.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(0));
  process.on('message', (job: Job) => {
    run(job).then(
      (done) => tell({ done }),
      (error: unknown) => tell({ failed: error instanceof Error ? error.message : String(error) }),
    );
  });
}

function tell(reply: Reply): void {
  process.send?.(reply);
}

function run(job: Job): Promise<Done> {
  switch (job.kind) {
    case 'post':
      return post(job);
    case 'stream':
      return stream(job);
    case 'insert':
      return insert(job);
    case 'get':
      return get(job);
    case 'select':
      return select(job);
  }
}
