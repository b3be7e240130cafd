import { describe, expect, it, vi } from 'vitest';
import { fingerprint } from '../../src/domain/fingerprint.js';
import type { Candidate } from '../../src/ledger/candidate.js';
import { RecordingQueue } from '../../src/ledger/recording-queue.js';

const candidate = (id: string): Candidate => {
  const event = {
    usageEventId: id,
    source: '',
    customerId: 'c',
    meter: 'm',
    quantity: '1',
    occurredAt: undefined,
    properties: undefined,
  };
  return {
    index: 0,
    event,
    eventKey: id,
    fingerprint: fingerprint(event),
    historical: false,
    mayAdjust: false,
  };
};

/** Commits when it is told to. */
function controlled() {
  const groups: { ids: string[]; indexes: number[]; finish: (error?: unknown) => void }[] = [];
  const commit = (chunk: readonly Candidate[]) =>
    new Promise<{ status: 'accepted' }[]>((resolve, reject) => {
      const ids = chunk.map((each) => each.event.usageEventId);
      groups.push({
        ids,
        indexes: chunk.map((each) => each.index),
        finish: (error) =>
          error === undefined ? resolve(chunk.map(() => ({ status: 'accepted' }))) : reject(error),
      });
    });
  return { groups, commit };
}

const settle = () => new Promise((resume) => setImmediate(resume));

describe('the recording queue', () => {
  it('sends who comes while its lanes are busy together with the next commit', async () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(1, commit);
    const answers = ['a', 'b', 'c'].map((id) => queue.add([candidate(id)]));
    expect(groups.map((group) => group.ids)).toEqual([['a']]);
    groups[0]!.finish();
    await answers[0];
    await settle();
    expect(groups.map((group) => group.ids)).toEqual([['a'], ['b', 'c']]);
    expect(groups[1]!.indexes).toEqual([0, 1]);
    groups[1]!.finish();
    expect(await Promise.all(answers)).toHaveLength(3);
  });

  it('opens another lane at once for many', () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(3, commit);
    void queue.add([candidate('first')]);
    for (let i = 0; i < 31; i++) void queue.add([candidate(`few-${i}`)]);
    expect(groups).toHaveLength(1);
    void queue.add([candidate('last')]);
    expect(groups.map((group) => group.ids.length)).toEqual([1, 32]);
  });

  it('has few wait for the lane before them, but not for one that is held up', async () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(3, commit);
    const heldUp = queue.add([candidate('held up')]);
    const few = ['a', 'b'].map((id) => queue.add([candidate(id)]));
    await settle();
    expect(groups).toHaveLength(1);
    await vi.waitFor(() => expect(groups.map(({ ids }) => ids)).toEqual([['held up'], ['a', 'b']]));
    groups[1]!.finish();
    expect(await Promise.all(few)).toHaveLength(2);
    groups[0]!.finish();
    await heldUp;
  });

  it('takes no more events into a transaction than a close may wait for', async () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(1, commit);
    const answers = [1, 300, 200, 1].map((n, i) =>
      queue.add(Array.from({ length: n }, (_, j) => candidate(`${i}-${j}`))),
    );
    groups[0]!.finish();
    await settle();
    expect(groups[1]!.ids).toHaveLength(500);
    groups[1]!.finish();
    await settle();
    groups[2]!.finish();
    expect((await Promise.all(answers)).map((verdicts) => verdicts.length)).toEqual([
      1, 300, 200, 1,
    ]);
  });

  it('tries each alone where some row is at fault, so that only its own request fails', async () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(1, commit);
    const first = queue.add([candidate('first')]);
    const [good, poison, other] = ['good', 'poison', 'other'].map((id) =>
      queue.add([candidate(id)]),
    );
    const failure = expect(poison).rejects.toThrow('overflow');
    groups[0]!.finish();
    await first;
    await settle();
    groups[1]!.finish(Object.assign(new Error('numeric field overflow'), { code: '22003' }));
    for (let next = 2; next < 5; next++) {
      await settle();
      const isPoison = groups[next]!.ids[0] === 'poison';
      groups[next]!.finish(
        isPoison ? Object.assign(new Error('overflow'), { code: '22003' }) : undefined,
      );
    }
    await failure;
    expect(await good).toEqual([{ status: 'accepted' }]);
    expect(await other).toEqual([{ status: 'accepted' }]);
  });

  it('fails all of a group where the database is away', async () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(1, commit);
    const first = queue.add([candidate('first')]);
    const answers = ['a', 'b'].map((id) => queue.add([candidate(id)]));
    groups[0]!.finish();
    await first;
    await settle();
    const failures = answers.map((answer) => expect(answer).rejects.toThrow('terminated'));
    groups[1]!.finish(new Error('Connection terminated unexpectedly'));
    await Promise.all(failures);
  });

  it('records copies one after the other, in the order they came, and lets others pass', async () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(3, commit);
    const answers = [['a', 'b'], ['b', 'c'], ['c'], ['d']].map((ids) =>
      queue.add(ids.map(candidate)),
    );
    await vi.waitFor(() => expect(groups).toHaveLength(2));
    // The third waits for the second, which stands before it with an id that both have.
    expect(groups.map((group) => group.ids)).toEqual([['a', 'b'], ['d']]);
    groups[1]!.finish();
    await answers[3];
    await settle();
    expect(groups).toHaveLength(2);
    groups[0]!.finish();
    await answers[0];
    await settle();
    expect(groups.slice(2).map((group) => group.ids)).toEqual([['b', 'c', 'c']]);
    groups[2]!.finish();
    expect(await Promise.all(answers)).toHaveLength(4);
  });

  it('lets a copy go on where what it waited for has failed', async () => {
    const { groups, commit } = controlled();
    const queue = new RecordingQueue(2, commit);
    const first = expect(queue.add([candidate('a')])).rejects.toThrow('terminated');
    const second = queue.add([candidate('a')]);
    groups[0]!.finish(new Error('Connection terminated unexpectedly'));
    await first;
    await settle();
    groups[1]!.finish();
    expect(await second).toEqual([{ status: 'accepted' }]);
  });

  it('asks to come back where too many wait', async () => {
    const queue = new RecordingQueue(1, controlled().commit);
    const thousand = Array.from({ length: 1_000 }, (_, i) => candidate(String(i)));
    for (let i = 0; i < 21; i++) void queue.add(thousand);
    await expect(queue.add(thousand)).rejects.toThrow(/send them again/);
  });
});
