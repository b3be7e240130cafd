import { chosenGroup } from './stryker.groups.js';

const { name, mutate } = chosenGroup();
const folder = `reports/mutation/${name}`;

/** `npm run mutate` puts faults into a group of files and counts how many its tests find. */
export default {
  mutate: [...mutate],
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  coverageAnalysis: 'perTest',
  // Kept from run to run: only what has changed since is tried again.
  incremental: true,
  incrementalFile: `${folder}/incremental.json`,
  tempDirName: '.stryker',
  reporters: ['progress', 'clear-text', 'html', 'json'],
  htmlReporter: { fileName: `${folder}/index.html` },
  jsonReporter: { fileName: `${folder}/mutation.json` },
  clearTextReporter: { allowColor: false, reportTests: false },
  // A fault that makes a loop endless counts as found. One that no test finds runs them all, beside
  // others: with a minute, and six at a time on two processors, many of those counted as found.
  timeoutMS: 240_000,
  // More than there are processors: tests of faults wait for what never comes.
  concurrency: 4,
  dryRunTimeoutMinutes: 60,
  thresholds: { high: 95, low: 85, break: 85 },
  // Texts of SQL that are read once, when the process starts: each would cost a run of every test.
  ignoreStatic: true,
  disableTypeChecks: 'src/**/*.ts',
};
