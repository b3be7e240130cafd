import { Logger } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey } from '../../src/access/key-text.js';
import { TenantService } from '../../src/access/tenant.service.js';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/config/logger.js';
import { PinoLogger } from '../../src/config/pino-logger.js';
import { exchange } from '../ingest/body-server.js';
import { call, type Answer } from '../support/app.js';
import { createTestDatabase } from '../support/database.js';

const word = (name: string) => `${name}${randomBytes(12).toString('hex')}`;

/** None of them may stand in the log, whatever is sent and whatever breaks. */
const SECRETS = {
  bootstrap: word('bootstrap-'),
  property: word('property-'),
  propertyName: word('name_'),
  query: word('query-'),
  stripeKey: `sk_test_${word('')}`,
  webhookSecret: `whsec_${word('')}`,
  strangeKey: makeKey().text,
  bodyText: word('body-'),
};

/** What makes a second line, moves the cursor, or ends a JSON text, where nobody minds it. */
const FORGERY = '\r\n{"level":"fatal","msg":"forged"}\u001b[2K\u001b]0;x\u0007\u2028"},';

let written = '';
let answers: Answer[] = [];
let stop: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  const database = await createTestDatabase();
  const config = loadConfig({
    ROLE: 'all',
    LOG_LEVEL: 'trace',
    BOOTSTRAP_API_KEY: SECRETS.bootstrap,
    STRIPE_WEBHOOK_SECRET: SECRETS.webhookSecret,
  });
  const logger = createLogger(config, { write: (text: string) => void (written += text) });
  const app = await createApp({ databaseUrl: database.url, config }, new PinoLogger(logger));
  stop = async () => {
    await app.close();
    await database[Symbol.asyncDispose]();
    Logger.overrideLogger(undefined as never);
  };
  await app.get(TenantService).ensureDefaultTenant(config);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const port = Number(new URL(url).port);
  const send = async (method: string, path: string, body?: unknown, headers = {}) => {
    answers.push(await call(url, SECRETS.bootstrap, method, path, body, headers));
  };
  const event = {
    usage_event_id: `id${FORGERY}`,
    source: `source${FORGERY}`,
    customer_id: `customer${FORGERY}`,
    meter: 'requests',
    quantity: '1',
    properties: { [SECRETS.propertyName]: SECRETS.property },
  };
  const forged = encodeURIComponent(FORGERY);

  await send('PUT', '/v1/meters/requests', { aggregation: 'sum' });
  await send('POST', '/v1/usage-events', event);
  await send('POST', '/v1/usage-events', { ...event, quantity: '2' });
  await send('POST', '/v1/usage-events', { events: [event, { ...event, meter: FORGERY }] });
  await send('POST', '/v1/usage-events', `${JSON.stringify(event)}\n{"${SECRETS.bodyText}`, {
    'content-type': 'application/x-ndjson',
  });
  await send('POST', '/v1/usage-events', `{"${SECRETS.bodyText}`);
  await send('POST', '/v1/usage-events', event, { 'content-type': `text/${SECRETS.bodyText}` });
  await send('GET', `/v1/usage-events?usage_event_id=${forged}&source=${SECRETS.query}`);
  await send('GET', `/v1/customers/${forged}`);
  await send('GET', `/${forged}?key=${SECRETS.query}`);
  await send('PATCH', `/v1/customers/${forged}`);
  await send('GET', '/v1/meters', undefined, { authorization: `Bearer ${SECRETS.strangeKey}` });
  await send('PUT', '/v1/stripe-account', {
    secret_key: SECRETS.stripeKey,
    webhook_secrets: [SECRETS.webhookSecret],
  });
  await send('POST', '/v1/webhooks/stripe', `{"id":"${SECRETS.bodyText}"}`, {
    'stripe-signature': `t=1,v1=${SECRETS.bodyText}`,
  });
  await send('POST', '/v1/period-closes', { reason: SECRETS.bodyText });
  await exchange(
    port,
    `GET /v1/meters HTTP/1.1\r\nHost: x\u001b[2K\r\nX-Request-Id: a\u001b]0;b\r\nConnection: close\r\n\r\n`,
  );
  await exchange(
    port,
    `GET /${SECRETS.query} HTTP/9\r\nAuthorization: ${SECRETS.bootstrap}\r\n\r\n`,
  );

  // What breaks on our side is told with the statement's own error.
  await database.pool.query('ALTER TABLE usage_event RENAME TO usage_event_away');
  await send('POST', '/v1/usage-events', { ...event, usage_event_id: 'other' });
  await database.pool.query('ALTER TABLE usage_event_away RENAME TO usage_event');
  await database.pool.query(
    `ALTER TABLE usage_event ADD CONSTRAINT none CHECK (usage_event_id <> 'third') NOT VALID`,
  );
  await send('POST', '/v1/usage-events', { ...event, usage_event_id: 'third' });
});
afterAll(() => stop());

describe('the log of a run with every kind of request', () => {
  it('was of requests that went well, were refused, and broke', () => {
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].sort()).toEqual(
      expect.arrayContaining([200, 201, 400, 401, 404, 405, 409, 415, 422, 500, 503]),
    );
    expect(written).toContain('internal_error');
  });

  it.each(Object.keys(SECRETS) as (keyof typeof SECRETS)[])('does not hold the %s', (name) => {
    expect(written).not.toContain(SECRETS[name]);
    expect(written.toLowerCase()).not.toContain('bearer');
  });

  it('is one JSON object a line, without a character that a terminal obeys', () => {
    const lines = written.split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      const { level, msg } = JSON.parse(line) as { level: string; msg: string };
      expect(level).not.toBe('fatal');
      expect(msg).not.toBe('forged');
    }
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    expect(written.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  });

  it('tells the client of what broke nothing but where it is in the log', () => {
    const broken = answers.filter(({ status }) => status === 500);
    expect(broken.length).toBe(2);
    for (const { body, text } of broken) {
      const { instance } = body as { instance: string };
      expect(written).toContain(instance);
      expect(text).not.toMatch(/usage_event_away|relation|constraint|node_modules/);
    }
  });
});
