import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.js';
import { runCli, startCli } from './cli.js';

const ANY_PORTS = ['--port', '0', '--oracle-port', '0'];

async function firstLine(stdout: Readable): Promise<any> {
  const [chunk] = (await once(stdout, 'data')) as [Buffer];
  return JSON.parse(chunk.toString());
}

describe('simulate-stripe', () => {
  it('runs until Ctrl-C, and says where', async () => {
    const run = await startCli(['simulate-stripe', '--json', '--auto-customers', ...ANY_PORTS]);
    const { url, oracle_url: oracleUrl, environment } = await firstLine(run.process.stdout!);
    expect(environment).toEqual({
      STRIPE_API_BASE: url,
      STRIPE_SECRET_KEY: expect.stringMatching(/^sk_test_/),
    });
    const account = await fetch(`${url}/v1/account`, {
      headers: { authorization: `Bearer ${environment.STRIPE_SECRET_KEY}` },
    });
    expect(account.status).toBe(200);
    expect(await (await fetch(`${oracleUrl}/_sim/totals`)).json()).toEqual({ totals: [] });

    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(0);
  });

  it('says which option helps where a port is taken', async () => {
    const run = await startCli(['simulate-stripe', '--json', ...ANY_PORTS]);
    const { url } = await firstLine(run.process.stdout!);
    const second = await runCli(['simulate-stripe', '--port', new URL(url).port]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('--port');
    run.process.kill('SIGTERM');
    expect((await run.ended).code).toBe(0);
  });
});

describe('simulate-stripe --switches', () => {
  it.each([
    ['a survey', { switches: { unknownCustomer: 'async' }, findings: [] }],
    ['bare switches', { unknownCustomer: 'async' }],
  ])('behaves as a file says: %s', async (_what, content) => {
    const file = join(temporaryFolder(), 'switches.json');
    writeFileSync(file, JSON.stringify(content));
    const run = await startCli(['simulate-stripe', '--json', '--switches', file, ...ANY_PORTS]);
    const { oracle_url: oracleUrl } = await firstLine(run.process.stdout!);
    const switches = await (await fetch(`${oracleUrl}/_sim/switches`)).json();
    expect(JSON.stringify(switches)).toContain('"unknownCustomer":"async"');
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(0);
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['a switch that does not exist', '{"mood":"good"}'],
    ['a setting that does not exist', '{"unknownCustomer":"maybe"}'],
  ])('says what is wrong with a file: %s', async (_what, content) => {
    const file = join(temporaryFolder(), 'switches.json');
    writeFileSync(file, content);
    const { code, json } = await runCli(['simulate-stripe', '--json', '--switches', file]);
    expect([code, json.error.code]).toEqual([1, 'switches_unreadable']);
    expect(json.error.message).toContain(file);
  });
});
