import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.js';
import { builtCli } from '../support/built-cli.js';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.js';
import { runCli, startCli } from './cli.js';

const JANUARY = '2026-01-01T00:00:00Z';

let app: TestApp;
let folder: string;
let env: Record<string, string>;

/** A process under this refuses to load what reaches a database or network, and to connect. */
const REFUSE = `
export function resolve(specifier, context, next) {
  if (/^(?:node:)?(?:net|tls|http|https|http2|dgram|dns)$/.test(specifier) && context.parentURL)
    throw new Error('refused to load ' + specifier);
  return next(specifier, context);
}
export function load(url, context, next) {
  if (/\\/dist\\/src\\/(?:database|data-source|countonce)|\\/node_modules\\/(?:pg|typeorm|stripe|fastify|@nestjs)\\//.test(url))
    throw new Error('refused to load ' + url);
  return next(url, context);
}`;
const asModule = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
const OFFLINE = `--import=${asModule(
  `const net = process.getBuiltinModule?.('net') ?? (await import('node:module')).createRequire('file:///')('net');
   net.Socket.prototype.connect = () => { process.stderr.write('refused to connect'); process.exit(99); };
   const { register } = await import('node:module');
   register(${JSON.stringify(asModule(REFUSE))});`,
)}`;

beforeAll(async () => {
  await builtCli();
  folder = temporaryFolder();
  app = await startTestApp();
  env = { DATABASE_URL: app.databaseUrl };
  await app.call('PUT', '/v1/meters/tokens', { aggregation: 'sum' });
  for (let chunk = 0; chunk < 5; chunk++) {
    const events = Array.from({ length: 1_000 }, (_, i) => ({
      usage_event_id: `e-${chunk}-${i}`,
      customer_id: 'acme',
      meter: 'tokens',
      quantity: '0.5',
      occurred_at: '2026-01-10T12:00:00Z',
    }));
    await app.call('POST', '/v1/usage-events', { events });
  }
  await app.call('POST', '/v1/period-closes', { as_of: '2026-02-01T00:00:00Z' });
}, 240_000);
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  removeFolder(folder);
});

const exportTo = (name: string, ...options: string[]) =>
  runCli(['export', '--customer', 'acme', '--output', join(folder, name), ...options], env);

const partsOf = (path: string) =>
  readdirSync(folder).filter(
    (name) => join(folder, name).startsWith(path) && name.endsWith('.part'),
  );

/** An export that has begun its file and cannot end it. */
async function exportHeldUp(path: string) {
  const lock = await app.pool.connect();
  await lock.query('BEGIN; LOCK TABLE audit_entry');
  const running = await startCli(['export', '--customer', 'acme', '--output', path], env);
  while (partsOf(path).length === 0) await sleep(20);
  const release = async (): Promise<void> => {
    await lock.query('ROLLBACK');
    lock.release();
  };
  return { running, release };
}

describe('countonce export', () => {
  it('writes a file that verify-statement finds right, without database and network', async () => {
    const written = await exportTo('acme.ndjson', '--period', JANUARY, '--json');
    expect(written.json).toMatchObject({ periods: 1, counts: { statement: 1, entry: 5_000 } });
    expect(written.code).toBe(0);
    const verified = await runCli(['verify-statement', join(folder, 'acme.ndjson'), '--json'], {
      NODE_OPTIONS: OFFLINE,
    });
    expect(verified.stderr).toBe('');
    expect(verified.json).toMatchObject({
      ok: true,
      customer_id: 'acme',
      periods: 1,
      entries: 5_000,
    });
    expect(verified.code).toBe(0);
  });

  it('runs under a hook that does stop what reaches a database', async () => {
    const { code, stderr } = await runCli(['audit', 'verify'], { ...env, NODE_OPTIONS: OFFLINE });
    expect(stderr).toContain('refused to load');
    expect(code).toBe(1);
  });

  it('says what is wrong with a file that was altered, and ends with exit code 1', async () => {
    await exportTo('altered.ndjson');
    const path = join(folder, 'altered.ndjson');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"quantity":"0.5"', '"quantity":"0.6"'));
    const { code, stdout } = await runCli(['verify-statement', path]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/WRONG {2}the file: whole/);
    expect(stdout).toMatch(/WRONG {2}tokens 2026-01-01T00:00:00.000Z: digest/);
    expect(stdout).toContain('it says 2500, the entries give 2500.1');
  });

  it('does not take the place of a file unless it is told to', async () => {
    await exportTo('kept.ndjson');
    const before = readFileSync(join(folder, 'kept.ndjson'), 'utf8');
    const refused = await exportTo('kept.ndjson', '--json');
    expect({ code: refused.code, error: refused.json.error.code }).toEqual({
      code: 1,
      error: 'file_exists',
    });
    expect(readFileSync(join(folder, 'kept.ndjson'), 'utf8')).toBe(before);
    expect((await exportTo('kept.ndjson', '--force')).code).toBe(0);
    expect(readFileSync(join(folder, 'kept.ndjson'), 'utf8')).not.toBe(before);
  });

  it('goes to stdout where no file is named', async () => {
    const { code, stdout, stderr } = await runCli(['export', '--customer', 'acme'], env);
    expect(code).toBe(0);
    expect(stderr).toContain('1 periods with 5000 entries');
    writeFileSync(join(folder, 'piped.ndjson'), stdout);
    expect((await runCli(['verify-statement', join(folder, 'piped.ndjson')])).code).toBe(0);
    writeFileSync(join(folder, 'piped.ndjson.gz'), gzipSync(stdout));
    expect((await runCli(['verify-statement', join(folder, 'piped.ndjson.gz')])).code).toBe(0);
    writeFileSync(join(folder, 'cut.ndjson.gz'), gzipSync(stdout).subarray(0, -20));
    expect((await runCli(['verify-statement', join(folder, 'cut.ndjson.gz')])).code).toBe(1);
  });

  it('leaves nothing behind where it is interrupted', async () => {
    const path = join(folder, 'stopped.ndjson');
    const { running, release } = await exportHeldUp(path);
    running.process.kill('SIGINT');
    await once(running.process.stderr!, 'data');
    await release();
    expect((await running.ended).code).toBe(130);
    expect([existsSync(path), partsOf(path)]).toEqual([false, []]);
  });

  it('leaves no file that looks whole where it is killed', async () => {
    const path = join(folder, 'killed.ndjson');
    const { running, release } = await exportHeldUp(path);
    running.process.kill('SIGKILL');
    await running.ended;
    await release();
    expect([existsSync(path), partsOf(path).length]).toEqual([false, 1]);
    expect((await exportTo('killed.ndjson')).code).toBe(0);
    expect(partsOf(path).length).toBe(1);
  });

  it('ends quietly where nobody reads on', async () => {
    const cli = [process.execPath, await builtCli(), 'export', '--customer', 'acme'];
    const child = spawn('sh', ['-c', '("$0" "$@"; echo "ended $?" >&2) | head -1', ...cli], {
      env: { PATH: process.env['PATH'], ...env },
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'header' });
    expect(stderr).toBe('ended 141\n');
  });

  it.each([
    ['an unknown customer', ['--customer', 'nobody'], 'customer_not_found', 1],
    [
      'a period without usage',
      ['--customer', 'acme', '--period', '2025-01-01T00:00:00Z'],
      'billing_period_not_found',
      1,
    ],
    ['a time that is none', ['--customer', 'acme', '--from', 'May'], 'wrong_usage', 2],
    ['no customer', [], 'wrong_usage', 2],
  ])('refuses %s', async (_, options, code, exitCode) => {
    const path = join(folder, 'none.ndjson');
    const ended = await runCli(['export', ...options, '--output', path, '--json'], env);
    expect([ended.json.error.code, ended.code]).toEqual([code, exitCode]);
    expect(existsSync(path)).toBe(false);
  });

  it('says of another file that it is none', async () => {
    const path = join(folder, 'other.ndjson');
    writeFileSync(path, '{"usage_event_id":"a"}\n');
    const { code, json } = await runCli(['verify-statement', path, '--json']);
    expect({ code, error: json.error.code }).toEqual({ code: 1, error: 'not_an_export' });
  });
});
