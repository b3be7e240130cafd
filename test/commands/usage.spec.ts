import { describe, expect, it } from 'vitest';
import { runCli } from './cli.js';

const COMMANDS = [
  'serve',
  'migrate',
  'distribute',
  'import',
  'close',
  'export',
  'verify-statement',
  'keys create',
  'tenants create',
  'doctor',
  'demo',
  'simulate-stripe',
];

describe('the command line', () => {
  it.each(COMMANDS)('explains %s with its options and an example', async (name) => {
    const { code, stdout, stderr } = await runCli([...name.split(' '), '--help']);
    expect(stdout).toContain(`Usage: countonce ${name}`);
    expect(stdout).toContain('--json');
    expect(stdout).toMatch(new RegExp(`\\$ npx countonce ${name}`));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each([
    ['an unknown command', ['count']],
    ['an unknown option', ['migrate', '--fast']],
    ['a missing argument', ['import']],
    ['one argument too many', ['migrate', 'now']],
    ['a scope that there is not', ['keys', 'create', '--name', 'k', '--scopes', 'usage:eat']],
    ['a port that is none', ['simulate-stripe', '--port', '70000']],
  ])('answers %s with exit code 2 and one line', async (_, args) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(stderr).toMatch(/^countonce: [^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('lists every command, and ends with exit code 2 where none is named', async () => {
    const help = await runCli(['--help']);
    const none = await runCli([]);
    expect([help.code, none.code]).toEqual([0, 2]);
    for (const text of [help.stdout, none.stderr]) {
      for (const name of COMMANDS)
        expect(text).toMatch(new RegExp(`^  ${name.split(' ')[0]} `, 'm'));
    }
  });

  it('tells a program what is wrong in JSON as well', async () => {
    const usage = await runCli(['migrate', '--fast', '--json']);
    expect(usage.json).toEqual({
      error: { code: 'wrong_usage', message: expect.stringContaining('--fast') },
    });
    const missing = await runCli(['import', '/nowhere/at/all.ndjson', '--json']);
    expect(missing.code).toBe(1);
    expect(missing.json.error.code).toBe('file_not_readable');
  });

  it('names each wrong variable and what it must be', async () => {
    const { code, stderr } = await runCli(['keys', 'create', '--name', 'k'], {
      PORT: 'abc',
      LOG_LEVEL: 'loud',
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/PORT: must be .*\n.*LOG_LEVEL: must be /);
  });

  it('says what to do about a database that is not there, without its password', async () => {
    const DATABASE_URL = 'postgres://someone:hunter2@127.0.0.1:1/usage';
    const { code, stdout, stderr } = await runCli(['close', '--json'], { DATABASE_URL });
    expect(code).toBe(1);
    expect(stderr).toContain('DATABASE_URL');
    expect(stdout + stderr).not.toContain('hunter2');
    expect(JSON.parse(stdout).error.code).toBe('database_not_reachable');
  });
});
