import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, readFile } from 'node:fs/promises';
import { closeSync, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandFailure } from '../../src/commands/command-failure.js';
import { freePort } from '../../src/commands/demo/free-port.js';
import { waitFor } from '../../src/commands/demo/pause.js';

const CONFIG = fileURLToPath(new URL('../../examples/haproxy/haproxy.cfg', import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** @throws CommandFailure where there is none, with what to install. */
export async function findHaproxy(): Promise<string> {
  const path = process.env['PATH'] ?? '';
  for (const folder of path.split(delimiter).filter((each) => each !== '')) {
    const file = join(folder, 'haproxy');
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  throw new CommandFailure(
    'HAProxy is not on PATH. Install it and try again: `apt-get install haproxy` (Debian, Ubuntu), ' +
      '`dnf install haproxy` (Fedora), `brew install haproxy` (macOS). Debian puts it into /usr/sbin.',
    'haproxy_not_found',
  );
}

/** HAProxy with the configuration of examples/haproxy, before processes on ports of this machine. */
export class Haproxy implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly killAtExit = (): void => void this.child.kill('SIGKILL');

  private constructor(
    file: string,
    private readonly port: number,
    targets: readonly number[],
    private readonly logFile: string,
  ) {
    const servers = targets.map((target, n) => [`API_${n + 1}`, `127.0.0.1:${target}`]);
    const log = openSync(logFile, 'a');
    this.child = spawn(file, ['-db', '-f', CONFIG], {
      env: { ...Object.fromEntries(servers), BIND: `127.0.0.1:${port}` },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    process.once('exit', this.killAtExit);
  }

  /** @param targets Ports of as many API processes as the configuration has servers. */
  static async start(
    options: {
      readonly file: string;
      readonly targets: readonly number[];
      readonly folder: string;
    },
    signal: AbortSignal,
  ): Promise<Haproxy> {
    const { file, targets, folder } = options;
    const haproxy = new Haproxy(file, await freePort(), targets, join(folder, 'haproxy.log'));
    try {
      await waitFor('The start of HAProxy', START_TIMEOUT_MS, signal, () => haproxy.passes());
      return haproxy;
    } catch (error) {
      await haproxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    process.off('exit', this.killAtExit);
  }

  private get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private async passes(): Promise<true | undefined> {
    if (this.hasEnded) {
      const said = await readFile(this.logFile, 'utf8');
      throw new CommandFailure(`HAProxy ended: ${said.trim()}`, 'haproxy_ended');
    }
    const ready = await fetch(`${this.url}/health/ready`).catch(() => undefined);
    await ready?.text().catch(() => undefined);
    return ready?.ok === true ? true : undefined;
  }
}
