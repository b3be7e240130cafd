import { mergeConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { chosenGroup } from './stryker.groups.js';
import base from './vitest.config.js';

const { tests, isPure } = chosenGroup();

/** As vitest remembers how long each took: most faults are found within a second or two. */
class QuickestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return super.sort(files).then((sorted) => sorted.toReversed());
  }
}

// A list that is merged is added to, so those that are replaced go first.
const replaced = { include: [], ...(isPure ? { globalSetup: [] } : {}) };

/** The tests of one group, for `npm run mutate`. */
export default mergeConfig(
  { ...base, test: { ...base.test, ...replaced } },
  {
    test: {
      include: [...tests],
      testTimeout: 30_000,
      hookTimeout: 30_000,
      isolate: false,
      sequence: { sequencer: QuickestFirst },
    },
  },
);
