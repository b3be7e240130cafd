import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ndjsonLines } from '../../src/domain/ndjson-lines.js';

async function* inChunks(text: string, sizes: number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function linesOf(text: string, sizes = [7], limit?: number): Promise<[number, string][]> {
  const lines: [number, string][] = [];
  for await (const { line, bytes } of ndjsonLines(inChunks(text, sizes), limit)) {
    lines.push([line, bytes === undefined ? 'TOO LONG' : Buffer.from(bytes).toString()]);
  }
  return lines;
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });

describe('lines of NDJSON', () => {
  it('are the same however the bytes are cut', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', '"'), maxLength: 12 });
    const limit = 12;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n'))),
        line,
        sizes,
        async (ended, last, sizes) => {
          const text = ended.map(([line, end]) => line + end).join('') + last;
          const expected = [...ended.map(([line]) => line), last]
            .map((line, index) => [index + 1, Buffer.byteLength(line) > limit ? 'TOO LONG' : line])
            .filter(([, line]) => String(line).trim() !== '');
          expect(await linesOf(text, sizes, limit)).toEqual(expected);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each<[string, [number, string][]]>([
    ['', []],
    ['\n', []],
    ['\r\n \t\n', []],
    ['a', [[1, 'a']]],
    ['a\n', [[1, 'a']]],
    [
      'a\r\nb',
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ],
    [
      '\n\na\n\nb\n',
      [
        [3, 'a'],
        [5, 'b'],
      ],
    ],
    ['a\rb\n', [[1, 'a\rb']]],
  ])('of %j are %j', async (text, lines) => {
    expect(await linesOf(text)).toEqual(lines);
  });

  it('may have 64 KiB and no byte more', async () => {
    const full = 'x'.repeat(64 * 1024);
    const text = `a\n${full}\r\n${full}x\nb\n${full}x\r\n${full}\nc\n${full.repeat(5)}`;
    for (const size of [1_000, 64 * 1024, 10_000_000]) {
      expect(await linesOf(text, [size])).toEqual([
        [1, 'a'],
        [2, full],
        [3, 'TOO LONG'],
        [4, 'b'],
        [5, 'TOO LONG'],
        [6, full],
        [7, 'c'],
        [8, 'TOO LONG'],
      ]);
    }
  });

  it('hold no more memory than a line, however long one gets', async () => {
    const chunk = new Uint8Array(64 * 1024).fill(0x78);
    async function* endless() {
      for (let i = 0; i < 4_000; i++) yield chunk;
      yield Buffer.from('\nlast');
    }
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const seen: unknown[] = [];
    for await (const line of ndjsonLines(endless())) {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      seen.push(line.tooLong ?? Buffer.from(line.bytes).toString());
    }
    expect(seen).toEqual([true, 'last']);
    expect(most).toBeLessThan(32 * 1024 * 1024);
  });
});
