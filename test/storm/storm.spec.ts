import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runHistory } from '../../storm/storm-history.js';
import { openStormServer, type StormServer } from '../../storm/storm-server.js';
import { WRONG_VARIANTS } from './wrong-variants.js';

const SEEDS = [1, 2, 3, 4, 5, 6];
/** A wrong way shows in one of so many histories, if not in the first. */
const TRIES = 100;

let server: StormServer;

beforeAll(async () => {
  server = await openStormServer(inject('testServerUrl'));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe('a history of pushing', () => {
  it.each(SEEDS)('of seed %i ends with every unit accounted for', async (seed) => {
    const { findings } = await runHistory(server, seed);

    expect(findings).toEqual([]);
  });
});

describe('the checks', () => {
  it.each(WRONG_VARIANTS)('find out $name', { timeout: 900_000 }, async (variant) => {
    const { scenery } = variant;
    for (let seed = 1; seed <= TRIES; seed++) {
      const { findings } = await runHistory(server, seed, { variant, scenery });
      if (!findings.some((finding) => variant.finding.test(finding))) continue;

      const ours = await runHistory(server, seed, { scenery });
      expect(ours.findings).toEqual([]);
      return;
    }
    expect.unreachable(`none of ${TRIES} histories showed it`);
  });
});
