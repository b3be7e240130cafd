import type { VirtualClock } from './clock.js';

/** A time in which every connection closes before anything is done. */
export class Outage {
  #until: { time: 'virtual' | 'real'; atMs: number } | null = null;

  constructor(private readonly clock: VirtualClock) {}

  start(forMs: number, time: 'virtual' | 'real'): void {
    this.#until = { time, atMs: this.#nowMs(time) + forMs };
  }

  isOn(): boolean {
    return this.#until !== null && this.#nowMs(this.#until.time) < this.#until.atMs;
  }

  end(): void {
    this.#until = null;
  }

  #nowMs(time: 'virtual' | 'real'): number {
    return time === 'virtual' ? this.clock.nowMs() : performance.now();
  }
}
