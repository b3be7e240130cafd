import { inspect } from 'node:util';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidConfiguration, loadConfig, variableNames } from '../../src/config/config.js';

const DEFAULTS = {
  PORT: 3000,
  HOST: '127.0.0.1',
  DATA_DIR: '.countonce',
  ROLE: 'all',
  STRIPE_API_BASE: 'https://api.stripe.com',
  PUSH_TARGET: 'stripe_v1',
  STRIPE_V2_VALUES: 'positive_integer',
  STRIPE_READS_PER_MONTH: 10_000,
  PUSH_INTERVAL_SECONDS: 3600,
  PUSH_RESEND_WINDOW_SECONDS: 82_800,
  READBACK_STABLE_SECONDS: 900,
  RECONCILE_INTERVAL_SECONDS: 86_400,
  CLOSE_GRACE_SECONDS: 1800,
  RATE_LIMIT_PER_SECOND: 0,
  UNKNOWN_CUSTOMER: 'create',
  QUARANTINE_EVENTS_MAX: 100_000,
  LOG_LEVEL: 'info',
  DATABASE_POOL_SIZE: 4,
};
const KEY = 'sk_live_51abcdefghijklmnop';
const BYTES = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index));

function problemsOf(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  try {
    loadConfig(env);
    return {};
  } catch (error) {
    if (error instanceof InvalidConfiguration) return error.problems;
    throw error;
  }
}

describe('the configuration', () => {
  it('has a default for everything that need not be set', () => {
    expect(loadConfig({}).toJSON()).toEqual(DEFAULTS);
    expect(loadConfig({}).DATABASE_URL).toBeUndefined();
  });

  it('takes an empty variable for an absent one', () => {
    const empty = Object.fromEntries(variableNames().map((name) => [name, '']));
    expect(loadConfig(empty).toJSON()).toEqual(DEFAULTS);
  });

  it('takes what is set', () => {
    const config = loadConfig({
      PORT: '8080',
      HOST: '::1',
      DATABASE_URL: 'postgresql://me:p%40ss@db.internal:5433/usage?sslmode=require',
      ROLE: 'worker',
      STRIPE_API_BASE: 'http://127.0.0.1:12111',
      STRIPE_ACCOUNT_ID: 'acct_1Abc',
      STRIPE_CALLS_PER_SECOND: '7',
      UNKNOWN_CUSTOMER: 'reject',
      LOG_LEVEL: 'silent',
    });
    expect(config).toMatchObject({
      PORT: 8080,
      HOST: '::1',
      DATABASE_URL: 'postgresql://me:p%40ss@db.internal:5433/usage?sslmode=require',
      ROLE: 'worker',
      STRIPE_API_BASE: 'http://127.0.0.1:12111',
      STRIPE_ACCOUNT_ID: 'acct_1Abc',
      STRIPE_CALLS_PER_SECOND: 7,
      UNKNOWN_CUSTOMER: 'reject',
      LOG_LEVEL: 'silent',
    });
  });

  it('holds nothing of the rest of the environment, and cannot be changed', () => {
    const config = loadConfig({ PATH: '/bin', HOME: '/root', port: '1', secrets: 'x', PORT: '81' });
    const held = Object.keys(config).filter((name) => !variableNames().includes(name));
    expect(held).toEqual([]);
    expect(config.PORT).toBe(81);
    expect(() => Object.assign(config, { PORT: 82 })).toThrow(TypeError);
  });

  it.each([
    ['PORT', ['0', '65535'], ['65536', '-1']],
    ['HOST', ['0.0.0.0', 'localhost', 'fe80::1%eth0'], ['two hosts', 'http://x', 'a\nb']],
    ['DATA_DIR', ['/var/lib/my data', '.'], ['a\0b']],
    [
      'DATABASE_URL',
      ['postgres://h/d', 'postgresql:///d?host=/run/postgresql', 'postgres://u:p@[::1]:1/d'],
      ['mysql://h/d', 'h/d', 'postgres://u:p#x@h/d', 'postgres://u:50%@h/d', ' postgres://h/d'],
    ],
    ['ROLE', ['api', 'worker', 'all'], ['API', 'both', ' all']],
    ['BOOTSTRAP_API_KEY', ['k'.repeat(32), '!~'.repeat(16)], ['k'.repeat(31), 'k '.repeat(20)]],
    [
      'STRIPE_SECRET_KEY',
      ['sk_test_x', 'sk_live_x', 'rk_test_x', 'rk_live_x'],
      ['pk_test_x', 'sk_x', 'sk_test_', 'sk_test_a b', 'sk_test_x\n'],
    ],
    ['STRIPE_ACCOUNT_ID', ['acct_1'], ['cus_1', 'acct_', 'acct_1 ']],
    [
      'STRIPE_API_BASE',
      ['https://api.stripe.com', 'http://localhost:1/base'],
      ['ftp://x', 'api.stripe.com', 'https://u:p@x', 'https://x/?a', 'https://x/\n'],
    ],
    [
      'STRIPE_WEBHOOK_SECRET',
      ['whsec_a', 'whsec_a,whsec_b', 'whsec_a, whsec_b'],
      ['whsec_', 'secret', 'whsec_a,', 'whsec_a b', ',whsec_a'],
    ],
    [
      'ENCRYPTION_KEY',
      [BYTES.toString('base64'), BYTES.toString('base64url'), BYTES.toString('hex')],
      [BYTES.toString('base64').slice(2), `${BYTES.toString('hex')}00`, 'key', ','],
    ],
    ['STRIPE_CALLS_PER_SECOND', ['1', '10000'], ['0', '10001']],
    ['PUSH_TARGET', ['stripe_v1', 'stripe_v2', 'file'], ['stripe', 'v2', 'FILE']],
    ['PUSH_FILE', ['pushes.ndjson', '/var/a b'], ['a\0b']],
    ['STRIPE_V2_VALUES', ['positive_integer', 'decimal'], ['integer']],
    ['STRIPE_READS_PER_MONTH', ['0', '100000000'], ['100000001']],
    ['PUSH_INTERVAL_SECONDS', ['0', '2678400'], ['2678401']],
    ['PUSH_RESEND_WINDOW_SECONDS', ['0', '86399'], ['86400']],
    ['READBACK_STABLE_SECONDS', ['0', '86400'], ['86401']],
    ['RECONCILE_INTERVAL_SECONDS', ['0', '2678400'], ['2678401']],
    ['CLOSE_GRACE_SECONDS', ['0', '2678400'], ['2678401']],
    ['RATE_LIMIT_PER_SECOND', ['0', '1000000'], ['1000001']],
    ['UNKNOWN_CUSTOMER', ['create', 'reject'], ['ignore']],
    ['LOG_LEVEL', ['fatal', 'trace', 'silent'], ['verbose', 'INFO', '30']],
    ['DATABASE_POOL_SIZE', ['1', '200'], ['0', '201']],
  ])('%s takes what it should and nothing else', (name, right, wrong) => {
    for (const value of right) expect(problemsOf({ [name]: value })).toEqual({});
    for (const value of wrong) expect(Object.keys(problemsOf({ [name]: value }))).toEqual([name]);
  });

  it('reads numbers in decimal digits only', () => {
    for (const PORT of [
      '0x10',
      '1e3',
      ' 80',
      '80 ',
      '+80',
      '-0',
      '080',
      '80.0',
      '٨٠',
      'NaN',
      ' ',
    ]) {
      expect(problemsOf({ PORT })).toEqual({ PORT: 'must be a whole number from 0 to 65535' });
    }
  });

  it('reads every number it can mean, and refuses every other text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), (port) => {
        expect(loadConfig({ PORT: String(port) }).PORT).toBe(port);
      }),
    );
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (PORT) => {
        fc.pre(!/^\d+$/.test(PORT));
        expect(problemsOf({ PORT })).toHaveProperty('PORT');
      }),
    );
  });

  it('names all wrong variables at once, and never a value', () => {
    const env = Object.fromEntries(variableNames().map((name) => [name, 'hidden\tvalue']));
    let message = '';
    try {
      loadConfig({ ...env, DATA_DIR: 'hidden\0value', PUSH_FILE: 'hidden\0value' });
    } catch (error) {
      message = inspect(error);
    }
    for (const name of variableNames()) expect(message).toContain(`  ${name}: must be `);
    expect(message).not.toContain('hidden');
  });

  it('does not show a secret when it is printed', () => {
    const config = loadConfig({
      STRIPE_SECRET_KEY: KEY,
      BOOTSTRAP_API_KEY: 'b'.repeat(40),
      DATABASE_URL: 'postgres://u:passphrase@h/d',
      STRIPE_WEBHOOK_SECRET: 'whsec_one,whsec_two',
      ENCRYPTION_KEY: `${BYTES.toString('base64')},${BYTES.toString('hex')}`,
    });
    const printed = `${JSON.stringify(config)} ${inspect(config)}`;
    const inLists = ['whsec_one', 'whsec_two', BYTES.toString('base64'), BYTES.toString('hex')];
    for (const secret of [KEY, 'b'.repeat(40), 'passphrase', ...inLists])
      expect(printed).not.toContain(secret);
    expect(config.secrets.toSorted()).toEqual([KEY, 'b'.repeat(40), ...inLists].toSorted());
  });

  it('reads several secrets and keys of one variable', () => {
    const config = loadConfig({
      STRIPE_WEBHOOK_SECRET: 'whsec_one, whsec_two',
      ENCRYPTION_KEY: [BYTES.toString('hex'), BYTES.toString('base64url')].join(', '),
    });
    expect(config.webhookSecrets).toEqual(['whsec_one', 'whsec_two']);
    expect(config.encryptionKeys).toEqual([BYTES, BYTES]);
    expect(loadConfig({}).webhookSecrets).toEqual([]);
  });

  it('is listed in full, with its defaults, in .env.example', () => {
    const text = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const listed = [...text.matchAll(/^#([A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(listed.map(([name]) => name)).toEqual(variableNames());
    expect(loadConfig(Object.fromEntries(listed)).toJSON()).toEqual(DEFAULTS);
  });
});
