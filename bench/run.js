// Runs the benchmarks in TypeScript without building them: npm run bench -- [arguments]
import { runTypeScript } from '../storm/run-typescript.js';

await runTypeScript(new URL('bench.ts', import.meta.url), process.argv.slice(2));
