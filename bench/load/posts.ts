import { HttpClient } from './http-client.js';
import type { Done, Job } from './jobs.js';
import { measure } from './measure.js';
import { Usage } from './usage.js';

type PostJob = Extract<Job, { kind: 'post' }>;

const memories = new Map<string, Usage>();

/**
 * Sends usage events, so many a request, and holds each answer against what was sent.
 *
 * @throws Error where an answer is not what it should be.
 */
export async function post(job: PostJob): Promise<Done> {
  const usage = memories.get(job.memory) ?? new Usage();
  memories.set(job.memory, usage);
  const client = new HttpClient(job.amount.lanes, job.apiKey);
  let turn = 0;
  try {
    return await measure(job.amount, async () => {
      const sending = usage.next(job.usage, job.eventsPerRequest);
      const url = job.urls[turn++ % job.urls.length]!;
      const from = performance.now();
      const answer = await client.send('POST', url, sending.body);
      const ms = performance.now() - from;
      if (job.verdicts) {
        requireVerdicts(answer, sending.fresh, sending.copies);
        sending.recorded();
      }
      return {
        units: sending.fresh + sending.copies,
        ms,
        events: sending.fresh,
        quantity: sending.quantity,
      };
    });
  } finally {
    client.close();
  }
}

function requireVerdicts(answer: string, fresh: number, copies: number): void {
  const { accepted, duplicate } = JSON.parse(answer) as { accepted: number; duplicate: number };
  if (accepted === fresh && duplicate === copies) return;
  throw new Error(`${fresh} new events and ${copies} copies were answered ${answer.slice(0, 500)}`);
}
