// Runs the proof in TypeScript without building it: node proof/run.js --seconds 60 [arguments]
import { runTypeScript } from '../storm/run-typescript.js';

await runTypeScript(new URL('proof.ts', import.meta.url), process.argv.slice(2));
