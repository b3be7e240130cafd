import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rig } from '../../fuzz/rig.js';
import { runFuzz } from '../../fuzz/run-fuzz.js';
import type { Answer, Door } from '../../fuzz/send/http-door.js';
import type { Wire } from '../../fuzz/send/wire.js';
import { holds, type FuzzResult } from '../../fuzz/tally.js';
import { builtCli } from '../support/built-cli.js';

let rig: Rig;
beforeAll(async () => {
  await builtCli();
  rig = await Rig.build({ keep: false }, AbortSignal.timeout(240_000));
}, 600_000);
afterAll(() => rig[Symbol.asyncDispose](), 60_000);

function fuzz(seed: number, requests: number, through?: (door: Door) => Door): Promise<FuzzResult> {
  return runFuzz(
    rig,
    { seed, requests, connections: 4 },
    { tell: () => undefined, isStopped: () => false, ...(through && { through }) },
  );
}

/** What comes back, changed; the service itself is as it is. */
function lying(lie: (wire: Wire, answer: Answer) => Answer): (door: Door) => Door {
  return (door) => ({
    async send(wire) {
      const answer = await door.send(wire);
      return 'cut' in answer ? answer : lie(wire, answer);
    },
  });
}

const kindsOf = ({ findings }: FuzzResult): string[] =>
  findings.all().map(({ examples }) => examples[0]!.check);

describe('the fuzzer', () => {
  it('holds for the product', { timeout: 300_000 }, async () => {
    const result = await fuzz(1, 300);

    expect(result.findings.all()).toEqual([]);
    expect(result.checks.filter(({ findings }) => findings.length > 0)).toEqual([]);
    expect(holds(result)).toBe(true);
    expect(result.tally.requests).toBe(300);
    expect(result.tally.verdictsChecked).toBeGreaterThan(0);
    expect(result.tally.ledgerRows).toBeGreaterThan(0);
    expect(result.validated).toBeGreaterThan(0);
  });

  it('finds verdicts that are not true', { timeout: 300_000 }, async () => {
    const told = lying((_, answer) => ({
      ...answer,
      text: answer.text
        .replaceAll('"status":"rejected"', '"status":"accepted"')
        .replaceAll('"status":"conflict"', '"status":"duplicate"'),
    }));
    expect(kindsOf(await fuzz(2, 120, told))).toContain('accepted and not in the ledger');
  });

  it('finds usage that was recorded and not told', { timeout: 300_000 }, async () => {
    const told = lying((_, answer) => ({
      ...answer,
      text: answer.text.replaceAll('"status":"accepted"', '"status":"rejected"'),
    }));
    expect(kindsOf(await fuzz(3, 120, told))).toContain('refused and in the ledger');
  });

  it.each([
    [
      'a status of 500',
      '500',
      (answer: Answer): Answer => ({
        ...answer,
        status: answer.status === 404 ? 500 : answer.status,
      }),
    ],
    [
      'a stack trace',
      'tells a stack trace, a file of ours',
      (answer: Answer): Answer => ({
        ...answer,
        text: answer.text.replace(
          '"detail":"',
          '"detail":"Error\\n    at f (/x/node_modules/y.js:1:2)',
        ),
      }),
    ],
    [
      'an undocumented code',
      'no problem: code made_up is in no list',
      (answer: Answer): Answer => ({
        ...answer,
        text: answer.text.replaceAll(/"code":"\w+"/g, '"code":"made_up"'),
      }),
    ],
  ])('finds %s', { timeout: 300_000 }, async (_, check, lie) => {
    const result = await fuzz(
      4,
      60,
      lying((_, answer) => lie(answer)),
    );
    expect(kindsOf(result)).toContain(check);
    expect(holds(result)).toBe(false);
    const [found] = result.findings.all().map(({ examples }) => examples[0]!);
    expect(found).toMatchObject({ request: expect.any(Number), reproduction: expect.any(String) });
  });

  it('finds a secret in an answer', { timeout: 300_000 }, async () => {
    const told = lying((wire, answer) => ({
      ...answer,
      text: answer.text.replace('"detail":"', `"detail":"${wire.headers['authorization'] ?? ''}`),
    }));
    expect(kindsOf(await fuzz(5, 60, told))).toContain('tells a secret');
  });
});
