// Runs the scale-out in TypeScript without building it: node proof/scale-out.js --seconds 60 [arguments]
import { runTypeScript } from '../storm/run-typescript.js';

await runTypeScript(new URL('scale-out/scale-out.ts', import.meta.url), process.argv.slice(2));
