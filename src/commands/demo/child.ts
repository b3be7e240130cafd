import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { variableNames } from '../../config/config.js';

/** A server has ten seconds to end. */
const STOP_TIMEOUT_MS = 12_000;

/** A program of ours in a process of its own; it ends with this process, however that ends. */
export class Child {
  private readonly process: ChildProcess;
  private readonly ended: Promise<unknown>;
  private readonly killAtExit = (): void => void this.process.kill('SIGKILL');

  /** @param args The file that node runs, and its arguments. */
  constructor(
    args: readonly string[],
    variables: Readonly<Record<string, string>>,
    private readonly logFile: string,
  ) {
    const log = openSync(logFile, 'a');
    this.process = spawn(process.execPath, [...args], {
      env: { ...foreignVariables(), ...variables },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.ended = once(this.process, 'exit');
    this.ended.catch(() => undefined);
    process.once('exit', this.killAtExit);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** As a power cut would: it learns nothing of it. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.gone();
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.gone();
    clearTimeout(timer);
  }

  /** The first line of its output that is JSON, once it is there. */
  firstDocument(): Record<string, string> | undefined {
    const line = this.log().find((text) => text.startsWith('{') && text.endsWith('}'));
    return line === undefined ? undefined : (JSON.parse(line) as Record<string, string>);
  }

  /** What it said last, for whoever wants to know why it ended. */
  lastWords(): string {
    return this.log().slice(-5).join('\n');
  }

  private log(): string[] {
    return readFileSync(this.logFile, 'utf8').trim().split('\n');
  }

  private async gone(): Promise<void> {
    if (!this.hasEnded) await this.ended;
    process.off('exit', this.killAtExit);
  }
}

/** Everything but what configures Countonce: no child may touch a database that is meant for more. */
function foreignVariables(): NodeJS.ProcessEnv {
  const ours = new Set(variableNames());
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.has(name)));
}
