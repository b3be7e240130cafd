/**
 * Works on what a source yields, several at a time, and yields the results in the order of the source:
 * each as soon as it is its turn, whether or not the source has more by then.
 *
 * Where the source or a work fails, what came before is yielded first. However it ends, nothing is at
 * work any more afterwards.
 *
 * @param atOnceMax How many are at work at most.
 */
export async function* workAhead<Item, Result>(
  source: AsyncIterable<Item>,
  atOnceMax: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const items = source[Symbol.asyncIterator]();
  const atWork: Promise<Result>[] = [];
  let next: Promise<IteratorResult<Item>> | undefined;
  let isOver = false;
  try {
    for (;;) {
      const [oldest] = atWork;
      if (!isOver && atWork.length < atOnceMax) {
        next ??= watched(items.next());
        if (oldest === undefined || (await isFirst(next, oldest))) {
          const coming = next;
          next = undefined;
          try {
            const item = await coming;
            if (item.done === true) isOver = true;
            else atWork.push(watched(work(item.value)));
          } catch (error) {
            isOver = true;
            atWork.push(watched(Promise.reject<Result>(error as Error)));
          }
          continue;
        }
      }
      if (oldest === undefined) return;
      yield await oldest;
      void atWork.shift();
    }
  } finally {
    if (!isOver) void items.return?.().catch(() => undefined);
    await Promise.allSettled(atWork);
  }
}

/** Whether one has an outcome before another has. */
function isFirst(one: Promise<unknown>, other: Promise<unknown>): Promise<boolean> {
  return Promise.race([
    one.then(
      () => true,
      () => true,
    ),
    other.then(
      () => false,
      () => false,
    ),
  ]);
}

/** Its failure is looked at in its turn; until then it must not end the process. */
function watched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
