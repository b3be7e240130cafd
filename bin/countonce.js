#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = new URL('../dist/src/cli.js', import.meta.url);

// A checkout that has not been built yet, with or without npm's install scripts: build it once.
if (!existsSync(cli)) {
  process.stderr.write('countonce: building (once)...\n');
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  for (const project of ['simulator', 'tsconfig.build.json']) {
    const built = spawnSync(process.execPath, [tsc, '-p', project], {
      cwd: root,
      stdio: ['ignore', 2, 2],
    });
    if (built.status !== 0) process.exit(built.status ?? 1);
  }
}

await import(cli.href);
