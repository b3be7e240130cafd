/**
 * Which way imports may go: docs/architecture.md, «The rows». A row imports its own folder, rows
 * below it, and nothing above it; the stages of row 5 know nothing of one another.
 */
const rows = [
  { name: 'domain', folders: ['domain'] },
  { name: 'ground', folders: ['problem', 'config', 'clock', 'database', 'metrics', 'answers'] },
  {
    name: 'registers',
    folders: ['ledger', 'meters', 'customers', 'access', 'idempotency', 'stripe'],
  },
  { name: 'totals', folders: ['usage', 'outbox', 'quarantine'] },
  {
    name: 'stages',
    folders: [
      'ingest',
      'corrections',
      'periods',
      'push',
      'webhooks',
      'reconciliation',
      'replay',
      'retention',
      'erasure',
      'health',
      'openapi',
    ],
  },
];
/** Row 6, what puts the rest together. `options` is a type that both sides of it speak of. */
const ENTRIES =
  '^src/(?:main|cli|index|app|options|countonce\\.module|controllers|data-source)\\.ts$';
const COMMANDS = '^src/commands/';

const foldersOf = (chosen) => `^src/(?:${chosen.flatMap((row) => row.folders).join('|')})/`;
const stages = rows.at(-1);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...rows.slice(1, -1).map((row, index) => ({
      name: `${row.name}-import-nothing-above`,
      comment: `Row ${index + 2} (${row.folders.join(', ')}) is below the ones it would import.`,
      severity: 'error',
      from: { path: foldersOf([row]) },
      to: { path: foldersOf(rows.slice(index + 2)) },
    })),
    {
      name: 'rows-do-not-import-what-starts-them',
      comment: 'Entry files, the module and the commands put the rows together.',
      severity: 'error',
      from: { path: foldersOf(rows) },
      to: { path: [ENTRIES, COMMANDS] },
    },
    {
      name: 'stages-do-not-know-one-another',
      comment: 'Stages talk through tables, so that each can die between two of them.',
      severity: 'error',
      from: { path: `^src/(${stages.folders.join('|')})/` },
      to: { path: foldersOf([stages]), pathNot: '^src/$1/' },
    },
    {
      name: 'replay-cannot-reach-stripe',
      comment:
        'Rebuilding totals must push nothing: what could is not in the process that does it.',
      severity: 'error',
      from: { path: '^src/(?:replay/|commands/replay\\.ts$)' },
      to: {
        path: '^src/(?:push|stripe|outbox|webhooks)/|(?:^|/)node_modules/stripe/',
        reachable: true,
      },
    },
    {
      name: 'verification-cannot-reach-a-database',
      comment: 'A file of evidence is checked where there is neither database nor network.',
      severity: 'error',
      from: { path: '^src/commands/(?:verify-statement\\.ts$|verification/)' },
      to: {
        path: '^src/(?:database|data-source)|(?:^|/)node_modules/(?:pg|typeorm|stripe|fastify|@nestjs)/',
        reachable: true,
      },
    },
    {
      name: 'domain-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { path: '^(?:src|migrations|simulator)/', pathNot: '^src/domain/' },
    },
    {
      name: 'every-folder-has-a-row',
      comment: 'A new folder under src/ belongs into a row, here and in docs/architecture.md.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: [foldersOf(rows), ENTRIES, COMMANDS] },
    },
    {
      name: 'only-stripe-imports-the-sdk',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/stripe/' },
      to: { path: '(?:^|/)node_modules/stripe/' },
    },
    {
      name: 'only-commands-import-the-simulator',
      severity: 'error',
      from: { path: '^src/', pathNot: COMMANDS },
      to: { path: '^simulator/' },
    },
    {
      name: 'the-simulator-imports-nothing-of-ours',
      comment: 'It stands for Stripe: what it shared with us, no test could find wrong.',
      severity: 'error',
      from: { path: '^simulator/' },
      to: { path: '^(?:src|migrations|test|bench|storm|proof|fuzz|examples)/' },
    },
    {
      name: 'only-tests-import-tests',
      severity: 'error',
      from: { path: '^(?:src|migrations|simulator/src)/' },
      to: { path: '(?:^|/)test/' },
    },
    {
      name: 'migrations-import-nothing-of-ours',
      comment:
        'A migration that has run must not change with the code. Rights do: every run of migrate ' +
        'sets them anew, over the tables that there are.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^(?:src|simulator)/', pathNot: '^src/database/roles\\.ts$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { pathNot: 'node_modules' },
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'Nothing imports it and it imports nothing: it is not used.',
      severity: 'error',
      from: { orphan: true, path: '^(?:src|simulator/src)/' },
      to: {},
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      from: { path: '^(?:src|simulator/src)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'],
      },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: { pathNot: 'node_modules' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: '^node_modules/' },
    exclude: { path: '(?:^|/)dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
