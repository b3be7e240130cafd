import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { builtCli } from '../support/built-cli.js';
import { call, type Answer } from '../support/app.js';

/** A whole server in a process of its own, as it is shipped, that can be killed. */
export class KillableServer implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
    private readonly apiKey: string,
  ) {}

  static async start(env: Record<string, string>, apiKey: string): Promise<KillableServer> {
    const child = spawn(process.execPath, [await builtCli(), 'serve'], {
      env: { PATH: process.env['PATH'], PORT: '0', BOOTSTRAP_API_KEY: apiKey, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
      if (msg !== 'ready' || url === undefined) continue;
      child.stdout.resume();
      return new KillableServer(child, url, apiKey);
    }
    throw new Error('the server ended before it was ready');
  }

  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer> {
    return call(this.url, this.apiKey, method, path, body, headers);
  }

  /** At once, as the kernel does it. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }
}
