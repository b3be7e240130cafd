import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../src/commands/demo/child.js';

const POLL_MS = 50;
const AT_WORK_MS = 2_000;

/** A process of the product that is started again whenever it is gone, as by systemd. */
export class ProductProcess {
  private child: Child | undefined;
  private keeping: Promise<void> | undefined;
  private isStopping = false;
  private startedMs = 0;
  private readyMs: number | undefined;
  /** How often it ended without having been killed. */
  endedByItself = 0;

  /** @param port Where it listens. */
  constructor(
    readonly name: string,
    private readonly args: readonly string[],
    private readonly variables: Readonly<Record<string, string>>,
    readonly port: number,
    readonly logFile: string,
  ) {}

  get isReady(): boolean {
    return this.readyMs !== undefined;
  }

  /** Ready for as long as it took to get there: it has something to lose. */
  get isAtWork(): boolean {
    const { readyMs, startedMs } = this;
    if (readyMs === undefined) return false;
    return performance.now() - readyMs > Math.min(readyMs - startedMs, AT_WORK_MS);
  }

  start(): void {
    this.keeping ??= this.keepRunning();
  }

  /** As a power cut would; it comes back by itself. */
  async kill(): Promise<void> {
    this.readyMs = undefined;
    const { child } = this;
    this.child = undefined;
    await child?.kill();
  }

  /** Ends it for good, without a word. */
  async end(): Promise<void> {
    this.isStopping = true;
    await this.keeping;
    await this.kill();
  }

  lastWords(): string {
    return this.child?.lastWords() ?? '';
  }

  private async keepRunning(): Promise<void> {
    while (!this.isStopping) {
      if (this.child?.hasEnded === true) {
        this.endedByItself++;
        await this.kill();
      }
      if (this.child === undefined) this.launch();
      if (!this.isReady && (await this.answers())) this.readyMs = performance.now();
      await sleep(POLL_MS);
    }
  }

  private launch(): void {
    this.startedMs = performance.now();
    const variables = { ...this.variables, PORT: String(this.port) };
    this.child = new Child(this.args, variables, this.logFile);
  }

  private async answers(): Promise<boolean> {
    const { child } = this;
    const signal = AbortSignal.timeout(2_000);
    const url = `http://127.0.0.1:${this.port}/health/ready`;
    const ready = await fetch(url, { signal }).catch(() => undefined);
    await ready?.text().catch(() => undefined);
    // It may have been killed while it answered.
    return ready?.ok === true && child === this.child;
  }
}
