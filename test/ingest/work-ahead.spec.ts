import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { workAhead } from '../../src/ingest/work-ahead.js';

/** What is worked on, each until it is told to end. */
function works() {
  const begun: number[] = [];
  const ends = new Map<number, (error?: Error) => void>();
  const work = (item: number): Promise<string> =>
    new Promise((resolve, reject) => {
      begun.push(item);
      ends.set(item, (error) => (error === undefined ? resolve(`${item}!`) : reject(error)));
    });
  return { begun, work, end: (item: number, error?: Error) => ends.get(item)!(error) };
}

async function* from(items: readonly number[], failure?: Error): AsyncGenerator<number> {
  for (const item of items) {
    await turn();
    yield item;
  }
  if (failure !== undefined) throw failure;
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await turn();
};

describe('work ahead', () => {
  it('has so many at work, and gives the results in order', async () => {
    const { begun, work, end } = works();
    const results = workAhead(from([1, 2, 3]), 2, work);
    const first = results.next();
    await turns();
    expect(begun).toEqual([1, 2]);
    end(2);
    await turns();
    expect(begun).toEqual([1, 2]);
    end(1);
    expect(await first).toEqual({ done: false, value: '1!' });
    expect(await results.next()).toEqual({ done: false, value: '2!' });
    const third = results.next();
    await turns();
    end(3);
    expect(await third).toEqual({ done: false, value: '3!' });
    expect((await results.next()).done).toBe(true);
  });

  it('gives a result though the source waits for it before it has more', async () => {
    const { work, end } = works();
    let answered: () => void = () => undefined;
    async function* asking(): AsyncGenerator<number> {
      yield 1;
      await new Promise<void>((resume) => (answered = resume));
      yield 2;
    }
    const results = workAhead(asking(), 2, work);
    const first = results.next();
    await turns();
    end(1);
    expect((await first).value).toBe('1!');
    answered();
    const second = results.next();
    await turns();
    end(2);
    expect((await second).value).toBe('2!');
  });

  it('tells first what came before the source failed', async () => {
    const { work, end } = works();
    const results = workAhead(from([1], new Error('cut off')), 3, work);
    const first = results.next();
    await turns();
    end(1);
    expect((await first).value).toBe('1!');
    await expect(results.next()).rejects.toThrow('cut off');
  });

  it('waits for what is at work where one of them fails, or nobody asks for more', async () => {
    const { begun, work, end } = works();
    const results = workAhead(from([1, 2, 3]), 2, work);
    let outcome = 'none';
    results.next().then(
      () => (outcome = 'result'),
      (error: Error) => (outcome = error.message),
    );
    await turns();
    end(1, new Error('lost'));
    await turns();
    expect(outcome).toBe('none');
    end(2);
    await turns();
    expect(outcome).toBe('lost');
    expect(begun).toEqual([1, 2]);

    const { work: other, end: endOther } = works();
    const left = workAhead(from([1, 2, 3]), 2, other);
    const first = left.next();
    await turns();
    endOther(1);
    await first;
    let isLeft = false;
    void left.return().then(() => (isLeft = true));
    await turns();
    expect(isLeft).toBe(false);
    endOther(2);
    await turns();
    expect(isLeft).toBe(true);
  });
});
