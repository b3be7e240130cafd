// Runs a benchmark in TypeScript without building it: node bench/run.js close-wait [arguments]
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !/^[a-z-]+$/.test(name)) {
  process.stderr.write('usage: node bench/run.js NAME, where bench/NAME.ts is a benchmark\n');
  process.exit(2);
}
const { module } = await runnerImport(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), {
  root: fileURLToPath(new URL('..', import.meta.url)),
  configFile: false,
  // Node 20 does not know `using` yet.
  oxc: { target: 'es2022' },
  logLevel: 'error',
});
await module.main(rest);
