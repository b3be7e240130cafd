import { describe, expect, it } from 'vitest';
import { readOptions } from '../../bench/rig/options.js';

const NAMES = ['ingest_batch', 'close'];

describe('the arguments of the benchmarks', () => {
  it('have defaults: all of them, five rounds of four seconds, nothing added to a commit', () => {
    expect(readOptions([], NAMES)).toEqual({
      only: undefined,
      list: false,
      seconds: 4,
      rounds: 5,
      json: undefined,
      commitMs: 0,
      sizes: {},
    });
  });

  it('are read', () => {
    const args =
      '--only close,ingest_batch --seconds 1.5 --rounds 2 --json out.json --commit-ms 0.5 --events 7';
    expect(readOptions(args.split(' '), NAMES)).toEqual({
      only: ['close', 'ingest_batch'],
      list: false,
      seconds: 1.5,
      rounds: 2,
      json: 'out.json',
      commitMs: 0.5,
      sizes: { events: 7 },
    });
  });

  it('quick makes all small, but for what is given', () => {
    const quick = readOptions(['--quick', '--rounds', '3', '--events', '9'], NAMES);
    expect(quick).toMatchObject({ seconds: 0.5, rounds: 3, sizes: { events: 9, lines: 5_000 } });
  });

  it('that are wrong are refused, by their name', () => {
    const refused: readonly (readonly [string[], RegExp])[] = [
      [['--only', 'closing'], /no benchmark closing/],
      [['--only', ','], /--only/],
      [['--rounds', '0'], /--rounds/],
      [['--rounds', '1.5'], /--rounds/],
      [['--seconds', '0'], /--seconds/],
      [['--seconds', 'many'], /--seconds/],
      [['--commit-ms', '101'], /--commit-ms/],
      [['--commit-ms=-1'], /--commit-ms/],
      [['--events', '1e6'], /--events/],
      [['--fast'], /--fast/],
    ];
    for (const [args, message] of refused) {
      expect(() => readOptions(args, NAMES)).toThrow(message);
    }
  });
});
