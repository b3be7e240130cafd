import http from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { once } from 'node:events';
import type { Done, Job } from './jobs.js';
import { latencyOf } from '../rig/statistics.js';
import { newEvent, toJson } from './usage.js';

const LINES_PER_WRITE = 200;

/** One request of so many lines of NDJSON; its answer is read while it is sent. */
export async function stream(job: Extract<Job, { kind: 'stream' }>): Promise<Done> {
  const from = performance.now();
  let quantity = 0;
  function* lines(): Generator<string> {
    for (let sent = 0; sent < job.lines; sent += LINES_PER_WRITE) {
      let text = '';
      for (let i = sent; i < Math.min(sent + LINES_PER_WRITE, job.lines); i++) {
        const event = newEvent(job.usage);
        quantity += event.quantity;
        text += `${toJson(event)}\n`;
      }
      yield text;
    }
  }
  const request = http.request(job.url, {
    method: 'POST',
    headers: { authorization: `Bearer ${job.apiKey}`, 'content-type': 'application/x-ndjson' },
  });
  Readable.from(lines()).pipe(request);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  let last = '';
  for await (const line of createInterface({ input: answer })) last = line;
  const { done, accepted } = JSON.parse(last) as { done?: boolean; accepted?: number };
  if (done !== true || accepted !== job.lines)
    throw new Error(`${job.lines} lines came to ${last}`);
  const ms = performance.now() - from;
  return {
    units: job.lines,
    seconds: ms / 1_000,
    latency: latencyOf([ms]),
    recorded: { events: job.lines, quantity },
  };
}
