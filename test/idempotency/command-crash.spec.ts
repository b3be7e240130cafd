import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KillableServer } from '../storm/killable-server.js';
import { builtCli } from '../support/built-cli.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';
import { DeadlyProxy, type DeathPoint } from './deadly-proxy.js';
import { isReplayed, keyedCommands, told, type KeyedCommand } from './keyed-command.js';

/** Commits before the point is come to, so that what the command did is there. */
const POINTS: readonly [DeathPoint, { readonly done: 0 | 1; readonly jobsOnly?: true }][] = [
  ['before it begins', { done: 0 }],
  ['in its transaction', { done: 0 }],
  ['before its commit', { done: 0 }],
  ['after its commit', { done: 1 }],
  ['before its late answer is kept', { done: 1, jobsOnly: true }],
  ['after its late answer is kept', { done: 1, jobsOnly: true }],
];

let survivor: TestApp;
beforeAll(async () => {
  await builtCli();
  survivor = await startTestApp();
}, 900_000);
afterAll(() => survivor[Symbol.asyncDispose]());

function send(to: Pick<TestApp, 'call'>, { path, body, headers }: KeyedCommand): Promise<Answer> {
  return to.call('POST', path, body, headers);
}

/** What a process that died was at is free again when its lease is over. */
async function sendUntilAnswered(command: KeyedCommand): Promise<Answer> {
  for (;;) {
    const answer = await send(survivor, command);
    if (answer.status !== 409) return answer;
    expect(answer.body.code).toBe('idempotency_key_in_use');
    await sleep(100);
  }
}

async function dieAt(point: DeathPoint, commands: readonly KeyedCommand[]): Promise<void> {
  await using proxy = await DeadlyProxy.start(survivor.databaseUrl);
  const env = { DATABASE_URL: proxy.url, ROLE: 'api', DATABASE_POOL_SIZE: '8' };
  await using victim = await KillableServer.start(env, survivor.apiKey);
  const reached = proxy.hold(point, commands.length);
  const answers = commands.map((command) =>
    send(victim, command).then(
      ({ status, text }) => `${status} ${text}`,
      () => 'none',
    ),
  );
  const first = await Promise.race([reached, ...answers]);
  expect(first, `an answer before the process died ${point}`).toBeUndefined();
  await victim.kill();
  expect(await Promise.all(answers)).toEqual(commands.map(() => 'none'));
}

it.each(POINTS)(
  'a process killed %s leaves a command done once, whenever it is sent again',
  { timeout: 180_000 },
  async (point, { done, jobsOnly }) => {
    const commands = (await keyedCommands(survivor)).filter(({ isJob }) => isJob || !jobsOnly);
    await dieAt(point, commands);

    for (const command of commands) {
      const { name, status, isJob } = command;
      expect(await command.timesDone(), `${name}, ${point}`).toBe(done);
      const second = await sendUntilAnswered(command);
      const third = await send(survivor, command);

      expect([name, second.status]).toEqual([name, status]);
      // The first answer was kept with what was done, or is made of it now.
      const wasKept = isJob ? point === 'after its late answer is kept' : done === 1;
      expect([name, isReplayed(second)]).toEqual([name, wasKept]);
      expect([name, isReplayed(third)]).toEqual([name, true]);
      expect(third.body).toEqual(told(second));
      expect(await command.timesDone(), `${name}, ${point}, in the end`).toBe(1);
    }
  },
);
