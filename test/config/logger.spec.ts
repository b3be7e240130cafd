import { Logger as NestLogger } from '@nestjs/common';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/config/logger.js';
import { PinoLogger } from '../../src/config/pino-logger.js';

const BOOTSTRAP = 'correct-horse-battery-staple-and-some-more';
const PASSWORD = 'db-p@ss:word';

function recording(env: NodeJS.ProcessEnv = {}) {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  const logger = createLogger(loadConfig(env), { write });
  const lines = () =>
    written
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
  return { logger, lines, written: () => written };
}

afterEach(() => NestLogger.overrideLogger(undefined as never));

describe('the log', () => {
  it('is one JSON line per message, with level and time in words', () => {
    const { logger, lines } = recording();
    logger.info({ meter: 'api_calls' }, 'period closed');
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    const expected = { level: 'info', time, meter: 'api_calls', msg: 'period closed' };
    expect(lines()).toEqual([expect.objectContaining(expected)]);
  });

  it('holds back what is below its level', () => {
    const { logger, lines } = recording({ LOG_LEVEL: 'warn' });
    logger.info('unheard');
    logger.warn('heard');
    expect(lines()).toHaveLength(1);
  });

  it.each([
    ['a header', { req: { headers: { authorization: `Bearer ${BOOTSTRAP}`, host: 'kept' } } }],
    ['a header in another case', { a: [{ b: { c: { Authorization: BOOTSTRAP } } }] }],
    ['an array of headers', { 'stripe-signature': [`t=1,v1=${BOOTSTRAP}`] }],
    ['a request body', { body: { secret_key: BOOTSTRAP, webhook_secrets: [BOOTSTRAP, 'x'] } }],
    ['a camelCase field', { apiKey: BOOTSTRAP, 'x-api-key': BOOTSTRAP }],
    ['a variable', { BOOTSTRAP_API_KEY: BOOTSTRAP }],
    ['a text with a header', { note: `sent Authorization: Bearer ${BOOTSTRAP}` }],
    ['an error', new Error(`no such key: Bearer ${BOOTSTRAP}`)],
    ['an error with a cause', new Error('outer', { cause: new Error(`Bearer ${BOOTSTRAP}`) })],
  ])('shows no secret of %s', (_where, what) => {
    const { logger, written } = recording();
    logger.error(what, 'failed');
    expect(written()).not.toContain(BOOTSTRAP);
    expect(written()).toContain('[redacted]');
  });

  it.each([
    'sk_test_51AbCdEfGh',
    'sk_live_51AbCdEfGh',
    'rk_live_51AbCdEfGh',
    'whsec_AbC123+/=',
    'co_01J9Z3_Zm9vYmFyYmF6cXV4',
  ])('shows no %s, wherever it stands', (secret) => {
    const { logger, written } = recording();
    logger.child({ bound: secret }).warn({ deep: [{ er: `in ${secret}!` }], [secret]: 1 }, secret);
    expect(written()).not.toContain(secret.split('_').at(-1));
  });

  it('shows no password of a connection string, but where it leads', () => {
    const { logger, written } = recording();
    logger.error(new Error(`cannot reach postgres://me:${PASSWORD}@db.internal:5432/usage`));
    expect(written()).not.toContain('ss:word');
    expect(written()).toContain('postgres://me:[redacted]@db.internal:5432/usage');
  });

  it('shows none of the secrets of its configuration, whatever they look like', () => {
    const { logger, written } = recording({ BOOTSTRAP_API_KEY: `${BOOTSTRAP}"\\` });
    logger.info({ odd: `x${BOOTSTRAP}"\\y` }, `${BOOTSTRAP}"\\`);
    expect(written()).not.toContain(BOOTSTRAP);
  });

  it('leaves identifiers that are no secret as they are', () => {
    const { logger, written } = recording();
    const identifier = `co1_${'a'.repeat(43)}`;
    logger.info({ identifier, url: 'https://api.stripe.com/v1/billing/meters?limit=3' });
    expect(written()).toContain(identifier);
    expect(written()).toContain('https://api.stripe.com/v1/billing/meters?limit=3');
  });

  it('cannot be made to look like two lines, or to lose a word', () => {
    const harmless = fc.string({ unit: 'binary' }).filter((text) => !/[_ :]/.test(text));
    const text = fc.oneof(harmless, fc.constantFrom('a\r\n{"level":"fatal"}', '%s%d%j', '"},{'));
    fc.assert(
      fc.property(text, text, (message, field) => {
        const { logger, lines, written } = recording();
        logger.info({ field }, '%s', message);
        new PinoLogger(logger).warn(message, field);
        expect(written().match(/[\r\n]/g)).toEqual(['\n', '\n']);
        const [first, second] = lines() as { msg: string; field: string; context: string }[];
        expect([first?.msg, first?.field]).toEqual([message, field]);
        expect([second?.msg, second?.context]).toEqual([message, field]);
      }),
    );
  });

  it('holds no character that a terminal obeys or that ends a line somewhere', () => {
    const { logger, lines, written } = recording();
    const forgery = '\r\n\u001b[2K\u007f\u0085\u009b1A\u2028\u2029';
    logger.warn({ [forgery]: forgery }, forgery);
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    expect(written().slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    expect(lines()).toEqual([expect.objectContaining({ [forgery]: forgery, msg: forgery })]);
  });

  it('stays quick on a long line made to slow it down', () => {
    const { logger, lines } = recording();
    for (const part of ['://:', 'co_a_', 'Bearer ', 'sk_test_']) logger.info(part.repeat(50_000));
    expect(lines()).toHaveLength(4);
  });
});

describe("Nest's messages", () => {
  it('become lines of the same log, with their context', () => {
    const { logger, lines } = recording({ LOG_LEVEL: 'trace' });
    NestLogger.overrideLogger(new PinoLogger(logger));
    const nest = new NestLogger('RoutesResolver');
    nest.log('mapped');
    nest.warn('odd 100%');
    nest.verbose('seen', { route: '/v1' });
    nest.fatal('over');

    expect(lines()).toEqual(
      [
        { level: 'info', msg: 'mapped' },
        { level: 'warn', msg: 'odd 100%' },
        { level: 'trace', msg: 'seen', route: '/v1' },
        { level: 'fatal', msg: 'over' },
      ].map((line) => expect.objectContaining({ ...line, context: 'RoutesResolver' }) as unknown),
    );
  });

  it('keep the stack of an error, and its message', () => {
    const { logger, lines } = recording();
    const adapter = new PinoLogger(logger);
    const error = new TypeError('broken');
    adapter.error('failed', error.stack, 'ExceptionsHandler');
    adapter.error(error);

    expect(lines()).toEqual([
      expect.objectContaining({
        level: 'error',
        msg: 'failed',
        stack: error.stack,
        context: 'ExceptionsHandler',
      }),
      expect.objectContaining({
        msg: 'broken',
        err: expect.objectContaining({ type: 'TypeError', stack: error.stack }) as unknown,
      }),
    ]);
  });
});
