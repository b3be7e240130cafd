/** Where in its work a process may die. */
export type Moment = 'before query' | 'after query' | 'before call' | 'in call' | 'after call';

/**
 * The life of one simulated process. Once killed, nothing it does reaches anybody: what it waits for
 * never comes, as after a kill -9.
 */
export class Life {
  private left = Infinity;
  private readonly kills: (() => void)[] = [];
  private end: () => void = () => undefined;
  /** Resolves at the kill. */
  readonly ended = new Promise<void>((resolve) => {
    this.end = resolve;
  });
  isOver = false;
  /** Where it died. */
  diedAt = '';

  /** Has the process die at the n-th moment from now. */
  dieAfter(moments: number): void {
    this.left = moments;
  }

  spare(): void {
    this.left = Infinity;
  }

  onKill(kill: () => void): void {
    this.kills.push(kill);
  }

  /** @returns Whether the process still lives. */
  pass(moment: Moment, what: string): boolean {
    if (this.isOver) return false;
    this.left -= 1;
    if (this.left < 1) {
      this.diedAt = `${moment} ${what}`;
      this.kill();
    }
    return !this.isOver;
  }

  kill(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const kill of this.kills) kill();
    this.end();
  }
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
