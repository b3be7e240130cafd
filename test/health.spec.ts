import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Draining } from '../src/health/draining.js';
import { startTestApp, type TestApp } from './support/app.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app[Symbol.asyncDispose]());

const get = (path: string) => fetch(`${app.url}${path}`);

describe('the operator', () => {
  it('learns without a key whether the process lives and is ready', async () => {
    expect((await get('/health/live')).status).toBe(200);
    expect((await get('/health/ready')).status).toBe(200);
  });

  it('is told by metrics what was recorded and how long requests took', async () => {
    await app.call('PUT', '/v1/meters/requests', { aggregation: 'sum' });
    const event = { usage_event_id: 'a', customer_id: 'c', meter: 'requests', quantity: 1 };
    await app.call('POST', '/v1/usage-events', {
      events: [event, event, { ...event, meter: 'x' }],
    });
    const text = await (await get('/metrics')).text();

    expect(text).toContain('usage_events_total{result="accepted"} 1');
    expect(text).toContain('usage_events_total{result="duplicate"} 1');
    expect(text).toMatch(
      /http_request_duration_seconds_count\{method="POST",route="\/v1\/usage-events",status="200"\} 1/,
    );
    expect(text).toContain('stripe_push_state{state="unknown"} 0');
    expect(text).toContain('usage_aggregation_rows 1');
    expect(text).toContain('usage_months_ahead 3');
  });

  it('is told by metrics that usage will have no place to be recorded in', async () => {
    await using bare = await startTestApp();
    const month = new Date();
    month.setUTCDate(1);
    month.setUTCMonth(month.getUTCMonth() + 2);
    const suffix = month.toISOString().slice(0, 7).replace('-', '_');
    await bare.pool.query(`DROP TABLE usage_entry_${suffix}`);
    expect(await (await fetch(`${bare.url}/metrics`)).text()).toContain('usage_months_ahead 1');
  });

  it('gets the description of the API and a page that shows it', async () => {
    const document = (await (await get('/openapi.json')).json()) as { openapi: string };
    expect(document.openapi).toMatch(/^3\.1/);
    expect(await (await get('/docs')).text()).toContain('/openapi.json');
    expect((await get('/docs/swagger-ui-bundle.js')).headers.get('content-type')).toMatch(
      /javascript/,
    );
    expect((await get('/docs/../package.json')).status).toBe(404);
    expect((await get('/docs/%2e%2e%2fpackage.json')).status).toBe(404);
  });

  it('sees a process that goes down as not ready, but alive', async () => {
    await using going = await startTestApp();
    going.app.get(Draining).begin();
    expect((await fetch(`${going.url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${going.url}/health/live`)).status).toBe(200);
  });

  it('sees a database without the schema as not ready', async () => {
    await using bare = await startTestApp();
    await bare.pool.query('DROP TABLE migration');
    expect((await fetch(`${bare.url}/health/ready`)).status).toBe(503);
  });
});

it('answers bytes that are not HTTP with a 400 problem', async () => {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  socket.write('\x00\x01\x02 nonsense\r\n\r\n');
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('application/problem+json');
});
