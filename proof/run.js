// Runs the proof in TypeScript without building it: node proof/run.js --seconds 60 [arguments]
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const { module } = await runnerImport(fileURLToPath(new URL('proof.ts', import.meta.url)), {
  root: fileURLToPath(new URL('..', import.meta.url)),
  configFile: false,
  // Node 20 does not know `using` yet.
  oxc: { target: 'es2022' },
  resolve: {
    alias: {
      '@countonce/stripe-simulator': fileURLToPath(
        new URL('../simulator/src/index.ts', import.meta.url),
      ),
    },
  },
  logLevel: 'error',
});
await module.main(process.argv.slice(2));
