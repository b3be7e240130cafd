import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

/**
 * Loads a program in TypeScript without building it, and runs its `main`.
 *
 * @param {URL} program
 * @param {readonly string[]} args
 */
export async function runTypeScript(program, args) {
  const { module } = await runnerImport(fileURLToPath(program), {
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
  await module.main(args);
}
