// Runs the fuzzer in TypeScript without building it: node fuzz/run.js --requests 1000 [arguments]
import { runTypeScript } from '../storm/run-typescript.js';

await runTypeScript(new URL('fuzz.ts', import.meta.url), process.argv.slice(2));
