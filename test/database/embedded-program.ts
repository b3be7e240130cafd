import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { temporaryFolder } from '../support/temporary-folder.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Starts the server, says its address, and then ends the way its standard input tells it to. */
const PROGRAM = `
import { startEmbeddedPostgres } from './embedded-postgres.js';
try {
  const settings = { fsync: 'off' };
  const [, , dataDir, programsDir] = process.argv;
  const server = await startEmbeddedPostgres({ dataDir, programsDir, settings });
  console.log(JSON.stringify({ url: server.url }));
  process.stdin.once('data', async (word) => {
    if (String(word) === 'exit') process.exit(0);
    if (String(word) === 'stop') await server.stop();
    process.stdin.destroy();
  });
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
`;

/** Compiles src/database into a folder of its own, so that node runs it without a test runner. */
export function compileProgram(target = ownFolder()): string {
  const source = join(PROJECT, 'src/database');
  const files = [
    'embedded-postgres.ts',
    ...readdirSync(join(source, 'embedded')).map((name) => `embedded/${name}`),
  ];
  for (const file of files) {
    const { outputText } = ts.transpileModule(readFileSync(join(source, file), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
    });
    const path = join(target, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, outputText);
  }
  writeFileSync(join(target, 'package.json'), '{"type":"module"}');
  const program = join(target, 'program.js');
  writeFileSync(program, PROGRAM);
  return program;
}

function ownFolder(): string {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

export interface RunningProgram {
  readonly child: ChildProcess;
  readonly url: string;
  /** Ends it by a signal, by `process.exit`, by `stop()`, or by having nothing left to do. */
  end(how: NodeJS.Signals | 'exit' | 'stop' | 'nothing left'): Promise<void>;
}

const programs = new Set<ChildProcess>();

export interface Circumstances {
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly programsDir?: string;
  /** A command that runs it, e.g. with fewer rights. */
  readonly through?: readonly string[];
}

export async function runProgram(
  program: string,
  dataDir: string,
  { user, programsDir, through = [] }: Circumstances = {},
): Promise<RunningProgram> {
  const called = [...through, process.execPath, program, dataDir];
  if (programsDir !== undefined) called.push(programsDir);
  const [command = '', ...args] = called;
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...user });
  programs.add(child);
  const ended = once(child, 'exit').finally(() => programs.delete(child));
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [
    string,
  ];
  const said = JSON.parse(line) as { url?: string; error?: string };
  if (said.url === undefined) {
    await ended;
    throw new Error(said.error);
  }
  return {
    child,
    url: said.url,
    async end(how) {
      if (how.startsWith('SIG')) child.kill(how as NodeJS.Signals);
      else child.stdin.write(how);
      await ended;
    },
  };
}

/** Kills what a failed test left running; the watchdogs see to the servers. */
export function killPrograms(): void {
  for (const child of programs) child.kill('SIGKILL');
}

/** Waits without a limit of its own: the test's time-out tells what never came. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}
