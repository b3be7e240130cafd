import { HttpClient } from './http-client.js';
import type { Done, Job } from './jobs.js';
import { measure } from './measure.js';

export async function get(job: Extract<Job, { kind: 'get' }>): Promise<Done> {
  const client = new HttpClient(job.amount.lanes, job.apiKey);
  try {
    return await measure(job.amount, async () => {
      const url = job.urls[Math.floor(job.urls.length * Math.random())]!;
      const from = performance.now();
      const { data } = JSON.parse(await client.send('GET', url)) as { data: unknown[] };
      if (data.length !== 1) throw new Error(`${url} answered ${data.length} values`);
      return { units: 1, ms: performance.now() - from };
    });
  } finally {
    client.close();
  }
}
