// Runs one of the processes that a benchmark forks: node bench/run-child.js load/load-process.ts
import { runTypeScript } from '../storm/run-typescript.js';

const [program, ...rest] = process.argv.slice(2);
await runTypeScript(new URL(program, import.meta.url), rest);
