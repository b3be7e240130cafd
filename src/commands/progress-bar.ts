import { Presets, SingleBar } from 'cli-progress';

/** A bar on stderr where a person looks on, and nothing at all elsewhere. */
export class ProgressBar implements Disposable {
  private readonly bar: SingleBar | undefined;

  /** @param format As of cli-progress: `{bar}`, `{percentage}`, `{eta_formatted}` and the payload. */
  constructor(total: number, format: string, payload: Readonly<Record<string, string | number>>) {
    if (!process.stderr.isTTY) return;
    const options = { format, stream: process.stderr, clearOnComplete: true, etaBuffer: 50 };
    this.bar = new SingleBar(options, Presets.shades_classic);
    this.bar.start(total, 0, payload);
  }

  update(value: number, payload: Readonly<Record<string, string | number>> = {}): void {
    this.bar?.update(value, payload);
  }

  grow(total: number): void {
    this.bar?.setTotal(total);
  }

  [Symbol.dispose](): void {
    this.bar?.stop();
  }
}
