// Runs the storm in TypeScript without building it: node storm/run.js --seeds 200 [arguments]
import { runTypeScript } from './run-typescript.js';

await runTypeScript(new URL('storm.ts', import.meta.url), process.argv.slice(2));
