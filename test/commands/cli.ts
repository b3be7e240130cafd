import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { builtCli } from '../support/built-cli.js';

/** How a command ended. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What it printed, where that is one JSON document. */
  readonly json: any;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Runs a command of the built command line to its end. */
export async function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin: string | Uint8Array = '',
): Promise<Ended> {
  const { process, ended } = await startCli(args, env);
  process.stdin!.on('error', () => undefined);
  process.stdin!.end(stdin);
  return ended;
}

/** Starts a command in a process of its own, without the environment of the tests. */
export async function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [await builtCli(), ...args], {
    env: { PATH, HOME, TZ: 'America/St_Johns', ...env },
    stdio: 'pipe',
  });
  const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ended = Promise.all([code, text(child.stdout), text(child.stderr)]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr, json: parsed(stdout) }),
  );
  return { process: child, ended };
}

function parsed(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return undefined;
  }
}
